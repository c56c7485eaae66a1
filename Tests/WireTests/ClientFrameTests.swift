import Testing
import Vocabulary

@testable import Wire

@Suite struct ClientFrameTests {
    private func parse(_ text: String) -> Result<ReceivedFrame, RefusedFrame> {
        do throws(RefusedFrame) {
            return .success(try ReceivedFrame.parse(Array(text.utf8), limits: Limits()))
        } catch {
            return .failure(error)
        }
    }

    private func refusal(_ text: String) -> RefusedFrame? {
        if case .failure(let refused) = parse(text) { return refused }
        return nil
    }

    private func send(_ changes: [String: String] = [:], without missing: String? = nil) -> String {
        var fields = [
            "type": "\"send\"", "ref": "\"r1\"", "client_message_id": "\"c1\"", "recipient_id": "\"bob\"",
            "recipient_type": "\"user\"", "message_type": "\"text\"", "content": "\"hi\"", "timestamp": "5",
        ]
        for (name, value) in changes { fields[name] = value }
        if let missing { fields[missing] = nil }
        return "{"
            + fields.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",")
            + "}"
    }

    @Test func aSendIsReadWhole() throws {
        let text = send([
            "reply_to": "\"00000000-0000-0001-0000-000000000002\"", "mentions": "[\"bob\",\"eve\",\"bob\"]",
            "expires_in_ms": "86400000", "colour": "{\"any\":[1]}",
        ])
        let frame = try parse(text).get()
        guard case .send(let body) = frame.frame else {
            Issue.record("no send")
            return
        }
        #expect(frame.ref == "r1")
        #expect(body.clientMessageID.text == "c1")
        #expect(body.recipient == .user(UserID(unchecked: "bob")))
        #expect(body.replyTo == MessageID(high: 1, low: 2))
        #expect(body.mentions.map(\.text) == ["bob", "eve"])
        #expect(body.expiresInMilliseconds == 86_400_000)
        #expect(body.clientTimestamp == Timestamp(5))
    }

    @Test(arguments: ["client_message_id", "recipient_id", "recipient_type", "message_type", "content"])
    func aMissingFieldIsNamed(field: String) {
        let refused = refusal(send(without: field))
        #expect(refused?.refusal.code == .missingField)
        #expect(refused?.refusal.details == [RefusalDetail("field", .text(field))])
        #expect(refused?.ref == "r1")
    }

    @Test(
        arguments: [
            ["content": "\"\""], ["content": "7"], ["message_type": "\"system\""],
            ["message_type": "\"poem\""],
            ["recipient_type": "\"room\""], ["recipient_id": "\"no one\""], ["client_message_id": "\"\""],
            ["client_message_id": "\"" + String(repeating: "x", count: 65) + "\""], ["timestamp": "\"now\""],
            ["timestamp": "1.5"], ["ref": "7"], ["mentions": "[7]"], ["mentions": "\"bob\""],
            ["reply_to": "\"x\""],
            ["recipient_type": "\"group\""], ["expires_in_ms": "0"], ["sender_id": "\"*\""],
        ] as [[String: String]])
    func aBadFieldIsRefused(change: [String: String]) {
        #expect(refusal(send(change))?.refusal.code == .invalidRequest)
    }

    @Test func theLimitOfTextIsScalars() {
        let longest = String(repeating: "é", count: 65_536)
        #expect(refusal(send(["content": "\"\(longest)\""])) == nil)
        let refused = refusal(send(["content": "\"\(longest)é\""]))
        #expect(refused?.refusal.code == .messageTooLong)
        #expect(refused?.refusal.details.first == RefusalDetail("max", .number(65_536)))
        let metadata = String(repeating: "x", count: 16_385)
        #expect(
            refusal(send(["message_type": "\"image\"", "content": "\"\(metadata)\""]))?.refusal.code
                == .messageTooLong)
    }

    @Test(arguments: [
        "", "[]", "7", "null", "{", "{}x", "{\"type\":7}", "{\"type\":\"dance\"}",
        "{\"type\":\"status\",\"status\":\"seen\"}",
        "{\"type\":\"typing\",\"conversation_id\":\"00000000-0000-0000-0000-000000000001\",\"state\":\"x\"}",
        "{\"type\":\"history\",\"conversation_id\":\"00000000-0000-0000-0000-000000000001\",\"limit\":101}",
    ])
    func otherTextsAreRefused(text: String) {
        #expect(refusal(text)?.refusal.code == .invalidRequest)
    }

    private func history(limit: Int, _ change: (inout HistoryBody) -> Void) -> HistoryBody {
        var body = HistoryBody(conversation: ConversationID(high: 0, low: 1), limit: limit)
        change(&body)
        return body
    }

    @Test func theOtherFrames() throws {
        let conversation = ConversationID(high: 0, low: 1)
        let id = "\"conversation_id\":\"\(conversation)\""
        #expect(try parse("{\"type\":\"ping\"}").get().frame == .ping)
        #expect(try parse(" {\"t\\u0079pe\" : \"ping\"} ").get().frame == .ping)
        #expect(
            try parse("{\"type\":\"status\",\"status\":\"read\",\(id),\"up_to_seq\":4}").get().frame
                == .status(.read, .upTo(conversation, Seq(4))))
        #expect(
            try parse("{\"type\":\"status\",\"status\":\"delivered\",\"message_id\":\"\(conversation)\"}")
                .get().frame
                == .status(.delivered, .message(MessageID(high: 0, low: 1))))
        #expect(refusal("{\"type\":\"status\",\"status\":\"read\"}")?.refusal.code == .missingField)
        #expect(
            try parse("{\"type\":\"history\",\(id),\"before\":9}").get().frame
                == .history(history(limit: 50) { $0.bound = Seq(9) }))
        #expect(
            try parse("{\"type\":\"history\",\(id),\"limit\":7,\"proof\":true}").get().frame
                == .history(history(limit: 7) { $0.proof = true }))
        #expect(
            try parse(
                "{\"type\":\"history\",\(id),\"order\":\"asc\",\"around\":12,\"stale_ok\":true,\"min_seq\":3}"
            ).get().frame
                == .history(
                    history(limit: 50) {
                        $0.order = .ascending
                        $0.around = .seq(Seq(12))
                        $0.isStaleAllowed = true
                        $0.minSeq = Seq(3)
                    }))
        #expect(
            try parse("{\"type\":\"typing\",\(id),\"state\":\"started\"}").get().frame
                == .typing(conversation, isTyping: true))
        #expect(
            try parse("{\"type\":\"presence_subscribe\",\"user_ids\":[\"a\"]}").get().frame
                == .presenceSubscribe([UserID(unchecked: "a")]))
    }
}
