import Testing
import Vocabulary
import Wire

@testable import Chat

struct DeliveryTests {
    private let cluster = TestCluster()

    private func connected(_ user: UserID, _ device: DeviceID = phone) -> TestDevice {
        let result = TestDevice(cluster, user, device)
        result.connect()
        cluster.settle()
        result.finishOpening()
        return result
    }

    @Test func aMessageReachesThePeerAndTheSendersOtherDevices() {
        let (anns, laptops, bobs) = (connected(ann), connected(ann, laptop), connected(bob))
        guard case .sent(let sent)? = cluster.send(ann, to: .user(bob), "1", device: phone) else {
            return #expect(Bool(false), "not sent")
        }
        #expect(bobs.written[annBob] == [1])
        #expect(laptops.written[annBob] == [1])
        #expect(anns.written[annBob] == nil, "the sending device has its answer")
        #expect(sent.seq == Seq(1))
        // By a backend without a device: to all.
        _ = cluster.send(ann, to: .user(bob), "2")
        anns.sent(sent)
        #expect(bobs.written[annBob] == [1, 2])
        #expect(laptops.written[annBob] == [1, 2])
    }

    @Test func equalSendsInFlightAreOneMessage() {
        let one = cluster.ask(.send(request(ann, to: .user(bob), "1")))
        let two = cluster.ask(.send(request(ann, to: .user(bob), "1")))
        let other = cluster.ask(.send(request(ann, to: .user(bob), "1", "other")))
        #expect(cluster.results[one] == nil)
        #expect(cluster.results[other] == .refused(.duplicateMismatch))
        cluster.settle()
        guard case .sent(let first)? = cluster.results[one], case .sent(let second)? = cluster.results[two]
        else {
            return #expect(Bool(false), "not sent")
        }
        #expect(!first.duplicate && second.duplicate && first.messageID == second.messageID)
        #expect(cluster.proposed.count == 1)
        #expect(cluster.store(of: annBob).reader.conversation(annBob)?.head == Seq(1))
        // Later, from the state, without a proposal.
        guard case .sent(let third)? = cluster.send(ann, to: .user(bob), "1") else {
            return #expect(Bool(false), "not sent")
        }
        #expect(third.duplicate && cluster.proposed.filter { $0.isSend }.count == 1)
    }

    @Test func pipelinedSendsKeepTheirOrder() {
        let tokens = (1...20).map { cluster.ask(.send(request(ann, to: .user(bob), "\($0)"))) }
        cluster.settle()
        let seqs = tokens.map { token -> UInt64 in
            guard case .sent(let sent)? = cluster.results[token] else { return 0 }
            return sent.seq.raw
        }
        #expect(seqs == Array(1...20))
    }

    @Test func refusedAndAbandonedRequestsAreAnswered() {
        let send = cluster.ask(.send(request(ann, to: .user(bob), "1")))
        let receipt = cluster.ask(
            .receipt(ReceiptRequest(user: bob, status: .read, target: .upTo(annBob, Seq(1)))))
        let unknown = Refusal(.unknown, "leadership lost")
        let place = cluster.index(of: annBob)
        cluster.perform(cluster.partitions[place].conversations.abandon(unknown), place)
        #expect(cluster.results[send] == .refused(unknown))
        #expect(cluster.results[receipt] == .refused(unknown))
        cluster.partitions[place].proposals = []
        let again = cluster.ask(.send(request(ann, to: .user(bob), "1")))
        let overloaded = Refusal(.overloaded, "too much")
        for command in cluster.partitions[place].proposals {
            cluster.perform(cluster.partitions[place].conversations.refused(command, overloaded), place)
        }
        #expect(cluster.results[again] == .refused(overloaded))
    }

    @Test func receiptsAreMergedIntoOneBatch() {
        let bobs = connected(bob)
        bobs.acknowledges = false
        for place in 1...5 { _ = cluster.send(ann, to: .user(bob), "\(place)") }
        cluster.proposed = []
        let tokens = (1...5).map {
            cluster.ask(
                .receipt(ReceiptRequest(user: bob, status: .delivered, target: .upTo(annBob, Seq($0)))))
        }
        #expect(tokens.allSatisfy { cluster.results[$0] == nil }, "answered when committed")
        cluster.advance(50)
        #expect(tokens.allSatisfy { cluster.results[$0] == .ok })
        #expect(cluster.proposed.filter { $0.isReceipts }.count == 1)
        // Going back is fine and proposes nothing.
        let back = cluster.ask(
            .receipt(
                ReceiptRequest(
                    user: bob, status: .delivered,
                    target: .message(MessageID(conversation: annBob, seq: Seq(2))))))
        cluster.advance(50)
        #expect(cluster.results[back] == .ok)
        #expect(cluster.proposed.filter { $0.isReceipts }.count == 1)
        let unknown = cluster.ask(
            .receipt(
                ReceiptRequest(
                    user: bob, status: .read, target: .message(MessageID(conversation: club, seq: Seq(2))))))
        #expect(cluster.results[unknown] == .refused(.noSuchMessage))
    }

