import Testing
import Vocabulary
import Wire

@testable import Chat

/// Changes of messages on their way to devices and lists.
struct MessageChangeDeliveryTests {
    private let cluster = TestCluster()

    private func device(_ user: UserID, _ device: DeviceID = phone) -> TestDevice {
        let device = TestDevice(cluster, user, device)
        device.connect()
        cluster.settle()
        device.finishOpening()
        return device
    }

    private func sent(_ id: String, _ content: String = "hello") throws -> SentResult {
        guard case .sent(let sent)? = cluster.send(ann, to: .user(bob), id, content) else {
            Issue.record("not sent")
            throw Refusal(.unknown, "not sent")
        }
        return sent
    }

    private func change(_ sent: SentResult, by actor: UserID, _ change: MessageChangeRequest.Change) {
        let request = MessageChangeRequest(message: sent.messageID, actor: actor, change: change)
        guard case .messageChanged? = cluster.call(.changeMessage(request)) else {
            Issue.record("not changed: \(change)")
            return
        }
    }

    @Test func changesReachLiveDevicesOnce() throws {
        let bobs = device(bob)
        let anns = device(ann, laptop)
        let message = try sent("1")
        cluster.advance(200)
        change(message, by: ann, .edit("new"))
        change(message, by: bob, .react("👍"))
        cluster.advance(3_000)
        #expect(bobs.updates.map(\.change) == [.edited(content: "new"), .reaction("👍")])
        #expect(anns.updates.map(\.change) == bobs.updates.map(\.change))
        #expect(bobs.positions[annBob]?.rev == cluster.store(of: annBob).reader.conversation(annBob)?.rev)
    }

    @Test func aDeviceThatWasAwayGetsEveryChange() throws {
        let bobs = device(bob)
        let first = try sent("1")
        let second = try sent("2")
        cluster.advance(1_000)
        bobs.disconnect()
        cluster.advance(1_000)
        change(first, by: ann, .edit("new"))
        change(second, by: ann, .deleteForEveryone)
        _ = try sent("3", "third")
        cluster.advance(1_000)
        bobs.connect()
        cluster.advance(1_000)
        #expect(bobs.shown[first.messageID]?.content == "new")
        #expect(bobs.shown[second.messageID]?.amendments.deletedAt != nil)
        #expect(bobs.written[annBob] == [1, 2, 3])
    }

    @Test func deletingForOneselfReachesOwnDevicesOnly() throws {
        let bobs = device(bob)
        let bobsLaptop = device(bob, laptop)
        let anns = device(ann)
        let message = try sent("1")
        cluster.advance(200)
        change(message, by: bob, .deleteForMe)
        cluster.advance(1_000)
        #expect(bobs.updates.map(\.change) == [.deleted(.me)])
        #expect(bobsLaptop.updates.map(\.change) == [.deleted(.me)])
        #expect(anns.updates == [])
        #expect(cluster.rows(of: bob).map(\.preview) == [""])
        #expect(cluster.rows(of: ann).map(\.preview) == ["hello"])
        _ = try sent("2", "later")
        cluster.advance(1_000)
        #expect(cluster.rows(of: bob).map(\.preview) == ["later"])
    }

    @Test func listsShowTheLastMessageAsItIsNow() throws {
        let first = try sent("1", "first")
        let second = try sent("2", "second")
        cluster.advance(1_000)
        change(first, by: ann, .edit("not shown"))
        cluster.advance(1_000)
        #expect(cluster.rows(of: bob).map(\.preview) == ["second"])
        change(second, by: ann, .edit("edited"))
        cluster.advance(1_000)
        #expect(cluster.rows(of: bob).map(\.preview) == ["edited"])
        #expect(cluster.rows(of: bob).map(\.unread) == [2])
        change(second, by: ann, .deleteForEveryone)
        cluster.advance(1_000)
        #expect(cluster.rows(of: bob).map(\.preview) == [""])
        // Tombstones go on counting.
        #expect(cluster.rows(of: bob).map(\.unread) == [2])
    }

    @Test func aNewLeaderFinishesWhatTheOldOneBegan() throws {
        let bobs = device(bob)
        let message = try sent("1")
        cluster.advance(1_000)
        // Committed, and the leader dies before anybody hears of it.
        let request = MessageChangeRequest(message: message.messageID, actor: ann, change: .edit("new"))
        let place = cluster.index(of: annBob)
        try cluster.partitions[place].store.apply(
            .changeMessage(
                MessageChangeCommand(
                    conversation: annBob, request: request, editWindowMilliseconds: 1 << 40,
                    deleteWindowMilliseconds: 1 << 40, at: cluster.now.wall)))
        cluster.failover(place)
        cluster.advance(5_000)
        #expect(bobs.shown[message.messageID]?.content == "new")
        #expect(cluster.rows(of: bob).map(\.preview) == ["new"])
    }

    @Test func changesConvergeOverALossyNetwork() throws {
        let cluster = TestCluster(seed: 7)
        cluster.lossPercent = 30
        let bobs = TestDevice(cluster, bob, phone)
        bobs.connect()
        var messages: [SentResult] = []
        for number in 1...20 {
            guard case .sent(let sent)? = cluster.send(ann, to: .user(bob), "\(number)") else { continue }
            messages.append(sent)
            let target = messages[number * 7 % messages.count]
            let request = MessageChangeRequest(
                message: target.messageID, actor: ann, change: .edit("\(number)"))
            _ = cluster.call(.changeMessage(request))
            cluster.advance(100)
            if number == 8 { bobs.disconnect() }
            if number == 14 { bobs.connect(withCursor: true) }
            if number == 16 { cluster.failover(cluster.index(of: bob)) }
            if number == 18 { cluster.failover(cluster.index(of: annBob)) }
        }
        cluster.lossPercent = 0
        cluster.advance(30_000)
        let reader = cluster.store(of: annBob).reader
        for message in messages {
            #expect(
                bobs.shown[message.messageID]?.content == reader.message(message.messageID, for: bob)?.content
            )
        }
        #expect(bobs.written[annBob] == (1...20).map { UInt64($0) })
    }

    @Test func theLeaderProposesWhatIsDue() throws {
        var brief = request(ann, to: .user(bob), "1")
        brief.expiresInMilliseconds = 2_000
        let bobs = device(bob)
        guard case .sent(let sent)? = cluster.call(.send(brief)) else {
            Issue.record("not sent")
            return
        }
        cluster.advance(1_500)
        #expect(bobs.updates == [])
        cluster.advance(1_500)
        #expect(bobs.updates.map(\.change) == [.deleted(.expired)])
        #expect(cluster.proposed.count { if case .expireMessages = $0 { true } else { false } } == 1)
        #expect(cluster.rows(of: bob).map(\.preview) == [""])
        #expect(bobs.shown[sent.messageID]?.content == "")
    }
}
