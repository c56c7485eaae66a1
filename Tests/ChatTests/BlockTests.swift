import Testing
import Vocabulary
import Wire

@testable import Chat

/// Blocks: what the log refuses, what is hidden, and how a conversation comes to know of them.
struct BlockTests {
    private func code(_ result: OperationResult?) -> RefusalCode? {
        guard case .refused(let refusal)? = result else { return nil }
        return refusal.code
    }

    private func block(
        _ cluster: TestCluster, _ user: UserID, _ peer: UserID, _ isBlocked: Bool = true
    ) -> OperationResult? {
        cluster.call(.privacy(.block(user, peer: peer, isBlocked: isBlocked)))
    }

    @Test func aBlockHoldsBothWaysAndIsLifted() {
        let cluster = TestCluster()
        guard case .sent? = cluster.send(ann, to: .user(bob), "1") else {
            Issue.record("not sent")
            return
        }
        #expect(block(cluster, bob, ann) == .privacy(.settings(UserSettings())))
        #expect(code(cluster.send(ann, to: .user(bob), "2")) == .blocked)
        #expect(code(cluster.send(bob, to: .user(ann), "3")) == .blocked)
        // A retry of what was sent before keeps its result (guarantee G4).
        guard case .sent(let again)? = cluster.send(ann, to: .user(bob), "1") else {
            Issue.record("the retry was refused")
            return
        }
        #expect(again.duplicate && again.seq == Seq(1))
        #expect(block(cluster, bob, ann, false) == .privacy(.settings(UserSettings())))
        guard case .sent(let sent)? = cluster.send(ann, to: .user(bob), "2") else {
            Issue.record("still blocked")
            return
        }
        #expect(sent.seq == Seq(2))
    }

    @Test func aBlockIsThereBeforeTheFirstMessage() {
        let cluster = TestCluster()
        _ = block(cluster, bob, ann)
        #expect(code(cluster.send(ann, to: .user(bob), "1")) == .blocked)
        #expect(code(cluster.send(bob, to: .user(ann), "1")) == .blocked)
        // A refused first message leaves nothing behind.
        #expect(cluster.store(of: annBob).reader.conversation(annBob) == nil)
        #expect(cluster.rows(of: ann).isEmpty && cluster.rows(of: bob).isEmpty)
        _ = block(cluster, bob, ann, false)
        guard case .sent(let sent)? = cluster.send(ann, to: .user(bob), "1") else {
            Issue.record("still blocked")
            return
        }
        #expect(sent.seq == Seq(1) && !sent.duplicate)
    }

    @Test func aBlockOfBothIsLiftedByBoth() {
        let cluster = TestCluster()
        _ = block(cluster, bob, ann)
        _ = block(cluster, ann, bob)
        _ = block(cluster, bob, ann, false)
        #expect(code(cluster.send(bob, to: .user(ann), "1")) == .blocked)
        _ = block(cluster, ann, bob, false)
        guard case .sent? = cluster.send(bob, to: .user(ann), "1") else {
            Issue.record("still blocked")
            return
        }
    }

    @Test func editsAndReactionsStopAtABlockToo() {
        let cluster = TestCluster()
        guard case .sent(let sent)? = cluster.send(ann, to: .user(bob), "1") else {
            Issue.record("not sent")
            return
        }
        func change(_ user: UserID, _ change: MessageChangeRequest.Change) -> RefusalCode? {
            code(
                cluster.call(
                    .changeMessage(
                        MessageChangeRequest(message: sent.messageID, actor: user, change: change))))
        }
        _ = block(cluster, bob, ann)
        #expect(change(ann, .edit("other")) == .blocked)
        #expect(change(ann, .react("👍")) == .blocked)
        #expect(change(bob, .unreact) == .blocked)
        #expect(change(ann, .deleteForMe) == nil)
        #expect(change(ann, .deleteForEveryone) == nil)
    }

    @Test func groupsAreNotBlocked() {
        let cluster = TestCluster()
        _ = cluster.call(
            .group(GroupRequest(group: club, actor: ann, change: .create(name: "g", members: [bob]))))
        _ = block(cluster, bob, ann)
        guard case .sent? = cluster.send(ann, to: .group(club), "1") else {
            Issue.record("a block of two people silenced a group")
            return
        }
    }

    @Test func blocksHaveALimitAndAreListedInPages() throws {
        let store = TestStore()
        func block(_ peer: UserID, _ isBlocked: Bool = true) throws -> PrivacyOutcome? {
            let command = BlockCommand(
                user: ann, peer: peer, isBlocked: isBlocked, blocksMax: 2, at: Timestamp(7))
            guard case .privacy(let outcome)? = try store.apply(.privacy(.block(command))).first else {
                return nil
            }
            return outcome
        }
        #expect(try block(dan)?.isChange == true)
        #expect(try block(bob)?.isChange == true)
        #expect(try block(bob)?.isChange == false)
        #expect(try block(cat)?.result.refusal == .invalidRequest)
        let first = store.reader.blocks(of: ann, after: nil, limit: 1)
        #expect(first == BlocksPage(blocks: [.init(user: bob, at: Timestamp(7))], hasMore: true))
        #expect(store.reader.blocks(of: ann, after: bob, limit: 1).blocks.map(\.user) == [dan])
        #expect(store.reader.blocks(of: ann, after: dan, limit: 1) == BlocksPage(blocks: [], hasMore: false))
        #expect(try block(bob, false)?.isChange == true)
        #expect(try block(cat)?.result.refusal == nil)
        // Another user whose id begins alike has none of them.
        #expect(store.reader.blocks(of: UserID(unchecked: "an"), after: nil, limit: 9).blocks.isEmpty)
    }

