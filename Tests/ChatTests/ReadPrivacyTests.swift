import Testing
import Vocabulary
import Wire

@testable import Chat

/// Read receipts off: reciprocal in direct conversations, always on in groups, own devices always in step.
struct ReadPrivacyTests {
    private let cluster = TestCluster()
    private let annPhone: TestDevice
    private let bobPhone: TestDevice
    private let bobLaptop: TestDevice

    init() {
        annPhone = TestDevice(cluster, ann, phone)
        bobPhone = TestDevice(cluster, bob, phone)
        bobLaptop = TestDevice(cluster, bob, laptop)
        for device in [annPhone, bobPhone, bobLaptop] { device.connect() }
        cluster.settle()
    }

    private func receipts(_ user: UserID, _ isOn: Bool) {
        var change = SettingsChange()
        change.readReceipts = isOn
        _ = cluster.call(.privacy(.change(user, change)))
    }

    private func read(_ user: UserID, _ conversation: ConversationID, _ seq: UInt64) {
        _ = cluster.ask(
            .receipt(ReceiptRequest(user: user, status: .read, target: .upTo(conversation, Seq(seq)))))
        cluster.advance(1_000)
    }

    /// What ann is told of her first message.
    private func info() -> MessageInfo.Member? {
        guard
            let record = cluster.store(of: annBob).reader.conversation(annBob),
            case .messageInfo(let info)? = cluster.call(
                .messageInfo(InfoQuery(message: record.messageID(Seq(1)), user: ann)))
        else { return nil }
        return info.members.first
    }

    @Test(arguments: [ann, bob]) func whoeverOfBothHasThemOffNeitherSees(hiding: UserID) {
        _ = cluster.send(ann, to: .user(bob), "1", device: phone)
        receipts(hiding, false)
        read(bob, annBob, 1)
        #expect(annPhone.known(.read, of: bob, in: annBob) == .zero)
        // Delivered cannot be hidden, and bob's other device is in step.
        #expect(annPhone.known(.delivered, of: bob, in: annBob) == Seq(1))
        #expect(bobLaptop.known(.read, of: bob, in: annBob) == Seq(1))
        #expect(cluster.rows(of: bob).first?.unread == 0)
        #expect(info()?.readAt == nil && info()?.deliveredAt != nil)
        // Turning them on does not tell of before.
        receipts(hiding, true)
        let later = TestDevice(cluster, ann, laptop)
        later.positions[annBob] = .start
        later.connect(withCursor: true)
        cluster.advance(1_000)
        #expect(later.known(.read, of: bob, in: annBob) == .zero)
        #expect(later.known(.delivered, of: bob, in: annBob) == Seq(1))
        _ = cluster.send(ann, to: .user(bob), "2", device: phone)
        read(bob, annBob, 2)
        #expect(annPhone.known(.read, of: bob, in: annBob) == Seq(2))
    }

    /// Bob turned them off before he ever heard of ann.
    @Test func aNewConversationKnowsItBeforeTheFirstReceipt() {
        receipts(bob, false)
        _ = cluster.send(ann, to: .user(bob), "1", device: phone)
        read(bob, annBob, 1)
        #expect(annPhone.known(.delivered, of: bob, in: annBob) == Seq(1))
        #expect(annPhone.known(.read, of: bob, in: annBob) == .zero)
        cluster.advance(3_000)
        #expect(cluster.store(of: bob).reader.flagsDue().isEmpty)
    }

    /// A block told the conversation, ahead of its beginning, that bob has them off; then he turned them on.
    @Test func aNewConversationKnowsThatTheyAreOnAgain() {
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: true)))
        receipts(bob, false)
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: false)))
        cluster.advance(1_000)
        receipts(bob, true)
        cluster.advance(1_000)
        _ = cluster.send(ann, to: .user(bob), "1", device: phone)
        cluster.advance(3_000)
        read(bob, annBob, 1)
        #expect(cluster.store(of: annBob).reader.conversation(annBob)?.hidesReads == false)
        #expect(annPhone.known(.read, of: bob, in: annBob) == Seq(1))
        #expect(cluster.store(of: bob).reader.flagsDue().isEmpty)
    }

    @Test func groupsAlwaysTell() {
        receipts(bob, false)
        _ = cluster.call(
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob]))))
        _ = cluster.send(ann, to: .group(club), "1", device: phone)
        read(bob, club, 2)
        #expect(annPhone.known(.read, of: bob, in: club) == Seq(2))
    }

    @Test func allOfAUsersConversationsLearnIt() {
        let peers = (0..<150).map { UserID(unchecked: "peer-\($0)") }
        for peer in peers { _ = cluster.ask(.send(request(peer, to: .user(bob), "1"))) }
        cluster.advance(2_000)
        receipts(bob, false)
        cluster.advance(3_000)
        for peer in peers {
            let id = ConversationID.direct(between: bob, and: peer)
            let record = cluster.store(of: id).reader.conversation(id)
            #expect(record?.hidesReads == true, "\(peer)")
        }
        #expect(cluster.store(of: bob).reader.flagsDue().isEmpty)
    }

    @Test func aNewLeaderGoesOnTellingThem() {
        let peers = (0..<10).map { UserID(unchecked: "peer-\($0)") }
        for peer in peers { _ = cluster.ask(.send(request(peer, to: .user(bob), "1"))) }
        cluster.advance(2_000)
        cluster.lossPercent = 100
        receipts(bob, false)
        cluster.failover(cluster.index(of: bob))
        cluster.lossPercent = 0
        cluster.advance(2_000)
        for peer in peers {
            let id = ConversationID.direct(between: bob, and: peer)
            #expect(cluster.store(of: id).reader.conversation(id)?.hidesReads == true, "\(peer)")
        }
    }
}