    /// Whoever they are of and wherever: what comes within one flush is one command of the partition.
    @Test func receiptsOfAPartitionAreOneBatch() {
        let one = TestCluster(partitions: 1)
        one.change(.create(name: "g", members: [bob, cat]))
        for number in 1...2 { _ = one.send(ann, to: .group(club), "\(number)") }
        _ = one.send(ann, to: .user(bob), "3")
        one.advance(1_000)
        one.proposed = []
        let marks: [(UserID, ConversationID, UInt64)] = [
            (bob, club, 2), (cat, club, 3), (bob, annBob, 1), (bob, club, 3),
        ]
        for (user, conversation, seq) in marks {
            let target = ReceiptRequest.Target.upTo(conversation, Seq(seq))
            one.ask(.receipt(ReceiptRequest(user: user, status: .delivered, target: target)))
        }
        one.advance(50)
        let batches = one.proposed.compactMap { command -> Int? in
            guard case .receipts(let batch) = command else { return nil }
            return batch.marks.count
        }
        #expect(batches == [3], "the two of one member and conversation are one mark")
    }

    @Test func receiptsOfTheTimeAwayComeAtTheOpening() {
        let (anns, bobs, laptops) = (connected(ann), connected(bob), connected(bob, laptop))
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(1_000)
        for device in [anns, laptops] {
            device.disconnect()
            device.statuses = []
        }
        cluster.ask(.receipt(ReceiptRequest(user: bob, status: .read, target: .upTo(annBob, Seq(1)))))
        cluster.advance(1_000)
        #expect(bobs.isConnected && anns.statuses.isEmpty && laptops.statuses.isEmpty)
        for device in [anns, laptops] {
            device.connect(withCursor: true)
            cluster.settle()
            device.finishOpening()
            #expect(device.known(.read, of: bob, in: annBob) == Seq(1), "\(device.user)")
        }
    }

    @Test func theSenderHearsOfReceiptsAndTheReadersOtherDevicesOfReadsOnly() {
        let (anns, bobs, laptops) = (connected(ann), connected(bob), connected(bob, laptop))
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(100)
        #expect(anns.known(.delivered, of: bob, in: annBob) == Seq(1))
        #expect(laptops.statuses == [])
        cluster.ask(.receipt(ReceiptRequest(user: bob, status: .read, target: .upTo(annBob, Seq(1)))))
        cluster.advance(100)
        #expect(anns.known(.read, of: bob, in: annBob) == Seq(1))
        #expect(laptops.known(.read, of: bob, in: annBob) == Seq(1))
        #expect(bobs.known(.read, of: ann, in: annBob) == .zero)
        // Each once, although receipts travel until they are acknowledged.
        _ = cluster.send(ann, to: .user(bob), "2")
        #expect(anns.statuses.filter { $0.status == .read }.count == 1)
    }

    @Test func whatWaitedComesAtTheOpeningAndNothingFallsBetween() {
        for place in 1...4 { _ = cluster.send(ann, to: .user(bob), "\(place)") }
        // The rows are merged but not committed yet: they count at once.
        #expect(cluster.store(of: bob).reader.inboxRow(bob, annBob) == nil)
        let bobs = TestDevice(cluster, bob, phone)
        bobs.connect()
        // Sent while the device is being registered: in the answer or pushed, never neither and never twice.
        cluster.ask(.send(request(ann, to: .user(bob), "5")))
        cluster.settle()
        bobs.finishOpening()
        _ = cluster.send(ann, to: .user(bob), "6")
        #expect(bobs.written[annBob] == [1, 2, 3, 4, 5, 6])
        cluster.advance(2_000)
        #expect(bobs.written[annBob] == [1, 2, 3, 4, 5, 6])
        #expect(cluster.store(of: bob).reader.inboxRow(bob, annBob)?.head == Seq(6))
    }

