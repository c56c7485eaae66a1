import Chat
import Consensus
import PeerTransport
import Vocabulary
import Wire

/// What a led partition has others do: conversations of any partition, and the node's push service.
extension ShardActor {
    /// Has devices told by push.
    func order(_ job: PushJob, in leading: LeadingPartition) {
        let group = leading.group
        let term = leading.term
        let shard = ports.shard(of: group)
        ports.push(job) { result in shard.post(.pushed(result, group, term)) }
    }

    /// The result of a job, when this is still the leadership that ordered it.
    func pushed(_ result: PushJobResult, group: GroupID, term: Term) {
        guard let leading = groups[group]?.leading, leading.term == term else { return }
        perform(leading.machines.users.pushed(result, now: moment()), in: leading)
    }

    /// Asks a conversation on behalf of a user of `leading`.
    func ask(_ request: EraseMemberRequest, in leading: LeadingPartition) {
        guard let metadata else { return }
        let mailbox = ports.shards[index]
        let group = leading.group
        let target = GroupID.of(request.conversation, metadata.partitionCount)
        ports.perform(.eraseMember(request), group: target, on: index) { result in
            mailbox.post(.memberErased(group, request, result))
        }
    }

    func memberErased(_ request: EraseMemberRequest, _ result: OperationResult, group: GroupID) {
        guard let leading = groups[group]?.leading else { return }
        perform(leading.machines.users.erased(request, result, now: moment()), in: leading)
    }

    /// Flags for conversations of any partitions; what is not answered in time is sent again. Call after every
    /// batch of outcomes: a new direct conversation learns at once that a user has receipts off, for a flush
    /// later its first receipt might be there before.
    func sendCopies(_ leading: LeadingPartition, now: Tick) {
        guard leading.machines.users.hasCopies, let metadata else { return }
        let copies = leading.machines.users.takeCopies(now: now, reader: reader(leading.group))
        guard !copies.isEmpty else { return }
        let mailbox = ports.shards[index]
        let group = leading.group
        let parts = Dictionary(grouping: copies) { GroupID.of($0.conversation, metadata.partitionCount) }
        for (target, part) in parts.sorted(by: { $0.key < $1.key }) {
            ports.perform(.memberFlags(part), group: target, on: index) { result in
                if result == .ok { mailbox.post(.flagsDelivered(group, part)) }
            }
        }
    }

    func flagsDelivered(_ updates: [MemberFlagsUpdate], group: GroupID) {
        guard let leading = groups[group]?.leading else { return }
        perform(leading.machines.users.delivered(updates), in: leading)
    }
}
