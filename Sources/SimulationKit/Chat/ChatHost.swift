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
    func reader(of group: GroupID) -> ChatReader<InMemoryStateStore.View>
}

/// The leader's machines of one partition, and who waits for their answers.
struct LedPartition {
    enum Origin {
        case own(id: UInt64)
        case peer(NodeID, id: UInt64)
    }

    let term: Term
    var conversations: ConversationPartition
    var users: UserPartition
    var origins: [UInt64: Origin] = [:]
    private var lastToken: UInt64 = 0

    init(term: Term, partitionCount: Int, limits: Limits) {
        self.term = term
        conversations = ConversationPartition(partitionCount: partitionCount, limits: limits)
        users = UserPartition(limits: limits)
    }

    mutating func token(for origin: Origin) -> UInt64 {
        lastToken += 1
        origins[lastToken] = origin
        return lastToken
    }
}

extension Operation {
    /// True for what a conversation's partition carries out.
    var isOfConversation: Bool {
        switch self {
        case .send, .receipt, .history, .catchUp, .group, .changeMessage, .setDisappearing, .messageInfo,
            .groupQuery, .memberFlags, .typing, .eraseMember, .clear:
            true
        default: false
        }
    }

    /// True for what must see everything committed before it.
    var isRead: Bool {
        switch self {
        case .history, .catchUp, .messageInfo, .groupQuery: true
        case .account(let request): !request.isChange
        case .privacy(let request): !request.isChange
        case .presenceOf: true
        case .conversations, .openSession, .usersExist, .presence, .devices, .mayAdd: true
        case .receipt(let request): if case .message = request.target { true } else { false }
        default: false
        }
    }
}