    @Test func aNewDeviceStartsAfterWhatOthersAcknowledged() {
        let first = connected(bob)
        for place in 1...3 { _ = cluster.send(ann, to: .user(bob), "\(place)") }
        cluster.advance(1_000)
        first.disconnect()
        for place in 4...5 { _ = cluster.send(ann, to: .user(bob), "\(place)") }
        let second = connected(bob, laptop)
        #expect(second.written[annBob] == [4, 5])
        // What the second acknowledges is not taken as seen by the first.
        cluster.advance(1_000)
        let again = connected(bob)
        #expect(again.written[annBob] == [4, 5])
        cluster.advance(1_000)
        #expect(connected(bob).written[annBob] == nil)
    }

    @Test func aDeviceKnownBeforeKeepsItsPlaceInANewConversation() {
        let phoneOfBob = connected(bob)
        phoneOfBob.disconnect()
        _ = connected(bob, laptop)
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(1_000)
        #expect(connected(bob).written[annBob] == [1])
    }

    @Test func theNewestSessionOfADeviceReplacesTheOld() {
        let old = connected(bob)
        let other = connected(bob, laptop)
        let new = connected(bob)
        #expect(old.closeCode == 4001 && new.closeCode == nil && other.closeCode == nil)
        _ = cluster.send(ann, to: .user(bob), "1")
        #expect(new.written[annBob] == [1] && old.written[annBob] == nil)
        #expect(cluster.partitions[cluster.index(of: bob)].users.sessionCount == 2)
    }

    @Test func onlineMeansASessionInTheForeground() {
        func isOnline() -> Bool? {
            guard case .presence(let states)? = cluster.call(.presence(viewer: ann, users: [bob])) else {
                return nil
            }
            return states[0].online
        }
        #expect(isOnline() == false)
        let bobs = connected(bob)
        #expect(isOnline() == true)
        guard let session = bobs.session else { return }
        _ = cluster.call(
            .refreshSessions([SessionRefresh(user: bob, device: phone, session: session, foreground: false)]))
        #expect(isOnline() == false)
        cluster.advance(1_000)
        #expect(cluster.store(of: bob).reader.lastSeen(bob) != nil)
        bobs.drop()
        cluster.advance(31_000)
        #expect(cluster.partitions[cluster.index(of: bob)].users.userCount == 0)
    }

