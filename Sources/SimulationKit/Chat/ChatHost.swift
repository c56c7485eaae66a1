import Chat
import Consensus
import Storage
import Vocabulary
import Wire

/// What the chat side of a simulated node needs of its node.
protocol ChatHost: AnyObject {
    var leaders: LeaderHints { get }
    func propose(_ command: Command, group: GroupID) -> Result<Void, ProposalRefusal>
    /// Registers a read (rule Q1) and names it; `nil` when this node does not lead.
    func confirmRead(_ group: GroupID) -> UInt64?
    /// The last entry that is applied here.
    func applied(_ group: GroupID) -> LogIndex
    func reader(of group: GroupID) -> ChatReader<InMemoryStateStore.View>
}

/// The leader's machines of one partition, and who waits for their answers.
struct LedPartition {
    enum Origin {
        case own(id: UInt64)
        case peer(NodeID, id: UInt64)
    }

    let term: Term
    var machines: PartitionLeader<MachinesInPlace>
    var origins: [UInt64: Origin] = [:]
    private var lastToken: UInt64 = 0

    init(
        term: Term, partition: PartitionID, partitionCount: Int, limits: Limits, push: PushMachine.Rules
    ) {
        self.term = term
        machines = PartitionLeader(
            partition: partition, partitionCount: partitionCount, limits: limits, push: push,
            home: MachinesInPlace())
    }

    mutating func token(for origin: Origin) -> UInt64 {
        lastToken += 1
        origins[lastToken] = origin
        return lastToken
    }
}
