import Sealing
import Testing

/// The algorithm is a contract with clients: the values were computed by the Python example in docs/clients.md.
@Suite struct ConversationChainTests {
    private let conversation = "32b950e8-613b-8617-99d0-5ebbe0e9ecd9"

    @Test func goldenValues() {
        let start = ConversationChain.start(conversationID: conversation)
        #expect(hex(start) == "188ff1d555f7291cd7c221f968867f9136aa3a5679f4d62c352fef3b0c3bbf0c")
        let content = ConversationChain.contentHash(
            messageType: "text", replyTo: "", clientMessageID: "c-1", content: "Grüße\n")
        #expect(hex(content) == "dbe21049ed3ad92eea134fb01066c210f10b7d8c4b53059329bec30c69340d4e")
        let next = ConversationChain.next(
            after: start, seq: 1, messageID: "2bee9d7b-2b52-8ee2-8000-000000004000", senderID: "alice",
            timestamp: 1_795_492_528_304, contentHash: content)
        #expect(hex(next) == "5b4556203038c936d0b49090cff8680298ab6722144c9cfe7579ad145fa9f191")
    }

    @Test func everyPartCounts() {
        let start = ConversationChain.start(conversationID: conversation)
        func next(
            _ previous: [UInt8], _ seq: UInt64 = 1, _ id: String = "m", _ sender: String = "a",
            _ time: Int64 = 5, _ content: [UInt8] = [1]
        ) -> [UInt8] {
            ConversationChain.next(
                after: previous, seq: seq, messageID: id, senderID: sender, timestamp: time,
                contentHash: content)
        }
        let values = [
            next(start), next([]), next(start, 2), next(start, 1, "n"), next(start, 1, "m", "b"),
            next(start, 1, "m", "a", 6), next(start, 1, "m", "a", 5, [2]),
        ]
        #expect(Set(values).count == values.count)
        func content(_ type: String, _ reply: String, _ id: String, _ text: String) -> [UInt8] {
            ConversationChain.contentHash(
                messageType: type, replyTo: reply, clientMessageID: id, content: text)
        }
        // A client message id with a line break does not pass for the beginning of the content.
        let contents = [
            content("text", "", "a\nb", "c"), content("text", "", "a", "b\nc"),
            content("image", "", "a", "b\nc"),
            content("text", "r", "a", "b\nc"),
        ]
        #expect(Set(contents).count == contents.count)
    }
}