    @Test func missingUsersOfAGroupAreNamed() {
        let request = GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob, dan]))
        guard case .group(let result)? = cluster.call(.group(request), missing: [dan]) else {
            return #expect(Bool(false), "not created")
        }
        #expect(result.members.map(\.result) == [.added, .notFound])
        #expect(cluster.store(of: club).reader.member(dan, of: club) == nil)
        let empty = GroupRequest(group: club, actor: ann, change: .rename(""))
        #expect(cluster.call(.group(empty)).refusal == .invalidRequest)
        let describe = GroupQuery(group: club, actor: bob, subject: .description)
        guard case .groupAnswer(.description(let description))? = cluster.call(.groupQuery(describe)) else {
            return #expect(Bool(false), "not described")
        }
        #expect(description.members.count == 2)
    }

    @Test func groupReceiptsReachThoseWhoSent() {
        let devices = [ann, bob, cat].map { connected($0) }
        _ = cluster.call(
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob, cat]))))
        _ = cluster.send(bob, to: .group(club), "1")
        cluster.advance(200)
        #expect(devices[1].known(.delivered, of: ann, in: club) == Seq(2))
        #expect(devices[1].known(.delivered, of: cat, in: club) == Seq(2))
        #expect(devices[2].statuses == [])
    }

    @Test func theRemovedHearOfItAndOfNothingLater() {
        let cats = connected(cat)
        _ = cluster.call(
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob, cat]))))
        cluster.ask(.send(request(ann, to: .group(club), "2")))
        cluster.ask(.group(GroupRequest(group: club, actor: ann, change: .remove(cat))))
        cluster.ask(.send(request(ann, to: .group(club), "4", "secret")))
        cluster.settle()
        cluster.advance(2_000)
        #expect(cats.written[club] == [1, 2, 3])
        let row = cluster.rows(of: cat).first
        #expect(row?.isMember == false && row?.head == Seq(3))
        #expect(row?.preview.contains("secret") == false)
        #expect(cluster.rows(of: bob).first?.preview == "secret")
    }

    @Test func whoJoinsIsShownNothingOfBefore() {
        let cats = connected(cat)
        _ = cluster.call(
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob]))))
        cluster.ask(.send(request(ann, to: .group(club), "2")))
        cluster.ask(.group(GroupRequest(group: club, actor: ann, change: .add([cat]))))
        cluster.ask(.send(request(ann, to: .group(club), "4")))
        cluster.settle()
        #expect(cats.written[club] == [3, 4])
        #expect(cluster.rows(of: cat).first?.unread == 1)
    }

    @Test func bodiesOfBeforeAJoiningStayBackEvenInOneItem() {
        let one = TestCluster(partitions: 1)
        let cats = TestDevice(one, cat, phone)
        cats.connect()
        one.settle()
        cats.finishOpening()
        one.ask(.group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob]))))
        one.ask(.send(request(ann, to: .group(club), "2")))
        one.ask(.group(GroupRequest(group: club, actor: ann, change: .add([cat]))))
        one.settle()
        let bodies = cats.events.compactMap { event -> UInt64? in
            if case .message(let message, _) = event { message.seq.raw } else { nil }
        }
        #expect(bodies == [3])
        #expect(cats.written[club] == [3])
    }

    @Test func whatNobodyAcknowledgedComesAtEveryOpening() {
        connected(bob).disconnect()
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(1_000)
        for _ in 0..<3 {
            let bobs = TestDevice(cluster, bob, phone)
            bobs.acknowledges = false
            bobs.connect()
            cluster.settle()
            bobs.finishOpening()
            #expect(bobs.written[annBob] == [1])
            cluster.advance(2_000)
            bobs.disconnect()
        }
        let last = connected(bob)
        cluster.advance(1_000)
        last.disconnect()
        // Now the device has it all, and its version says so: nothing old is looked at again.
        _ = connected(bob)
        cluster.advance(1_000)
        let user = cluster.store(of: bob).reader.user(bob)
        #expect(user?.device(phone)?.version == user?.inboxVersion)
    }

    @Test func anEleventhDeviceTakesThePlaceOfTheOneUnusedLongest() {
        for place in 1...11 {
            connected(bob, DeviceID(unchecked: "d\(place)")).disconnect()
            cluster.advance(1_000)
        }
        let devices = cluster.store(of: bob).reader.user(bob)?.devices.map(\.id.text)
        #expect(devices == (2...11).map { "d\($0)" })
    }

    @Test func aConversationsRowsAreWrittenTwiceASecondAtMost() {
        _ = connected(bob)
        cluster.proposed = []
        for place in 1...40 {
            _ = cluster.send(ann, to: .user(bob), "\(place)")
            cluster.advance(50)
        }
        let batches = cluster.proposed.filter { $0.isInboxBatch(of: annBob, user: bob) }.count
        #expect(batches >= 3 && batches <= 5)
        #expect(cluster.rows(of: bob).first?.head == Seq(40), "merged rows count at once")
    }

    @Test func theConversationListIsNewestFirstInPages() {
        for peer in [bob, cat, dan] {
            _ = cluster.send(ann, to: .user(peer), "1")
            cluster.advance(1_000)
        }
        _ = cluster.send(ann, to: .user(bob), "2")
        #expect(cluster.rows(of: ann).map(\.peer) == [bob, dan, cat])
        let page = cluster.store(of: ann).reader.conversations(
            ConversationsQuery(user: ann, before: nil, limit: 1), pending: [])
        #expect(page.rows.map(\.peer) == [dan] && page.hasMore)
        let cursor = ConversationsCursor(lastAt: page.rows[0].lastAt, conversation: page.rows[0].conversation)
        let next = cluster.store(of: ann).reader.conversations(
            ConversationsQuery(user: ann, before: cursor, limit: 5), pending: [])
        #expect(next.rows.map(\.peer) == [cat, bob] && !next.hasMore)
    }
}

extension Command {
    var isSend: Bool {
        if case .sendMessage = self { return true }
        return false
    }
    var isReceipts: Bool {
        if case .receipts = self { return true }
        return false
    }
    func isInboxBatch(of conversation: ConversationID, user: UserID) -> Bool {
        guard case .inboxBatch(let updates) = self else { return false }
        return updates.contains { $0.row.conversation == conversation && $0.user == user }
    }
}

extension OperationResult? {
    var refusal: RefusalCode? {
        if case .refused(let refusal)? = self { return refusal.code }
        return nil
    }
}
