import Testing
import Vocabulary
import Wire

@testable import Chat

/// Random use under loss, doubling, reordering and leader changes; then all is well and everything must
/// agree.
struct ConvergenceTests {
    private let people = [ann, bob, cat, dan]
    private let groups = [club, ConversationID(high: 77, low: 1)]

    @Test(arguments: Array(1...40) as [UInt64])
    func everythingAgreesWhenFaultsStop(seed: UInt64) {
        let run = Run(seed: seed, people: people, groups: groups)
        run.play(steps: 250)
        run.heal()
        run.checkInboxes()
        run.checkDevices()
        run.checkReceipts()
    }

    /// The same with groups whose members are not named.
    @Test(arguments: Array(41...80) as [UInt64])
    func everythingAgreesAlsoInLargeGroups(seed: UInt64) {
        var limits = Limits()
        limits.fanoutDirectMax = 0
        let run = Run(seed: seed, people: people, groups: groups, limits: limits)
        run.play(steps: 250)
        run.heal()
        run.checkInboxes()
        run.checkDevices()
        run.checkReceipts()
    }

    @Test func theSameRunEndsInTheSameBytes() {
        func contents() -> [[[UInt8]: [UInt8]]] {
            let run = Run(seed: 5, people: people, groups: groups)
            run.play(steps: 200)
            run.heal()
            return run.cluster.partitions.map(\.store.content)
        }
        #expect(contents() == contents())
    }

    @Test func stateDependsOnCommandsNotOnHowTheyAreBatched() throws {
        let run = Run(seed: 6, people: people, groups: groups)
        run.play(steps: 200)
        run.heal()
        var generator = SeededGenerator(seed: 1)
        for partition in run.cluster.partitions {
            let store = TestStore()
            var rest = partition.log[...]
            while !rest.isEmpty {
                let count = Int(generator.next() % 5) + 1
                try store.apply(all: Array(rest.prefix(count)))
                rest = rest.dropFirst(count)
            }
            #expect(store.content == partition.store.content)
        }
    }
}

private final class Run {
    let cluster: TestCluster
    let people: [UserID]
    let groups: [ConversationID]
    var generator: SeededGenerator
    var devices: [TestDevice] = []
    var waiting: [(token: UInt64, device: TestDevice)] = []

    init(seed: UInt64, people: [UserID], groups: [ConversationID], limits: Limits = Limits()) {
        cluster = TestCluster(partitions: seed % 2 == 0 ? 4 : 1, seed: seed, limits: limits)
        generator = SeededGenerator(seed: seed &* 77)
        self.people = people
        self.groups = groups
        for user in people {
            for device in [phone, laptop] {
                let made = TestDevice(cluster, user, device)
                devices.append(made)
                made.connect()
                cluster.settle()
                made.finishOpening()
            }
        }
        for group in groups {
            let change = GroupRequest.Change.create(name: "g", members: Array(people.prefix(3)))
            _ = cluster.call(.group(GroupRequest(group: group, actor: people[0], change: change)))
        }
        cluster.lossPercent = 15
    }

    private func pick<T>(_ values: [T]) -> T { values[Int(generator.next() % UInt64(values.count))] }

    func play(steps: Int) {
        for step in 0..<steps {
            act(step)
            if generator.chance(percent: 60) { cluster.settle() }
            if generator.chance(percent: 30) { cluster.advance(UInt64(generator.next() % 10) * 50) }
            answer()
        }
    }

    private func act(_ step: Int) {
        switch generator.next() % 12 {
        case 0...4:
            let device = pick(devices)
            let recipient: Recipient =
                generator.chance(percent: 50) ? .user(pick(people)) : .group(pick(groups))
            let isOwn = device.isConnected && generator.chance(percent: 50)
            let sending = request(
                device.user, to: recipient, "\(step)", "text \(step)", device: isOwn ? device.device : nil)
            let token = cluster.ask(.send(sending))
            if isOwn { waiting.append((token, device)) }
        case 5, 6:
            let device = pick(devices)
            guard
                let conversation = device.positions.keys.sorted().first(where: { _ in
                    generator.chance(percent: 40)
                }),
                let position = device.positions[conversation], position.seq > .zero
            else { return }
            cluster.ask(
                .receipt(
                    ReceiptRequest(
                        user: device.user, status: .read, target: .upTo(conversation, position.seq))))
        case 7:
            let other = pick(people)
            let changes: [GroupRequest.Change] = [
                .add([other]), .remove(other), .rename("name \(step)"), .leave,
                .setRole(other, .admin), .setRole(other, .owner),
            ]
            cluster.ask(.group(GroupRequest(group: pick(groups), actor: pick(people), change: pick(changes))))
        case 8, 9:
            let device = pick(devices)
            if device.isConnected {
                device.disconnect()
            } else {
                device.connect(withCursor: generator.chance(percent: 50))
            }
        case 10:
            cluster.advance(300)
        default:
            if generator.chance(percent: 40) {
                cluster.failover(Int(generator.next() % UInt64(cluster.partitions.count)))
            }
        }
    }

