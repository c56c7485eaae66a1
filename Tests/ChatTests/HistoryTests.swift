import Testing
import Vocabulary
import Wire

@testable import Chat

struct HistoryTests {
    private let store = TestStore()

    private func query(
        _ user: UserID = ann, in id: ConversationID = annBob, limit: Int = 4,
        _ change: (inout HistoryQuery) -> Void = { _ in }
    ) -> HistoryQuery {
        var query = HistoryQuery(conversation: id, user: user, bound: nil, order: .descending, limit: limit)
        change(&query)
        return query
    }

    private func page(_ query: HistoryQuery) throws -> (seqs: [UInt64], older: Bool, newer: Bool) {
        let page = try store.reader.history(query).get()
        let isDescending = query.order == .descending
        return (
            page.messages.map(\.seq.raw), isDescending ? page.hasMore : page.hasPrevious ?? false,
            isDescending ? page.hasPrevious ?? false : page.hasMore
        )
    }

    private func fill(_ count: Int) throws {
        for place in 1...count { try store.apply(send(ann, to: .user(bob), "\(place)")) }
    }

    @Test func bothOrdersAndTheirBounds() throws {
        try fill(9)
        #expect(try page(query()) == (seqs: [9, 8, 7, 6], older: true, newer: false))
        #expect(try page(query { $0.bound = Seq(6) }).seqs == [5, 4, 3, 2])
        #expect(try page(query { $0.bound = Seq(5) }) == (seqs: [4, 3, 2, 1], older: false, newer: false))
        #expect(try page(query { $0.order = .ascending }).seqs == [1, 2, 3, 4])
        #expect(
            try page(
                query {
                    $0.order = .ascending
                    $0.bound = Seq(8)
                }
            ).seqs == [9])
    }

    @Test func aroundAPlaceThereIsAsMuchOnBothSidesAsThereCanBe() throws {
        try fill(9)
        func around(_ seq: UInt64, _ order: HistoryQuery.Order = .ascending) throws -> (
            seqs: [UInt64], older: Bool, newer: Bool
        ) {
            try page(
                query {
                    $0.around = .seq(Seq(seq))
                    $0.order = order
                })
        }
        #expect(try around(5) == (seqs: [3, 4, 5, 6], older: true, newer: true))
        #expect(try around(5, .descending) == (seqs: [6, 5, 4, 3], older: true, newer: true))
        #expect(try around(1) == (seqs: [1, 2, 3, 4], older: false, newer: true))
        #expect(try around(9) == (seqs: [6, 7, 8, 9], older: true, newer: false))
        #expect(try around(500) == (seqs: [6, 7, 8, 9], older: true, newer: false))
        let byID = query { $0.around = .message(MessageID(conversation: annBob, seq: Seq(5))) }
        #expect(try page(byID).seqs == [6, 5, 4, 3])
        let elsewhere = query { $0.around = .message(MessageID(conversation: club, seq: Seq(5))) }
        #expect(store.reader.history(elsewhere).refusal == .notFound)
    }

    @Test func membersSeeFromTheirJoiningToTheirLeaving() throws {
        try store.apply(change(ann, .create(name: "g", members: [bob])), send(ann, to: .group(club), "1"))
        try store.apply(change(ann, .add([cat])), send(ann, to: .group(club), "2"))
        try store.apply(change(ann, .remove(cat)), send(ann, to: .group(club), "3"))
        #expect(try page(query(cat, in: club, limit: 100)).seqs == [5, 4, 3])
        #expect(
            try page(
                query(cat, in: club) {
                    $0.around = .seq(Seq(1))
                    $0.order = .ascending
                }
            ).seqs == [3, 4, 5])
        #expect(store.reader.history(query(dan, in: club)).refusal == .notMember)
    }

    @Test func aReplicaAnswersOnlyWhatItHasComeAsFarAs() throws {
        try fill(5)
        func stale(_ change: (inout HistoryQuery) -> Void) -> [UInt64]? {
            store.reader.staleHistory(query(change: change))?.messages.map(\.seq.raw)
        }
        #expect(stale { _ in } == [5, 4, 3, 2])
        #expect(stale { $0.minSeq = Seq(5) } != nil)
        // Own writes and earlier pages are never unseen again: the leader is asked then.
        #expect(stale { $0.minSeq = Seq(6) } == nil)
        #expect(stale { $0.bound = Seq(6) } == nil)
        #expect(stale { $0.around = .seq(Seq(6)) } == nil)
        // What is not here may exist.
        #expect(store.reader.staleHistory(query(cat)) == nil)
        #expect(store.reader.staleHistory(query(in: club)) == nil)
    }

    private func query(change: (inout HistoryQuery) -> Void) -> HistoryQuery { query(ann, change) }
}

