import Chat
import Consensus
import PeerTransport
import Vocabulary
import Wire

/// The end of accounts: this shard's users towards conversations of any partition, and its conversations towards
/// users of any.
extension ShardActor {
    /// A conversation's part, see `EraseMemberRequest`.
    func erase(_ request: EraseMemberRequest, origin: RequestOrigin, in leading: LeadingPartition) {
        let token = leading.token(for: origin)
        let command = EraseMemberCommand(request: request, at: clock.timestamp(), token: token)
        propose(.eraseMember(command), in: leading)
    }

    func handle(_ outcome: MemberErasure, in leading: LeadingPartition) {
        perform([.reply(outcome.token, .account(.erased(next: outcome.next)))], in: leading)
        for change in outcome.changes { fanOut(change, in: leading) }
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
        perform(leading.erasure.answered(request, result, now: moment()), in: leading)
    }
}
