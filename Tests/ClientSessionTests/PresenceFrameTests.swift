import Testing
import Vocabulary
import Wire

@testable import ClientSession

/// Presence and typing as a client meets them.
@Suite struct PresenceFrameTests {
    private let online = PresenceState(user: SessionRig.bob, online: true, lastSeen: Timestamp(1))
    private let offline = PresenceState(user: SessionRig.bob, online: false, lastSeen: Timestamp(4))

    private func watching() -> SessionRig {
        var rig = SessionRig.synced()
        #expect(rig.frame(#"{"type":"presence_subscribe","user_ids":["bob"]}"#) == ["? watch bob"])
        #expect(rig.answer(.ok) == [])
        return rig
    }

    @Test func presenceIsToldAtOnceAndOnChange() {
        var rig = watching()
        #expect(rig.push(.presence(offline)) == ["presence"])
        #expect(rig.push(.presence(online)) == ["presence"])
        // Nothing is polled.
        #expect(rig.pass(5_000) == [])
        #expect(rig.frame(#"{"type":"presence_unsubscribe","user_ids":["bob"]}"#) == ["! unwatch bob"])
        #expect(rig.push(.presence(offline)) == [])
        #expect(rig.frame(#"{"type":"presence_unsubscribe","user_ids":["bob"]}"#) == [])
    }

    @Test func changesAreWrittenOnceASecond() {
        var rig = watching()
        rig.push(.presence(offline))
        #expect(rig.push(.presence(online)) == ["presence"])
        #expect(rig.push(.presence(offline)) == [])
        #expect(rig.machine.deadline == rig.now + 1_000)
        #expect(rig.push(.presence(online)) == [])
        #expect(rig.push(.presence(offline)) == [])
        #expect(rig.pass(1_000) == ["presence"])
        // What was taken back in between is no change, nor is a later last_seen alone.
        #expect(rig.push(.presence(online)) == [])
        #expect(rig.push(.presence(offline)) == [])
        var later = offline
        later.lastSeen = Timestamp(9)
        #expect(rig.push(.presence(later)) == [])
        #expect(rig.pass(1_000) == [])
    }

    /// What the viewer may see was asked before the user's leader knew this session: a change in between was not told.
    @Test func watchesAreAskedAboutAgainOnceTheSessionIsKnown() {
        var rig = SessionRig()
        rig.opened()
        #expect(rig.frame(#"{"type":"presence_subscribe","user_ids":["bob"]}"#) == ["? watch bob"])
        #expect(
            rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: []))).contains("? watch bob"))
    }

    @Test func anAnswerIsOwedWhoeverCannotBeAsked() {
        var rig = SessionRig.synced()
        rig.frame(#"{"type":"presence_subscribe","user_ids":["bob","carl"]}"#)
        #expect(rig.push(.presence(online)) == ["presence"])
        #expect(rig.answer(.refused(Refusal(.unavailable, "no leader"))) == ["presence"])
        // The leader's word comes later.
        let carl = PresenceState(user: UserID(unchecked: "carl"), online: true, lastSeen: nil)
        #expect(rig.push(.presence(carl)) == ["presence"])
    }

    @Test func whoCouldNotBeAskedIsAskedAgain() {
        var rig = SessionRig.synced()
        #expect(rig.frame(#"{"type":"presence_subscribe","user_ids":["bob"]}"#) == ["? watch bob"])
        #expect(rig.answer(.refused(Refusal(.unavailable, "no leader"))) == ["presence"])
        #expect(rig.pass(4_999) == [])
        #expect(rig.pass(1) == ["? watch bob"])
        #expect(rig.answer(.refused(Refusal(.unavailable, "no leader"))) == [], "it has its answer")
        #expect(rig.pass(5_000) == ["? watch bob"])
        #expect(rig.answer(.ok) == [])
        #expect(rig.pass(5_000) == [])
    }

    @Test func askingAgainIsAnsweredFromWhatIsKnown() {
        var rig = watching()
        rig.push(.presence(online))
        #expect(rig.frame(#"{"type":"presence_subscribe","user_ids":["bob"]}"#) == ["presence"])
    }

    @Test func atMost200AreWatched() {
        var rig = SessionRig.synced()
        func subscribe(_ users: Range<Int>) -> [String] {
            let list = users.map { #""u\#($0)""# }.joined(separator: ",")
            return rig.frame(#"{"type":"presence_subscribe","ref":"p","user_ids":[\#(list)]}"#)
        }
        #expect(subscribe(0..<201) == ["error invalid_request p"])
        #expect(subscribe(0..<200).first?.hasPrefix("? watch u0 ") == true)
        #expect(subscribe(200..<201) == ["error invalid_request p"])
        #expect(rig.frame(#"{"type":"presence_unsubscribe","user_ids":["u7"]}"#) == ["! unwatch u7"])
        #expect(subscribe(200..<201) == ["? watch u200"])
    }

    @Test func ownSettingsThatChangeAreAskedAgain() {
        var rig = watching()
        rig.push(.presence(online))
        #expect(rig.push(.privacyChanged) == ["? watch bob"])
        #expect(rig.answer(.ok) == [])
        // A renewal too: the news may have been lost with the leader.
        #expect(rig.renew() == ["? renew"])
        #expect(
            rig.answer(.opened(SessionOpened(version: InboxVersion(3), missed: []))) == ["? watch bob"])
    }

    @Test func typingIsPassedOnAndHasARate() {
        var rig = SessionRig.synced()
        func type(_ state: String) -> [String] {
            rig.frame(
                #"{"type":"typing","conversation_id":"\#(SessionRig.conversation(1))","state":"\#(state)"}"#)
        }
        #expect(type("started") == ["! typing 1 started"])
        #expect(type("stopped") == ["! typing 1 stopped"])
        #expect(type("thinking") == ["error invalid_request -"])
        for _ in 3...10 { #expect(type("started").count == 1) }
        #expect(type("started") == [])
        rig.now = rig.now + 1_000
        #expect(type("started").count == 1)
    }

    @Test func typingOfOthersIsWrittenUnlessTheClientDoesNotRead() {
        var rig = SessionRig.synced()
        let event = TypingRequest(
            conversation: SessionRig.conversation(1), user: SessionRig.bob, isTyping: true)
        #expect(rig.push(.typing(event)) == ["typing"])
        rig.writable(false)
        #expect(rig.push(.typing(event)) == [])
    }
}
