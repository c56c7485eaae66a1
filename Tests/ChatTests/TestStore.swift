import Chat
import Vocabulary
import Wire

@testable import Chat

/// Chat state in a dictionary.
final class TestStore: StateView, @unchecked Sendable {
    private(set) var content: [[UInt8]: [UInt8]] = [:]

    func value(of key: [UInt8]) -> [UInt8]? { content[key] }

    func pairs(from lower: [UInt8], to upper: [UInt8], limit: Int, reverse: Bool) -> [StatePair] {
        let inside = content.filter {
            !$0.key.lexicographicallyPrecedes(lower) && $0.key.lexicographicallyPrecedes(upper)
        }
        let sorted = inside.sorted {
            reverse ? $1.key.lexicographicallyPrecedes($0.key) : $0.key.lexicographicallyPrecedes($1.key)
        }
        return sorted.prefix(limit).map { StatePair(key: $0.key, value: $0.value) }
    }

    func write(_ changes: StateChanges) {
        for (key, value) in changes.sorted { content[key] = value }
    }

    /// Applies commands as one entry, through their bytes.
    @discardableResult
    func apply(_ commands: Command...) throws -> [CommandOutcome] { try apply(all: commands) }

    @discardableResult
    func apply(all commands: [Command]) throws -> [CommandOutcome] {
        var transaction = StateTransaction(base: self)
        let outcomes = try ChatMachine().apply(
            entry: Command.encode(commands), at: LogIndex(1), in: &transaction)
        write(transaction.changes)
        return outcomes
    }

    var reader: ChatReader<TestStore> { ChatReader(self) }
}

let ann = UserID(unchecked: "ann")
let bob = UserID(unchecked: "bob")
let cat = UserID(unchecked: "cat")
let dan = UserID(unchecked: "dan")
let phone = DeviceID(unchecked: "phone")
let laptop = DeviceID(unchecked: "laptop")
let club = ConversationID(high: 0x1111, low: 0x2222)
let annBob = ConversationID.direct(between: ann, and: bob)

func request(
    _ sender: UserID, to recipient: Recipient, _ id: String, _ content: String = "hello",
    device: DeviceID? = phone
) -> SendRequest {
    SendRequest(
        sender: sender, device: device, clientMessageID: ClientMessageID(unchecked: id), recipient: recipient,
        type: .text, content: content, clientTimestamp: nil)
}

func send(
    _ sender: UserID, to recipient: Recipient, _ id: String, _ content: String = "hello", at: Int64 = 1_000
) -> Command {
    let request = request(sender, to: recipient, id, content)
    return .sendMessage(
        SendCommand(
            conversation: .conversation(of: sender, with: recipient), request: request,
            digest: request.payloadDigest, at: Timestamp(at)))
}

func receipt(
    _ user: UserID, _ conversation: ConversationID, delivered: UInt64 = 0, read: UInt64 = 0, at: Int64 = 5_000
) -> Command {
    .receipts(
        ReceiptBatch(
            at: Timestamp(at),
            marks: [
                ReceiptMark(
                    conversation: conversation, user: user, delivered: Seq(delivered), read: Seq(read))
            ]))
}

func change(
    _ actor: UserID, _ change: GroupCommand.Change, group: ConversationID = club, membersMax: Int = 1_024
) -> Command {
    .changeGroup(
        GroupCommand(group: group, actor: actor, change: change, membersMax: membersMax, at: Timestamp(1_000))
    )
}

/// A change of the message at `seq` of ann's and bob's conversation, or another.
func changing(
    _ seq: UInt64, by actor: UserID, _ change: MessageChangeRequest.Change,
    in conversation: ConversationID = annBob, at: Int64 = 2_000
) -> Command {
    let limits = Limits()
    return .changeMessage(
        MessageChangeCommand(
            conversation: conversation,
            request: MessageChangeRequest(
                message: MessageID(conversation: conversation, seq: Seq(seq)), actor: actor, change: change),
            editWindowMilliseconds: limits.editWindowMilliseconds,
            deleteWindowMilliseconds: limits.deleteWindowMilliseconds, at: Timestamp(at)))
}

extension CommandOutcome {
    var messageChange: MessageChangeOutcome? {
        guard case .messageChanged(let outcome) = self else { return nil }
        return outcome
    }
    var message: MessageOutcome? {
        guard case .message(let outcome) = self else { return nil }
        return outcome
    }
    var sent: SentResult? { try? message?.result.get() }
    var refusal: RefusalCode? {
        switch self {
        case .message(let outcome): outcome.result.refusal
        case .group(let outcome): outcome.result.refusal
        case .receipts(let outcomes): outcomes.first?.refusal?.code
        case .messageChanged(let outcome): outcome.result.refusal
        default: nil
        }
    }
    var group: GroupOutcome? {
        guard case .group(let outcome) = self else { return nil }
        return outcome
    }
    var receipt: ReceiptOutcome? {
        guard case .receipts(let outcomes) = self else { return nil }
        return outcomes.first
    }
}

extension Result where Failure == Refusal {
    var refusal: RefusalCode? {
        if case .failure(let refusal) = self { return refusal.code }
        return nil
    }
}
