import Testing
import Vocabulary
import Wire

@testable import SimulationKit

/// What the simulation's judge of screens takes for wrong, and what not.
struct ChatCheckerTests {
    private let ann = UserID(unchecked: "ann")
    private let bob = UserID(unchecked: "bob")
    private let conversation = ConversationID(high: 1, low: 2)
    private let message = MessageID(high: 3, low: 4)

    /// Ann's only message was reacted to by Bob, then edited; the device heard of the edit alone.
    private func verdict(isLate: Bool, wasShown: Bool) throws -> String? {
        var known = ChatLedger.Conversation(isGroup: false)
        var stored = ChatLedger.Message(
            seq: Seq(1), ordinal: 1, sender: ann, id: ClientMessageID(unchecked: "a"), content: "hi",
            isSystem: false, timestamp: .zero, messageID: message)
        stored.fate = stored.fate.after(.react("joy"), by: bob).after(.edit("hi!"), by: ann)
        known.messages = [stored]
        for user in [ann, bob] { known.stays[user] = [ChatLedger.Stay(from: Seq(1))] }
        let checker = ChatChecker()
        checker.ledger.conversations[conversation] = known
        let viewer = ChatChecker.Viewer(
            number: 0, user: bob, device: DeviceID(unchecked: "phone"), isLate: isLate)
        let head = "\"conversation_id\":\"\(conversation)\",\"message_id\":\"\(message)\",\"seq\":1"
        if wasShown {
            checker.shown(
                try #require(
                    ShownMessage(
                        try object(
                            "{\(head),\"sender_id\":\"ann\",\"client_message_id\":\"a\",\"content\":\"hi\"}"),
                        isSystem: false)), to: viewer, on: 1)
        }
        checker.updated(
            try object("{\(head),\"change\":\"edited\",\"content\":\"hi!\",\"user_id\":\"ann\"}"), to: viewer)
        #expect(checker.violations == [])
        return checker.showsWrongly(viewer, known, checker.screens[0]?[conversation])
    }

    private func object(_ text: String) throws -> JSONObject {
        guard case .object(let object) = try JSONReader.parse(Array(text.utf8)) else {
            throw NotAnObject()
        }
        return object
    }

    private struct NotAnObject: Error {}

    @Test func ofAMessageBeforeItsTimeADeviceNeedNotKnowWhatEditsDoNotSay() throws {
        #expect(try verdict(isLate: true, wasShown: false) == nil)
    }

    @Test func anEditAloneShowsNoMessage() throws {
        #expect(try verdict(isLate: false, wasShown: false) == "does not show 1")
    }

    @Test(arguments: [false, true]) func aReactionThatLacksOnAShownMessageIsFound(isLate: Bool) throws {
        let wrong = try #require(try verdict(isLate: isLate, wasShown: true))
        #expect(wrong.hasPrefix("shows reactions [:]"))
    }
}