    @Test func theLaterFlagsWinInAnyOrder() throws {
        func flags(_ version: UInt64, _ isBlocking: Bool) -> Command {
            .memberFlags([
                MemberFlagsUpdate(
                    conversation: annBob, user: bob,
                    flags: MemberFlags(version: version, isBlocking: isBlocking, hidesReads: false))
            ])
        }
        for ahead in [true, false] {
            let store = TestStore()
            if !ahead { try store.apply(send(ann, to: .user(bob), "0")) }
            try store.apply(flags(5, false))
            try store.apply(flags(4, true))
            if ahead { try store.apply(send(ann, to: .user(bob), "0")) }
            #expect(try store.apply(send(ann, to: .user(bob), "1")).first?.refusal == nil)
            try store.apply(flags(6, true))
            #expect(try store.apply(send(ann, to: .user(bob), "2")).first?.refusal == .blocked)
        }
    }

    @Test func aNewLeaderDeliversWhatTheOldOneDidNot() {
        for isUnblock in [false, true] {
            let cluster = TestCluster()
            if isUnblock { _ = block(cluster, bob, ann) }
            // Everything on its way is lost.
            cluster.lossPercent = 100
            _ = block(cluster, bob, ann, !isUnblock)
            cluster.failover(cluster.index(of: bob))
            cluster.lossPercent = 0
            cluster.settle()
            let expected: RefusalCode? = isUnblock ? nil : .blocked
            #expect(code(cluster.send(ann, to: .user(bob), "1")) == expected)
            cluster.advance(2_000)
            #expect(cluster.store(of: bob).reader.flagsDue().isEmpty)
        }
    }

    @Test func lossAndReorderingOfCopiesDoNotMatter() {
        for seed: UInt64 in 1...20 {
            let cluster = TestCluster(seed: seed)
            cluster.lossPercent = 40
            for round in 0..<6 {
                _ = cluster.ask(.privacy(.block(bob, peer: ann, isBlocked: round % 2 == 0)))
                _ = cluster.ask(.privacy(.block(ann, peer: bob, isBlocked: round % 3 == 0)))
                cluster.advance(200)
            }
            cluster.lossPercent = 0
            cluster.advance(20_000)
            // The last words: bob blocks no more, nor does ann.
            guard case .sent? = cluster.send(ann, to: .user(bob), "1") else {
                Issue.record("seed \(seed): a late copy won")
                continue
            }
            #expect(cluster.store(of: bob).reader.flagsDue().isEmpty)
            #expect(cluster.store(of: ann).reader.flagsDue().isEmpty)
        }
    }

    @Test func aBlockIsAnsweredWhenTheConversationKnowsItOrAfterAWhile() {
        let cluster = TestCluster()
        cluster.lossPercent = 100
        let token = cluster.ask(.privacy(.block(bob, peer: ann, isBlocked: true)))
        cluster.settle()
        #expect(cluster.results[token] == nil)
        cluster.advance(PrivacyMachine.blockAnswerMilliseconds + 1_000)
        #expect(cluster.results[token] == .privacy(.settings(UserSettings())))
    }

    @Test func receiptsStopAtABlock() {
        let cluster = TestCluster()
        let annPhone = TestDevice(cluster, ann, phone)
        annPhone.connect()
        cluster.settle()
        _ = cluster.send(ann, to: .user(bob), "1", device: phone)
        _ = block(cluster, bob, ann)
        for status: ReceiptStatus in [.delivered, .read] {
            _ = cluster.ask(
                .receipt(ReceiptRequest(user: bob, status: status, target: .upTo(annBob, Seq(1)))))
        }
        cluster.advance(1_000)
        #expect(annPhone.known(.delivered, of: bob, in: annBob) == .zero)
        #expect(annPhone.known(.read, of: bob, in: annBob) == .zero)
        // Bob's own unread count follows all the same.
        #expect(cluster.rows(of: bob).first?.unread == 0)
        // Nor does a device of ann's that catches up later hear of it, not even when the block is lifted.
        _ = block(cluster, bob, ann, false)
        let laptopDevice = TestDevice(cluster, ann, laptop)
        laptopDevice.positions[annBob] = .start
        laptopDevice.connect(withCursor: true)
        cluster.advance(1_000)
        #expect(laptopDevice.positions[annBob]?.seq == Seq(1))
        #expect(laptopDevice.known(.read, of: bob, in: annBob) == .zero)
        #expect(laptopDevice.known(.delivered, of: bob, in: annBob) == .zero)
    }
}
