import Testing
import Vocabulary
import Wire

@testable import Chat

/// What a user sets for its conversations, and the list in that order.
@Suite struct RowSettingsTests {
    private func set(
        _ cluster: TestCluster, _ user: UserID, _ conversation: ConversationID, _ change: RowSettingsChange
    ) -> OperationResult? {
        cluster.call(
            .account(
                AccountRequest(user: user, ask: .change(.settings(conversation, change, pending: nil)))))
    }

    private func row(_ cluster: TestCluster, _ user: UserID, _ conversation: ConversationID) -> InboxRow? {
        guard
            case .account(.row(let row))? = cluster.call(
                .account(AccountRequest(user: user, ask: .row(conversation))))
        else { return nil }
        return row
    }

    /// Ann with two devices; a message of bob's that waits nowhere any more.
    private func annWithTwoDevices() -> (TestCluster, TestDevice, TestDevice) {
        let cluster = TestCluster()
        let onPhone = TestDevice(cluster, ann, phone)
        let onLaptop = TestDevice(cluster, ann, laptop)
        for device in [onPhone, onLaptop] {
            device.connect()
            cluster.settle()
        }
        _ = cluster.send(bob, to: .user(ann), "1")
        cluster.advance(2_000)
        return (cluster, onPhone, onLaptop)
    }

    @Test func settingsReachOtherDevicesLiveAndAtCatchUp() {
        let (cluster, onPhone, onLaptop) = annWithTwoDevices()
        onLaptop.disconnect()
        let until = Timestamp(9_000_000)
        let change = RowSettingsChange(mute: .until(until), pinned: true, markedUnread: true)
        guard case .account(.row(let row))? = set(cluster, ann, annBob, change) else {
            Issue.record("not set")
            return
        }
        #expect(row.settings.mutedUntil == until && row.settings.isPinned && row.settings.isMarkedUnread)
        #expect(onPhone.settings[annBob] == row.settings)
        // With a cursor and without one.
        onLaptop.connect(withCursor: true)
        cluster.settle()
        #expect(onLaptop.settings[annBob] == row.settings)
        onLaptop.settings = [:]
        onLaptop.disconnect()
        onLaptop.connect()
        cluster.settle()
        #expect(onLaptop.settings[annBob] == row.settings)
        // What its connection outlived it is not shown again.
        cluster.advance(12_000)
        onLaptop.settings = [:]
        onLaptop.disconnect()
        cluster.advance(1_000)
        onLaptop.connect()
        cluster.settle()
        #expect(onLaptop.settings.isEmpty)
    }

    @Test func settingTheSameAgainIsNoNews() {
        let (cluster, onPhone, _) = annWithTwoDevices()
        _ = set(cluster, ann, annBob, RowSettingsChange(pinned: true))
        let version = row(cluster, ann, annBob)?.version
        onPhone.settings = [:]
        _ = set(cluster, ann, annBob, RowSettingsChange(pinned: true))
        #expect(row(cluster, ann, annBob)?.version == version)
        #expect(onPhone.settings.isEmpty)
    }

    @Test func aNewMessageEndsTheArchiveUnlessMuted() {
        let (cluster, onPhone, _) = annWithTwoDevices()
        _ = set(cluster, ann, annBob, RowSettingsChange(archived: true))
        #expect(row(cluster, ann, annBob)?.settings.isArchived == true)
        _ = cluster.send(bob, to: .user(ann), "2")
        cluster.advance(2_000)
        #expect(row(cluster, ann, annBob)?.settings.isArchived == false)
        #expect(onPhone.settings[annBob]?.isArchived == false)
        let later = Timestamp(cluster.now.wall.milliseconds + 1_000_000)
        _ = set(cluster, ann, annBob, RowSettingsChange(mute: .until(later), archived: true))
        _ = cluster.send(bob, to: .user(ann), "3")
        cluster.advance(2_000)
        #expect(row(cluster, ann, annBob)?.settings.isArchived == true)
    }

    /// The row of the message waits for its batch when the user archives.
    @Test func aMessageOfBeforeDoesNotEndTheArchive() {
        let (cluster, _, _) = annWithTwoDevices()
        _ = cluster.send(bob, to: .user(ann), "2")
        #expect(cluster.store(of: ann).reader.inboxRow(ann, annBob)?.head == Seq(1))
        _ = set(cluster, ann, annBob, RowSettingsChange(archived: true))
        cluster.advance(2_000)
        #expect(row(cluster, ann, annBob)?.head == Seq(2))
        #expect(row(cluster, ann, annBob)?.settings.isArchived == true)
    }

    @Test func readingEndsTheMarkOfUnread() {
        let (cluster, _, onLaptop) = annWithTwoDevices()
        _ = set(cluster, ann, annBob, RowSettingsChange(markedUnread: true))
        cluster.ask(.receipt(ReceiptRequest(user: ann, status: .read, target: .upTo(annBob, Seq(1)))))
        cluster.advance(2_000)
        #expect(row(cluster, ann, annBob)?.settings.isMarkedUnread == false)
        #expect(onLaptop.settings[annBob]?.isMarkedUnread == false)
        #expect(row(cluster, ann, annBob)?.unread == 0)
    }

