import NIOCore
import Testing

@testable import MartletClient

/// What the server writes is understood; what it never writes does no harm.
@Suite struct FrameTests {
    private func parse(_ text: String) -> ServerFrame? { ServerFrame(ByteBuffer(string: text)) }

    @Test func sent() {
        let frame = parse(
            #"{"type":"sent","ref":"4","client_message_id":"x","message_id":"m","conversation_id":"c","#
                + #""seq":17,"timestamp":1700000000123,"duplicate":true}"#)
        let sent = Sent(
            messageID: "m", conversationID: "c", seq: 17, timestamp: 1_700_000_000_123, isDuplicate: true)
        #expect(frame == .sent(ref: "4", clientMessageID: "x", sent))
    }

    @Test func messageWithEscapesSpacesAndUnknownFields() {
        let frame = parse(
            #" { "new" : {"a":["}",{"b":"\""}]}, "type":"message", "conversation_id":"c","message_id":"m","seq":1,"#
                + #""sender_id":"s","recipient_id":"r","recipient_type":"group","message_type":"text","#
                + #""content":"a\"b\\c\/d\n\u00e9\ud83d\udc26\ud83d","timestamp":-5 }"#)
        guard case .event(.message(let message)) = frame else {
            Issue.record("no message: \(String(describing: frame))")
            return
        }
        #expect(message.content == "a\"b\\c/d\n\u{E9}\u{1F426}\u{FFFD}")
        #expect(message.isGroup)
        #expect(message.timestamp == -5)
        #expect(message.clientMessageID == nil)
    }

    @Test func otherFrames() {
        #expect(parse(#"{"type":"pong"}"#) == .pong)
        #expect(parse(#"{"type":"ok","ref":"r1"}"#) == .ok(ref: "r1"))
        #expect(parse(#"{"type":"sync_done","cursor":"Ab_-9"}"#) == .event(.caughtUp(cursor: "Ab_-9")))
        #expect(
            parse(#"{"type":"draining","deadline_ms":60000,"reconnect_to":["ws://a:1","ws://b:2"]}"#)
                == .draining(reconnectTo: ["ws://a:1", "ws://b:2"]))
        let refusal = Refusal(
            status: 429, code: "rate_limited", message: "slow down", retryAfterMilliseconds: 50)
        #expect(
            parse(
                #"{"type":"error","ref":"1","status":429,"code":"rate_limited","message":"slow down","#
                    + #""retry_after_ms":50}"#) == .error(ref: "1", clientMessageID: nil, refusal))
        let future = #"{"type":"from_the_future","x":1}"#
        #expect(parse(future) == .event(.other(type: "from_the_future", json: future)))
    }

    @Test(arguments: [
        "", "{", "[]", "null", "{}", #"{"type":"#, #"{"type":"sent"}"#, #"{"type":"sent","seq":"1"}"#,
        #"{"type":1}"#,
        #"{"a":"\"#, #"{"type":"message","conversation_id":"c","message_id":"m","seq":-1,"sender_id":"s"}"#,
        #"{"type":"status","conversation_id":"c","seq":99999999999999999999,"user_id":"u","status":"read"}"#,
    ])
    func brokenFramesAreNothing(text: String) {
        #expect(parse(text) == nil)
    }

    /// Cut anywhere, a frame must end the scan, never run past the bytes.
    @Test func everyPrefixIsScannedWithoutHarm() {
        let whole = #"{"type":"message","content":"\ud83d\udc26 x","n":-12,"o":{"p":[1,"]"]},"q":true}"#
        for count in 0..<whole.utf8.count {
            #expect(parse(String(decoding: Array(whole.utf8.prefix(count)), as: UTF8.self)) == nil)
        }
    }

    @Test func sendIsCompactAndEscaped() {
        let frame = FrameText.send(
            to: .user("bob"), text: "a\"\\\n\u{1}\u{E9}", clientMessageID: "i", ref: "1", timestamp: 5)
        #expect(
            String(buffer: frame)
                == #"{"type":"send","ref":"1","client_message_id":"i","recipient_id":"bob","recipient_type":"user","#
                + #""timestamp":5,"message_type":"text","content":"a\"\\\n\u0001"# + "\u{E9}\"}")
    }
}