/// Replies, mentions and what disappears by itself.
struct MessageExtrasTests {
    private let store = TestStore()

    private func send(
        _ sender: UserID, to recipient: Recipient, _ id: String, at: Int64 = 1_000,
        _ change: (inout SendRequest) -> Void
    ) throws -> CommandOutcome? {
        var request = request(sender, to: recipient, id)
        change(&request)
        return try store.apply(
            .sendMessage(
                SendCommand(
                    conversation: .conversation(of: sender, with: recipient), request: request,
                    digest: request.payloadDigest, at: Timestamp(at)))
        ).first
    }

    @Test func onlyMembersAreMentioned() throws {
        try store.apply(change(ann, .create(name: "g", members: [bob, cat])), change(ann, .remove(cat)))
        let refused = try send(ann, to: .group(club), "1") { $0.mentions = [bob, dan] }
        #expect(refused?.refusal == .invalidRequest)
        #expect(store.reader.conversation(club)?.head == Seq(2))
        // Somebody removed a moment ago is no reason to refuse a message.
        let taken = try send(ann, to: .group(club), "2") { $0.mentions = [bob, cat] }
        #expect(taken?.message?.change?.message?.mentions == [bob, cat])
    }

    @Test func aReplyIsToAMessageOneMaySee() throws {
        try store.apply(
            change(ann, .create(name: "g", members: [bob])), ChatTests.send(ann, to: .group(club), "1"))
        try store.apply(change(ann, .add([cat])))
        let target = MessageID(conversation: club, seq: Seq(2))
        #expect(try send(cat, to: .group(club), "2") { $0.replyTo = target }?.refusal == .notFound)
        #expect(
            try send(bob, to: .group(club), "3") { $0.replyTo = target }?.message?.change?.message?.replyTo
                == target)
    }

    @Test func theConversationsDefaultHoldsForMessagesThatSayNothing() throws {
        try store.apply(ChatTests.send(ann, to: .user(bob), "1"))
        let set = Command.setDisappearing(
            DisappearingRequest(conversation: annBob, actor: bob, milliseconds: 86_400_000),
            at: Timestamp(2_000))
        guard case .disappearingSet(let outcome)? = try store.apply(set).first else {
            Issue.record("no outcome")
            return
        }
        #expect(outcome.refusal == nil)
        #expect(outcome.change?.message?.type == .system)
        #expect(
            outcome.change?.message?.content
                == #"{"event":"disappearing","actor":"bob","disappearing_ms":86400000}"#)
        let before = store.content
        try store.apply(set)
        #expect(store.content == before, "setting it again writes nothing")
        let silent = try send(ann, to: .user(bob), "2", at: 3_000) { _ in }
        #expect(silent?.message?.change?.message?.expiresInMilliseconds == 86_400_000)
        #expect(silent?.message?.change?.message?.amendments.expiresAt == Timestamp(86_403_000))
        let own = try send(ann, to: .user(bob), "3", at: 4_000) { $0.expiresInMilliseconds = 500 }
        #expect(own?.message?.change?.message?.amendments.expiresAt == Timestamp(4_500))
        #expect(
            store.reader.message(MessageID(conversation: annBob, seq: Seq(1)), for: bob)?.amendments
                == Amendments.none)
    }

    @Test func inAGroupOnlyAdminsSetIt() throws {
        try store.apply(change(ann, .create(name: "g", members: [bob])))
        func refusal(_ user: UserID) throws -> RefusalCode? {
            let request = DisappearingRequest(conversation: club, actor: user, milliseconds: 604_800_000)
            guard
                case .disappearingSet(let outcome)? =
                    try store.apply(.setDisappearing(request, at: Timestamp(2_000))).first
            else { return nil }
            return outcome.refusal?.code
        }
        #expect(try refusal(bob) == .forbidden)
        #expect(try refusal(dan) == .notFound)
        #expect(try refusal(ann) == nil)
        #expect(store.reader.conversation(club)?.disappearingMilliseconds == 604_800_000)
    }
}
