import Testing
import Vocabulary
import Wire

@testable import ClientSession

@Suite struct SessionRuleTests {
    private func sent(_ seq: UInt64) -> OperationResult {
        .sent(
            SentResult(
                messageID: SessionRig.messageID(1, seq), conversation: SessionRig.conversation(1),
                seq: Seq(seq),
                timestamp: Timestamp(1), duplicate: false))
    }

    private func status(_ word: String, _ upTo: UInt64, ref: String? = nil) -> String {
        let ref = ref.map { #""ref":"\#($0)","# } ?? ""
        return
            #"{"type":"status",\#(ref)"status":"\#(word)","conversation_id":"\#(SessionRig.conversation(1))","up_to_seq":\#(upTo)}"#
    }

    @Test func at64UnacknowledgedSendsReadingStops() {
        var limits = Limits()
        limits.sendBurst = 1_000
        var rig = SessionRig.synced(limits: limits)
        for number in 1...63 { #expect(rig.send("m\(number)") == ["? send m\(number)"]) }
        #expect(rig.send("m64") == ["? send m64", "stop reading"])
        #expect(rig.answer(sent(1)) == ["sent 1/1", "read"])
    }

    @Test func refusalsOfASendNameIt() {
        var rig = SessionRig.synced()
        rig.send("a")
        #expect(rig.answer(.refused(Refusal(.blocked, "blocked"))) == ["error blocked a"])
    }

    @Test func sendsHaveARate() {
        var rig = SessionRig.synced()
        for number in 1...60 { #expect(rig.send("m\(number)").first == "? send m\(number)") }
        #expect(rig.send("m61") == ["error rate_limited m61"])
        rig.now = rig.now + 50
        #expect(rig.send("m62") == ["? send m62"])
        #expect(rig.send("m63") == ["error rate_limited m63"])
        // Other frames have a bucket of their own.
        #expect(rig.frame(#"{"type":"ping"}"#) == ["pong"])
    }

    @Test func otherFramesHaveARateAndAbuseIsClosed() {
        var rig = SessionRig.synced()
        for _ in 1...1_000 { #expect(rig.frame(#"{"type":"ping"}"#) == ["pong"]) }
        for _ in 1...2_000 { #expect(rig.frame("nonsense") == ["error rate_limited -"]) }
        #expect(rig.frame(#"{"type":"ping"}"#) == ["! close session", "close 4008"])
        #expect(rig.frame(#"{"type":"ping"}"#) == [])
    }

    @Test func backendsHaveNoRateAndSpeakForOthers() {
        var rig = SessionRig.synced(isServer: true)
        for number in 1...63 { #expect(rig.send("m\(number)") == ["? send m\(number)"]) }
        let text =
            #"{"type":"send","client_message_id":"x","recipient_id":"bob","recipient_type":"user","message_type":"text","content":"x","sender_id":"eve"}"#
        var other = SessionRig.synced()
        #expect(other.frame(text) == ["error sender_mismatch -"])
        var backend = SessionRig.synced(isServer: true)
        #expect(backend.frame(text) == ["? send x"])
        guard case .send(let request)? = backend.asked.last?.operation else { return }
        #expect(request.sender.text == "eve")
        #expect(request.device == nil)
    }

    @Test(arguments: ["", "[1]", "{", #"{"type":"dance"}"#, #"{"type":"status","status":"seen"}"#])
    func aBadFrameIsRefusedAndTheSocketStaysOpen(text: String) {
        var rig = SessionRig.synced()
        #expect(rig.frame(text) == ["error invalid_request -"])
        #expect(rig.frame(#"{"type":"ping","ref":"p"}"#) == ["pong p"])
    }

    @Test func silenceIsOfflineThenClosed() {
        var rig = SessionRig.synced()
        #expect(rig.pass(29_999) == [])
        #expect(rig.pass(1) == ["background"])
        #expect(rig.frame(#"{"type":"ping"}"#) == ["foreground", "pong"])
        #expect(rig.pass(60_000) == ["! close session", "close 1001"])
    }

    @Test func theDeadlineIsNeverLate() {
        var rig = SessionRig.synced()
        #expect(rig.machine.deadline == rig.now + 30_000)
        rig.message(1, 1, rev: 1)
        #expect(rig.machine.deadline <= rig.now + 1_000)
        rig.pass(1_000)
        #expect(rig.machine.deadline > rig.now)
    }

    @Test func awayIsNotOnline() {
        var rig = SessionRig.synced()
        #expect(rig.frame(#"{"type":"away"}"#) == ["background"])
        #expect(rig.frame(#"{"type":"ping"}"#) == ["pong"])
        #expect(rig.frame(#"{"type":"active"}"#) == ["foreground"])
    }

    @Test func aReplacedSessionIsClosed() {
        var rig = SessionRig.synced()
        #expect(rig.push(.close(code: 4001, reason: "replaced")) == ["! close session", "close 4001"])
        #expect(rig.message(1, 1, rev: 1) == [])
    }

    @Test func anExpiredTokenClosesTheSocket() {
        var rig = SessionRig(expires: 2_000)
        rig.opened()
        #expect(rig.machine.deadline == Tick(2_000))
        #expect(rig.pass(1_000).last == "close 4002")
    }

    @Test func receiptsMoveThePositionAndAreMerged() {
        var rig = SessionRig.synced()
        for seq: UInt64 in 5...9 { rig.message(1, seq, rev: seq, at: SessionRig.position(4, 4)) }
        // The first goes out at once, the rest of the window together; `read` implies `delivered`.
        #expect(rig.frame(status("delivered", 5)) == ["! acks 1/5", "? delivered 1/5"])
        #expect(rig.frame(status("delivered", 6)) == [])
        #expect(rig.frame(status("delivered", 8)) == [])
        #expect(rig.frame(status("read", 8)) == [])
        #expect(rig.pass(100) == ["! acks 1/8", "? read 1/8"])
        // Going back says nothing new.
        rig.now = rig.now + 200
        #expect(rig.frame(status("delivered", 3)) == [])
    }

    @Test func anAcknowledgementReachesNoFurtherThanWhatWasWritten() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.frame(status("read", 50)) == ["! acks 1/5", "? read 1/50"])
    }

    @Test func onlyAStatusWithRefIsAnswered() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        #expect(rig.frame(status("read", 5, ref: "s")) == ["! acks 1/5", "? read 1/5"])
        #expect(rig.answer(.ok) == ["ok s"])
        let unknown =
            #"{"type":"status","ref":"t","status":"read","message_id":"\#(SessionRig.messageID(2, 1))"}"#
        #expect(rig.frame(unknown).count == 1)
        #expect(rig.answer(.refused(Refusal(.notFound, "no"))) == ["error not_found t"])
    }

    /// It says nothing of what was done: `unknown`, and not a refusal that promises that nothing was.
    @Test func anAnswerOfAnotherKindIsUnknown() {
        var rig = SessionRig.synced()
        rig.send("a")
        #expect(rig.answer(.ok) == ["error unknown a"])
        #expect(ClientSession.refusal(.ok).code == .unknown)
    }

    @Test func aReceiptByMessageIDIsMergedToo() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        let text = #"{"type":"status","status":"read","message_id":"\#(SessionRig.messageID(1, 5))"}"#
        #expect(rig.frame(text) == ["! acks 1/5", "? read 1/5"])
    }

    @Test func aLostReceiptIsTriedAgain() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        rig.frame(status("read", 5))
        #expect(rig.answer(.refused(Refusal(.unavailable, "no leader"))) == [])
        #expect(rig.pass(500).contains("? read 1/5"))
    }

    @Test func ownSendsCountAsAcknowledged() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        rig.send("a")
        rig.answer(sent(6))
        // The message before it is not acknowledged yet: the position stays below it.
        #expect(rig.pass(1_000) == ["cursor"])
        #expect(rig.frame(status("delivered", 5)).contains("! acks 1/6"))
    }

    @Test func whatIsMergedGoesOutBeforeTheEnd() {
        var rig = SessionRig.synced()
        rig.message(1, 5, rev: 5, at: SessionRig.position(4, 4))
        rig.message(1, 6, rev: 6)
        rig.frame(status("delivered", 5))
        rig.frame(status("delivered", 6))
        #expect(
            rig.push(.close(code: 4001, reason: "replaced"))
                == ["! acks 1/6", "? delivered 1/6", "! close session", "close 4001"])
    }

    @Test func historyIsAnswered() {
        var rig = SessionRig.synced()
        let text = #"{"type":"history","ref":"h","conversation_id":"\#(SessionRig.conversation(1))"}"#
        #expect(rig.frame(text) == ["? history"])
        #expect(
            rig.answer(.history(HistoryPage(messages: [], hasMore: false, newest: Seq(0)))) == ["history h"])
    }
}