    @Test func pinningAndArchivingExcludeEachOther() {
        let (cluster, _, _) = annWithTwoDevices()
        _ = set(cluster, ann, annBob, RowSettingsChange(pinned: true))
        _ = set(cluster, ann, annBob, RowSettingsChange(archived: true))
        #expect(row(cluster, ann, annBob)?.settings.isPinned == false)
        _ = set(cluster, ann, annBob, RowSettingsChange(pinned: true))
        #expect(row(cluster, ann, annBob)?.settings.isArchived == false)
    }

    @Test func anUnknownConversationIsNotFound() {
        let (cluster, _, _) = annWithTwoDevices()
        guard case .refused(let refusal)? = set(cluster, ann, club, RowSettingsChange(pinned: true)) else {
            Issue.record("taken")
            return
        }
        #expect(refusal.code == .notFound)
        #expect(row(cluster, ann, club) == nil)
    }

    // MARK: The list

    private func peer(_ number: Int) -> UserID {
        UserID(unchecked: "p" + String(repeating: "0", count: number < 10 ? 1 : 0) + "\(number)")
    }

    /// Ann with conversations with `count` people, the last one the newest.
    private func busyAnn(_ count: Int) -> TestCluster {
        let cluster = TestCluster()
        TestDevice(cluster, ann, phone).connect()
        cluster.settle()
        for number in 1...count {
            _ = cluster.send(peer(number), to: .user(ann), "1")
            cluster.advance(100)
        }
        cluster.advance(2_000)
        return cluster
    }

    private func page(_ cluster: TestCluster, _ before: ConversationsCursor?, _ limit: Int)
        -> ConversationsPage
    {
        guard
            case .conversations(let page)? = cluster.call(
                .conversations(ConversationsQuery(user: ann, before: before, limit: limit)))
        else { return ConversationsPage(rows: [], hasMore: false) }
        return page
    }

    @Test(arguments: 1...7) func pagesCoverBothSections(limit: Int) {
        let cluster = busyAnn(6)
        for number in [2, 4] {
            _ = set(
                cluster, ann, .direct(between: ann, and: peer(number)), RowSettingsChange(pinned: true))
        }
        var peers: [UserID] = []
        var cursor: ConversationsCursor?
        while true {
            let page = page(cluster, cursor, limit)
            peers += page.rows.compactMap(\.peer)
            guard page.hasMore, let last = page.rows.last else { break }
            cursor = last.place
        }
        #expect(peers == [4, 2, 6, 5, 3, 1].map(peer))
    }

    @Test func aRowThatRisesWhilePagingHidesNoOther() {
        let cluster = busyAnn(6)
        let first = page(cluster, nil, 2)
        #expect(first.rows.compactMap(\.peer) == [6, 5].map(peer))
        // A row of a later page gets news, and one of the first page is pinned.
        _ = cluster.send(peer(2), to: .user(ann), "2")
        cluster.advance(2_000)
        _ = set(cluster, ann, .direct(between: ann, and: peer(5)), RowSettingsChange(pinned: true))
        let rest = page(cluster, first.rows.last?.place, 10)
        #expect(rest.rows.compactMap(\.peer) == [4, 3, 1].map(peer))
        #expect(page(cluster, nil, 3).rows.compactMap(\.peer) == [5, 2, 6].map(peer))
    }

    @Test func pinsAreLimited() {
        let cluster = busyAnn(ChatRules.pinsMax + 1)
        for number in 1...ChatRules.pinsMax + 1 {
            let result = set(
                cluster, ann, .direct(between: ann, and: peer(number)), RowSettingsChange(pinned: true))
            if number <= ChatRules.pinsMax {
                guard case .account(.row)? = result else {
                    Issue.record("pin \(number) was refused")
                    return
                }
            } else {
                guard case .refused(let refusal)? = result else {
                    Issue.record("pin \(number) was taken")
                    return
                }
                #expect(refusal.code == .invalidRequest)
                #expect(refusal.details.contains(RefusalDetail("max", .number(Int64(ChatRules.pinsMax)))))
            }
        }
    }

    /// What is not committed yet is there too.
    @Test func rowsByConversationHaveWhatIsOnItsWay() {
        let cluster = TestCluster()
        TestDevice(cluster, ann, phone).connect()
        cluster.settle()
        _ = cluster.send(bob, to: .user(ann), "1")
        #expect(cluster.store(of: ann).reader.inboxRow(ann, annBob) == nil)
        guard
            case .account(.rows(let page))? = cluster.call(
                .account(AccountRequest(user: ann, ask: .rows(after: nil, limit: 5))))
        else {
            Issue.record("no rows")
            return
        }
        #expect(page.rows.map(\.conversation) == [annBob])
    }

    @Test func rowsByConversationAreCompleteWhateverHappensMeanwhile() {
        let cluster = busyAnn(5)
        var seen: [ConversationID] = []
        var after: ConversationID?
        while true {
            guard
                case .account(.rows(let page))? = cluster.call(
                    .account(AccountRequest(user: ann, ask: .rows(after: after, limit: 2))))
            else { break }
            seen += page.rows.map(\.conversation)
            after = page.rows.last?.conversation
            _ = cluster.send(peer(1), to: .user(ann), "\(seen.count)x")
            cluster.advance(1_000)
            if !page.hasMore { break }
        }
        #expect(seen.count == 5)
        #expect(seen == Set(seen).sorted())
    }
}
