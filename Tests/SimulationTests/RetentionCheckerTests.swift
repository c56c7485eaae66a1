import Testing
import Vocabulary
import Wire

@testable import SimulationKit

/// What the simulation's judge of retention takes for wrong, and what not.
struct RetentionCheckerTests {
    private let ann = UserID(unchecked: "ann")
    private let bob = UserID(unchecked: "bob")
    private let id = ConversationID(high: 0x8000, low: 1 << 63)

    /// Five messages of ann's at 1,000 to 5,000, and bob's phone watches.
    private func checker() -> ChatChecker {
        let checker = ChatChecker()
        var conversation = ChatLedger.Conversation(isGroup: false)
        for user in [ann, bob] { conversation.stays[user] = [ChatLedger.Stay(from: Seq(1))] }
        for number in 1...5 {
            conversation.messages.append(
                ChatLedger.Message(
                    seq: Seq(UInt64(number)), ordinal: number, sender: ann, device: nil,
                    id: ClientMessageID(unchecked: "\(number)"), content: "text", isSystem: false,
                    timestamp: Timestamp(Int64(number) * 1_000),
                    messageID: MessageID(high: 0x8000, low: 1 << 63 | UInt64(number) << 14), replyTo: nil))
        }
        checker.ledger.conversations[id] = conversation
        return checker
    }

    private func forget(_ checker: ChatChecker, before: Int64, step: Int = 32) {
        checker.ledger.committed(
            RetentionCommand(before: Timestamp(before), conversations: [id], step: step))
    }

    private let phone = ChatChecker.Viewer(
        number: 0, user: UserID(unchecked: "bob"), device: DeviceID(unchecked: "phone"), isLate: false)

    private func tell(_ checker: ChatChecker, _ first: Int, _ last: Int, on connection: UInt64 = 7) throws {
        let text = #"{"type":"gone","conversation_id":"\#(id)","from_seq":\#(first),"up_to_seq":\#(last)}"#
        guard case .object(let object) = try JSONReader.parse(Array(text.utf8)) else { return }
        checker.gone(object, to: phone, on: connection)
    }

    @Test func onlyWhatIsOldGoesAndInOrder() {
        let checker = checker()
        forget(checker, before: 3_000)
        #expect(checker.ledger[id]?.gone == Seq(2))
        forget(checker, before: 9_000, step: 2)
        #expect(checker.ledger[id]?.gone == Seq(4))
        #expect(checker.ledger[id]?.unread(of: bob) == 1)
        forget(checker, before: 9_000)
        #expect(checker.ledger[id]?.unread(of: bob) == 0)
    }

    @Test func whatIsThereIsNotGone() throws {
        let checker = checker()
        forget(checker, before: 3_000)
        try tell(checker, 1, 2)
        #expect(checker.violations == [])
        try tell(checker, 3, 3)
        #expect(checker.violations.count == 1)
    }

    @Test func nothingIsLeftOutOrSaidTwice() throws {
        let checker = checker()
        forget(checker, before: 3_000)
        try tell(checker, 2, 2)
        #expect(checker.violations.count == 1, "1 is neither shown nor told")
        try tell(checker, 2, 2)
        #expect(checker.violations.count == 2, "twice on a connection")
        try tell(checker, 1, 2, on: 8)
        #expect(checker.violations.count == 2, "it was not acknowledged")
    }

    @Test func whoWasNotToldLacksIt() throws {
        let checker = checker()
        forget(checker, before: 9_000)
        #expect(checker.lacks(phone) != nil)
        try tell(checker, 1, 5)
        #expect(checker.lacks(phone) == nil)
    }
}
