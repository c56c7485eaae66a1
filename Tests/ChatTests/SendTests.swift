import Testing
import Vocabulary
import Wire

@testable import Chat

struct SendTests {
    private let store = TestStore()

    @Test func seqHasNoGapsAndTimesOnlyGrow() throws {
        var results: [SentResult] = []
        for (place, at) in [(1, 1_000), (2, 500), (3, 1_000), (4, 2_000)] {
            let sender = place % 2 == 0 ? ann : bob
            let peer = place % 2 == 0 ? bob : ann
            results.append(
                try #require(
                    try store.apply(send(sender, to: .user(peer), "\(place)", at: Int64(at))).first?.sent))
        }
        #expect(results.map(\.seq) == [1, 2, 3, 4].map { Seq($0) })
        #expect(results.map(\.timestamp.milliseconds) == [1_000, 1_001, 1_002, 2_000])
        #expect(results.allSatisfy { $0.conversation == annBob && !$0.duplicate })
        #expect(results[2].messageID == MessageID(conversation: annBob, seq: Seq(3)))
    }

    @Test func aRetryReturnsTheFirstResultAndAnotherPayloadIsRefused() throws {
        let first = try #require(try store.apply(send(ann, to: .user(bob), "a")).first?.sent)
        let again = try #require(try store.apply(send(ann, to: .user(bob), "a", at: 9_000)).first)
        var expected = first
        expected.duplicate = true
        #expect(again.sent == expected)
        #expect(again.message?.change == nil)
        #expect(try store.apply(send(ann, to: .user(bob), "a", "other")).first?.refusal == .duplicateMismatch)
        // The scope is conversation and sender.
        #expect(try store.apply(send(bob, to: .user(ann), "a", "other")).first?.sent?.seq == Seq(2))
        #expect(try store.apply(send(ann, to: .user(cat), "a", "other")).first?.sent?.seq == Seq(1))
    }

    @Test func oneEntryMayHoldTheSameSendTwice() throws {
        let outcomes = try store.apply(send(ann, to: .user(bob), "a"), send(ann, to: .user(bob), "a"))
        #expect(outcomes.map { $0.sent?.duplicate } == [false, true])
        #expect(store.reader.conversation(annBob)?.head == Seq(1))
    }

    @Test func dedupKeysOfDifferentSendersNeverMeet() throws {
        let a = UserID(unchecked: "a")
        let ab = UserID(unchecked: "ab")
        try store.apply(change(a, .create(name: "g", members: [ab])))
        #expect(try store.apply(send(a, to: .group(club), "bc")).first?.sent?.duplicate == false)
        #expect(try store.apply(send(ab, to: .group(club), "c")).first?.sent?.duplicate == false)
    }

    @Test func aReplyMustBeToAMessageTheSenderSees() throws {
        try store.apply(send(ann, to: .user(bob), "1"))
        func reply(to message: MessageID) -> Command {
            var request = request(bob, to: .user(ann), "r\(message)")
            request.replyTo = message
            return .sendMessage(
                SendCommand(
                    conversation: annBob, request: request, digest: request.payloadDigest, at: Timestamp(1)))
        }
        #expect(
            try store.apply(reply(to: MessageID(conversation: club, seq: Seq(1)))).first?.refusal == .notFound
        )
        #expect(
            try store.apply(reply(to: MessageID(conversation: annBob, seq: Seq(2)))).first?.refusal
                == .notFound)
        #expect(
            try store.apply(reply(to: MessageID(conversation: annBob, seq: Seq(1)))).first?.sent?.seq
                == Seq(2))
    }

    @Test func oneMayWriteToOneself() throws {
        let own = try #require(try store.apply(send(ann, to: .user(ann), "1")).first?.message?.change)
        #expect(own.pair == [ann, ann])
        #expect(own.members.map(\.user) == [ann])
    }

    @Test func nobodyButMembersSendsToAGroup() throws {
        #expect(try store.apply(send(ann, to: .group(club), "1")).first?.refusal == .recipientUnknown)
        try store.apply(change(ann, .create(name: "club", members: [bob])))
        #expect(try store.apply(send(cat, to: .group(club), "1")).first?.refusal == .notMember)
        #expect(try store.apply(send(bob, to: .group(club), "1")).first?.sent?.seq == Seq(2))
    }

    @Test func aRefusalTakesNoSeqAndWritesNothing() throws {
        try store.apply(change(ann, .create(name: "club", members: [])))
        let before = store.content
        try store.apply(send(cat, to: .group(club), "1"))
        #expect(store.content == before)
    }

    @Test func aSendAndARemovalHaveExactlyOneOutcome() throws {
        try store.apply(change(ann, .create(name: "club", members: [bob])))
        let outcomes = try store.apply(
            send(bob, to: .group(club), "before"), change(ann, .remove(bob)),
            send(bob, to: .group(club), "after"),
            send(bob, to: .group(club), "before"))
        #expect(outcomes[0].sent?.seq == Seq(2))
        #expect(outcomes[1].group?.change?.head == Seq(3))
        #expect(outcomes[2].refusal == .notMember)
        // A retry by somebody removed since still gets its original result.
        #expect(outcomes[3].sent?.duplicate == true)
        #expect(store.reader.conversation(club)?.head == Seq(3))
    }

    /// Dedup comes first: what was stored has its result, whatever has become of the recipient's devices.
    @Test func aStaleListIsRefusedButNoRetry() throws {
        let store = TestStore()
        func send(_ id: String, _ devices: RecipientDevices?) throws -> CommandOutcome? {
            var request = request(ann, to: .user(bob), id)
            request.recipientDevices = devices
            return try store.apply(
                .sendMessage(
                    SendCommand(
                        conversation: annBob, request: request, digest: request.payloadDigest,
                        at: Timestamp(1)))
            ).first
        }
        let stale = RecipientDevices.stale(missing: [laptop], extra: [phone])
        let refused = try send("1", stale)
        #expect(refused?.refusal == .staleDevices)
        #expect(store.content.isEmpty)
        #expect(try send("1", nil)?.sent?.seq == Seq(1))
        let again = try send("1", stale)
        #expect(again?.sent?.duplicate == true && again?.sent?.seq == Seq(1))
    }
}
