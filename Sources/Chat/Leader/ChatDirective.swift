import Vocabulary
import Wire

/// What a leader's chat machines order. Perform them in the order given: an answer that opens a session
/// stands before every push to it.
package enum ChatDirective: Hashable, Sendable {
    /// Propose to this partition's group; tell the machine when it was refused.
    case propose(Command)
    /// Answer the request that came with this token.
    case reply(UInt64, OperationResult)
    /// Send to the node that holds the sessions.
    case push(NodeID, SessionPush)
    /// Send to the leader of the conversation's partition.
    case acknowledge(FanoutAck)
    /// Ask the leader of the group's partition.
    case askMembers(MemberQuery)
    /// Write down lazily, merged with others, when the user was last online.
    case seen(LastSeenMark)
    /// Write down lazily, merged with others, how far a device has everything.
    case covered(DeviceVersion)
    /// Have the devices of a job told by push, and hand its result back.
    case notify(PushJob)
    /// Tell the presence board that the user came online or went.
    case presenceChanged(UserID)
    /// Send to the leaders of the targets' partitions.
    case typing([TypingItem])
    /// Ask the leader of the conversation's partition, and hand its answer back.
    case eraseMember(EraseMemberRequest)
}

/// The time of an input, by both clocks.
package struct Moment: Hashable, Sendable {
    /// For intervals.
    package var tick: Tick
    /// For stamps that users see.
    package var wall: Timestamp

    package init(tick: Tick, wall: Timestamp) {
        self.tick = tick
        self.wall = wall
    }
}

extension OperationResult {
    init(_ result: Result<SentResult, Refusal>) {
        switch result {
        case .success(let sent): self = .sent(sent)
        case .failure(let refusal): self = .refused(refusal)
        }
    }

    init<Value>(_ result: Result<Value, Refusal>, _ answer: (Value) -> OperationResult) {
        switch result {
        case .success(let value): self = answer(value)
        case .failure(let refusal): self = .refused(refusal)
        }
    }
}