    private func answer() {
        waiting.removeAll { token, device in
            guard let result = cluster.results[token] else { return false }
            if case .sent(let sent) = result { device.sent(sent) }
            return true
        }
    }

    func heal() {
        cluster.lossPercent = 0
        cluster.advance(12_000)
        answer()
        for device in devices where !device.isConnected {
            device.connect(withCursor: generator.chance(percent: 50))
            cluster.settle()
            device.finishOpening()
        }
        cluster.advance(12_000)
    }

    private var conversations:
        [(id: ConversationID, record: ConversationRecord, reader: ChatReader<TestStore>)]
    {
        var ids = groups
        for (place, one) in people.enumerated() {
            for other in people[place...] { ids.append(.direct(between: one, and: other)) }
        }
        return ids.compactMap { id in
            let reader = cluster.store(of: id).reader
            return reader.conversation(id).map { (id, $0, reader) }
        }
    }

    func checkInboxes() {
        for place in cluster.partitions.indices {
            #expect(cluster.partitions[place].store.reader.dirtyConversations() == [])
            #expect(cluster.partitions[place].conversations.outstandingCount == 0)
        }
        for (id, record, reader) in conversations {
            for member in reader.members(of: id) {
                let row = cluster.store(of: member.user).reader.inboxRow(member.user, id)
                #expect(row?.isMember == member.isMember)
                #expect(row?.head == member.lastVisible(head: record.head))
                guard member.isMember, let row else { continue }
                #expect(row.unread == record.ordinal.distance(after: member.markOrdinal))
                #expect(row.read == max(member.read, row.read))
                #expect(row.title == record.name)
                #expect(row.lastAt == record.lastTimestamp)
            }
        }
    }

    /// Every device has every message it may see, each once, in order.
    func checkDevices() {
        for device in devices {
            for (id, record, reader) in conversations {
                let written = device.written[id] ?? []
                #expect(
                    zip(written, written.dropFirst()).allSatisfy { $0 < $1 },
                    "order of \(device.user) \(written)")
                guard let member = reader.member(device.user, of: id) else {
                    #expect(written.isEmpty)
                    continue
                }
                let last = member.lastVisible(head: record.head).raw
                let seen = Set(written).union(device.own[id] ?? [])
                for seq in member.joinedSeq.raw..<max(member.joinedSeq.raw, last + 1) {
                    #expect(seen.contains(seq), "\(device.user) \(device.device) lacks \(seq) of \(id)")
                }
                #expect(written.last ?? 0 <= last)
            }
        }
    }

    /// Every device of a sender knows how far the others have its messages, and how far its user has read.
    func checkReceipts() {
        for device in devices {
            for (id, _, reader) in conversations {
                guard let me = reader.member(device.user, of: id), me.isMember else { continue }
                let read = device.known(.read, of: me.user, in: id)
                #expect(
                    me.readRev == .zero || read == me.read,
                    "\(device.user) \(device.device) own read of \(id)")
                for other in reader.members(of: id) where other.user != me.user && other.isMember {
                    guard other.joinedSeq <= me.lastSent else { continue }
                    let delivered = device.known(.delivered, of: other.user, in: id)
                    let isDelivered = other.delivered >= me.lastSent
                    #expect(
                        !isDelivered || delivered >= me.lastSent, "\(device.user) of \(other.user) in \(id)")
                    let read = device.known(.read, of: other.user, in: id)
                    let isRead = other.read >= me.lastSent
                    #expect(!isRead || read >= me.lastSent, "\(device.user) of \(other.user) in \(id)")
                }
            }
        }
    }
}
