import Testing
import Vocabulary
import Wire

@testable import ClientSession

@Suite struct SettingsTests {
    private func row(_ conversation: UInt64, pinned: Bool = true) -> InboxRow {
        var row = InboxRow(
            conversation: SessionRig.conversation(conversation), kind: .direct, peer: SessionRig.bob,
            title: "",
            head: Seq(1), rev: Rev(1), lastAt: Timestamp(1), preview: "", headOrdinal: Ordinal(1),
            markOrdinal: Ordinal(1), read: Seq(1), memberEpoch: 1, isMember: true, version: InboxVersion(4))
        row.settings.isPinned = pinned
        row.settings.version = InboxVersion(4)
        return row
    }

    @Test func settingsOfTheOpeningComeBeforeSyncDone() {
        var rig = SessionRig()
        rig.opened()
        let opened = SessionOpened(version: InboxVersion(4), missed: [], settings: [row(1), row(2)])
        #expect(rig.answer(.opened(opened)) == ["conversation", "conversation", "sync_done"])
    }

    @Test func aChangeIsWrittenAtOnce() {
        var rig = SessionRig.synced()
        #expect(rig.push(.settings(row(1))) == ["conversation"])
    }

    @Test func aClientThatDoesNotReadGetsTheLatestOnceItDoes() {
        var rig = SessionRig.synced()
        rig.writable(false)
        for pinned in [true, false, true] { #expect(rig.push(.settings(row(1, pinned: pinned))) == []) }
        #expect(rig.push(.settings(row(2))) == [])
        #expect(rig.writable(true).filter { $0 == "conversation" }.count == 2)
    }

    /// A device that was never registered must not ask to be renewed: it would be taken for a revoked one.
    @Test func whatWasNeverOpenedIsNotRenewed() {
        var rig = SessionRig()
        rig.opened()
        rig.answer(.refused(Refusal(.unavailable, "no leader")))
        rig.renew()
        guard case .openSession(let open)? = rig.asked.last?.operation else {
            Issue.record("did not ask again")
            return
        }
        #expect(!open.isRenewal)
    }
}
