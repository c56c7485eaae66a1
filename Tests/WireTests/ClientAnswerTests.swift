import Testing
import Vocabulary

@testable import Wire

@Suite struct ClientAnswerTests {
    private let conversation = ConversationID(high: 0, low: 1)
    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private func record(_ type: MessageType = .text, content: String = "a \"b\"") -> MessageRecord {
        MessageRecord(
            conversation: conversation, seq: Seq(2), ordinal: Ordinal(2),
            messageID: MessageID(high: 0, low: 3),
            sender: UserID(unchecked: "ann"), senderDevice: nil, recipient: .user(UserID(unchecked: "bob")),
            clientMessageID: ClientMessageID(unchecked: "c1"), type: type, content: content,
            timestamp: Timestamp(9),
            clientTimestamp: Timestamp(8))
    }

    private let c = "00000000-0000-0000-0000-000000000001"
    private let m = "00000000-0000-0000-0000-000000000003"

    /// The bytes that clients see: a change here is a change of the contract.
    @Test func goldenFrames() {
        let message =
            #""conversation_id":"\#(c)","message_id":"\#(m)","seq":2,"sender_id":"ann","recipient_id":"bob","recipient_type":"user","message_type":"text","content":"a \"b\"","timestamp":9,"client_message_id":"c1""#
        #expect(text(ServerFrame.message(record())) == #"{"type":"message",\#(message)}"#)
        let sent = SentResult(
            messageID: MessageID(high: 0, low: 3), conversation: conversation, seq: Seq(2),
            timestamp: Timestamp(9),
            duplicate: true)
        #expect(
            text(ServerFrame.sent(ref: "r", clientMessageID: ClientMessageID(unchecked: "c1"), sent))
                == #"{"type":"sent","ref":"r","client_message_id":"c1","message_id":"\#(m)","conversation_id":"\#(c)","seq":2,"timestamp":9,"duplicate":true}"#
        )
        let status = StatusEvent(
            conversation: conversation, messageID: MessageID(high: 0, low: 3), seq: Seq(2),
            user: UserID(unchecked: "bob"), status: .read, timestamp: Timestamp(9), rev: Rev(4))
        #expect(
            text(ServerFrame.status(status))
                == #"{"type":"status","conversation_id":"\#(c)","message_id":"\#(m)","seq":2,"user_id":"bob","status":"read","timestamp":9}"#
        )
        #expect(text(ServerFrame.pong) == #"{"type":"pong"}"#)
        #expect(text(ServerFrame.resync) == #"{"type":"resync"}"#)
        #expect(text(ServerFrame.ok(ref: "r")) == #"{"type":"ok","ref":"r"}"#)
        #expect(text(ServerFrame.syncDone(cursor: "x")) == #"{"type":"sync_done","cursor":"x"}"#)
        #expect(
            text(ServerFrame.draining(deadlineMilliseconds: 5, reconnectTo: ["ws://a:1"]))
                == #"{"type":"draining","deadline_ms":5,"reconnect_to":["ws://a:1"]}"#)
        let refusal = Refusal(
            .rateLimited, "slow", retryAfterMilliseconds: 50, details: [RefusalDetail("limit", .number(20))])
        #expect(
            text(ServerFrame.error(refusal, ref: "r", clientMessageID: "c1"))
                == #"{"type":"error","ref":"r","client_message_id":"c1","status":429,"code":"rate_limited","message":"slow","retry_after_ms":50,"limit":20}"#
        )
        #expect(
            text(RestAnswer.error(refusal))
                == #"{"error":{"code":"rate_limited","message":"slow","retry_after_ms":50,"limit":20}}"#)
        let history = HistoryPage(messages: [record()], hasMore: true, newest: Seq(2))
        let cursor = CursorText.text(history: Seq(2))
        #expect(
            text(RestAnswer.history(history))
                == #"{"messages":[{\#(message),"client_timestamp":8,"reactions":[]}],"next_cursor":"\#(cursor)","has_more":true,"newest_seq":2}"#
        )
        var cut = HistoryPage(messages: [], hasMore: false, newest: Seq(9))
        cut.gone = Seq(9)
        #expect(
            text(RestAnswer.history(cut))
                == #"{"messages":[],"next_cursor":null,"gone_up_to_seq":9,"has_more":false,"newest_seq":9}"#)
        #expect(
            text(ServerFrame.gone(record().conversation, Seq(1)...Seq(9)))
                == #"{"type":"gone","conversation_id":"\#(record().conversation)","from_seq":1,"up_to_seq":9}"#
        )
        let proven = HistoryPage(
            messages: [record()], hasMore: false, newest: Seq(2),
            links: [ChainLink(contentHash: [0x0A, 1], previous: [0xFF], value: [0])])
        #expect(
            text(ServerFrame.history(ref: nil, proven))
                == #"{"type":"history","messages":[{\#(message),"client_timestamp":8,"reactions":[],"content_hash":"0a01","previous_chain":"ff","chain":"00"}],"next_cursor":null}"#
        )
        #expect(
            text(
                ServerFrame.presence(
                    PresenceState(user: UserID(unchecked: "bob"), online: false, lastSeen: Timestamp(3))))
                == #"{"type":"presence","user_id":"bob","status":"offline","last_seen":3}"#)
    }

    @Test func aSystemMessageIsAGroupFrame() throws {
        let content = #"{"event":"member_added","user_ids":["eve"],"seq":99,"type":"x"}"#
        guard
            case .object(let frame) = try JSONReader.parse(
                ServerFrame.message(record(.system, content: content)))
        else { return }
        #expect(frame["type"] == .string("group"))
        #expect(frame["group_id"] == .string(c))
        #expect(frame["event"] == .string("member_added"))
        #expect(frame["seq"] == .integer(2))
        #expect(frame["user_ids"] == .array([.string("eve")]))
    }

    @Test func cursorsComeBack() throws {
        let cursor = SyncCursor(
            version: InboxVersion(300),
            marks: [
                .init(conversation: conversation, position: ConversationPosition(seq: Seq(7), rev: Rev(900)))
            ])
        let written = CursorText.text(cursor)
        #expect(try CursorText.syncCursor(written) == cursor)
        #expect(try CursorText.history(CursorText.text(history: Seq(5))) == Seq(5))
        let place = ConversationsCursor(lastAt: Timestamp(-4), conversation: conversation)
        #expect(try CursorText.conversations(CursorText.text(place)) == place)
    }

    @Test func otherCursorsAreRefused() {
        let good = CursorText.text(history: Seq(5))
        let bad = [
            "", "x", "AAAA", "not a cursor!", String(good.dropLast()), good + "A",
            CursorText.text(history: Seq(5)).lowercased() + "=",
        ]
        for text in bad { #expect(throws: Refusal.self) { try CursorText.history(text) } }
        // One of another kind.
        #expect(throws: Refusal.self) { try CursorText.syncCursor(good) }
    }

    @Test func base64ComesBack() {
        var random = SeededGenerator(seed: 3)
        for count in 0..<70 {
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            let text = Base64URL.encode(bytes)
            #expect(Base64URL.decode(text) == bytes)
            #expect(!text.contains("="))
        }
    }
}
