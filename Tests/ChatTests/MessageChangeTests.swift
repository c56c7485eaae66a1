import Testing
import Vocabulary
import Wire

@testable import Chat

/// Edits, deletions and reactions as the log applies them.
struct MessageChangeTests {
    private let store = TestStore()
    private let minute: Int64 = 60_000

    private func record(_ id: ConversationID = annBob) throws -> ConversationRecord {
        try #require(store.reader.conversation(id))
    }
    private func message(_ seq: UInt64, for user: UserID, in id: ConversationID = annBob) throws
        -> MessageRecord
    {
        let page = try store.reader.history(
            HistoryQuery(conversation: id, user: user, bound: nil, order: .ascending, limit: 100)
        ).get()
        return try #require(page.messages.first { $0.seq == Seq(seq) })
    }

    @Test func anEditTakesARevAndNoSeq() throws {
        try store.apply(send(ann, to: .user(bob), "1"))
        let before = try record()
        let outcome = try #require(try store.apply(changing(1, by: ann, .edit("new"))).first?.messageChange)
        let event = try outcome.result.get()
        #expect(event.change == .edited(content: "new"))
        #expect(event.rev == before.rev.next)
        #expect(try record().head == before.head)
        #expect(try record().ordinal == before.ordinal)
        #expect(try record().rev == before.rev.next)
        #expect(try message(1, for: bob).content == "new")
        #expect(try message(1, for: bob).amendments.editedAt == Timestamp(2_000))
        #expect(outcome.change?.updates == [event])
        #expect(Set(outcome.change?.members.map(\.user) ?? []) == [ann, bob])
    }

    @Test func repeatingAChangeChangesNothing() throws {
        try store.apply(send(ann, to: .user(bob), "1"))
        for change in [
            MessageChangeRequest.Change.edit("new"), .react("👍"), .unreact, .deleteForMe, .deleteForEveryone,
        ] {
            try store.apply(changing(1, by: ann, change))
            let before = store.content
            let again = try #require(
                try store.apply(changing(1, by: ann, change, at: 9_000)).first?.messageChange)
            #expect(again.result.refusal == nil && again.change == nil, "\(change)")
            #expect(store.content == before, "\(change)")
        }
    }

    @Test func whoMayChangeWhat() throws {
        try store.apply(
            send(ann, to: .user(bob), "1"), change(ann, .create(name: "g", members: [bob, cat])),
            send(bob, to: .group(club), "2"))
        func refusal(_ command: Command) throws -> RefusalCode? { try store.apply(command).first?.refusal }
        #expect(try refusal(changing(1, by: bob, .edit("x"))) == .forbidden)
        #expect(try refusal(changing(1, by: bob, .deleteForEveryone)) == .forbidden)
        #expect(try refusal(changing(1, by: cat, .react("x"))) == .notFound)
        #expect(try refusal(changing(7, by: ann, .react("x"))) == .notFound)
        // A system message is nobody's.
        #expect(try refusal(changing(1, by: ann, .deleteForEveryone, in: club)) == .forbidden)
        #expect(try refusal(changing(2, by: cat, .deleteForEveryone, in: club)) == .forbidden)
        #expect(try refusal(changing(2, by: cat, .react("x"), in: club)) == nil)
        // The owner, at any time.
        #expect(
            try refusal(changing(2, by: ann, .deleteForEveryone, in: club, at: 1 << 50)) == nil)
        #expect(try refusal(changing(2, by: bob, .edit("x"), in: club)) == .gone)
        #expect(try refusal(changing(2, by: cat, .react("y"), in: club)) == .gone)
        try store.apply(change(ann, .remove(cat)))
        #expect(try refusal(changing(2, by: cat, .react("y"), in: club)) == .notMember)
    }

    @Test func windowsAreJudgedByTheStampInTheEntry() throws {
        try store.apply(send(ann, to: .user(bob), "1", at: 1_000))
        func refusal(_ change: MessageChangeRequest.Change, after: Int64) throws -> RefusalCode? {
            try store.apply(changing(1, by: ann, change, at: 1_000 + after)).first?.refusal
        }
        #expect(try refusal(.edit("a"), after: 15 * minute) == nil)
        #expect(try refusal(.edit("b"), after: 15 * minute + 1) == .forbidden)
        #expect(try refusal(.deleteForEveryone, after: 60 * 60 * minute + 1) == .forbidden)
        #expect(try refusal(.deleteForEveryone, after: 60 * 60 * minute) == nil)
    }

    @Test func onlyATextIsEdited() throws {
        var image = request(ann, to: .user(bob), "1")
        image.type = .image
        try store.apply(
            .sendMessage(SendCommand(conversation: annBob, request: image, digest: 1, at: Timestamp(1_000))))
        #expect(try store.apply(changing(1, by: ann, .edit("x"))).first?.refusal == .invalidRequest)
    }

    @Test func aTombstoneKeepsItsPlaceAndNothingElse() throws {
        try store.apply(send(ann, to: .user(bob), "1", "secret"), send(ann, to: .user(bob), "2"))
        try store.apply(changing(1, by: bob, .react("👍")), changing(1, by: ann, .edit("secret too")))
        try store.apply(changing(1, by: ann, .deleteForEveryone))
        let tombstone = try message(1, for: bob)
        #expect(tombstone.content == "" && tombstone.reactions == [])
        #expect(tombstone.amendments.deletedAt == Timestamp(2_000))
        #expect(tombstone.ordinal == Ordinal(1) && tombstone.sender == ann)
        #expect(!store.content.values.contains { String(decoding: $0, as: UTF8.self).contains("secret") })
        // A retry of the send still gets its original result, and unread counts go on counting it.
        let again = try #require(try store.apply(send(ann, to: .user(bob), "1", "secret")).first?.sent)
        #expect(again.duplicate && again.seq == Seq(1))
        #expect(try record().ordinal == Ordinal(2))
        // Whoever was away learns of the deletion only.
        let updates = try store.reader.catchUp(
            CatchUpQuery(
                conversation: annBob, user: bob, after: ConversationPosition(seq: Seq(2), rev: Rev(2)),
                limit: 9)
        ).get().updates
        #expect(updates.map(\.change) == [.deleted(.everyone)])
    }

    @Test func oneReactionPerUser() throws {
        try store.apply(send(ann, to: .user(bob), "1"))
        try store.apply(changing(1, by: bob, .react("👍")), changing(1, by: ann, .react("👍")))
        #expect(try message(1, for: ann).reactions == [Reaction(emoji: "👍", users: [ann, bob])])
        try store.apply(changing(1, by: bob, .react("🦀")))
        #expect(
            try message(1, for: ann).reactions
                == [Reaction(emoji: "👍", users: [ann]), Reaction(emoji: "🦀", users: [bob])])
        try store.apply(changing(1, by: ann, .unreact), changing(1, by: bob, .unreact))
        #expect(try message(1, for: ann).reactions == [])
        // Toggling for ever leaves one row of the index per user, not one per toggle.
        for _ in 0..<20 {
            try store.apply(changing(1, by: bob, .react("👍")), changing(1, by: bob, .unreact))
        }
        #expect(store.pairs(in: Tables.changes(annBob, after: .zero)).count == 2)
    }

    @Test func deletingForOneselfIsNobodyElsesAffair() throws {
        try store.apply(send(ann, to: .user(bob), "1"), send(ann, to: .user(bob), "2"))
        let outcome = try #require(try store.apply(changing(2, by: bob, .deleteForMe)).first?.messageChange)
        #expect(outcome.change?.members.map(\.user) == [bob])
        #expect(outcome.change?.audience == ConversationChange.Audience.none)
        #expect(try message(2, for: bob).amendments.deletedAt != nil)
        #expect(try message(2, for: bob).content == "")
        #expect(try message(2, for: ann).content == "hello")
        func updates(_ user: UserID) throws -> [UpdateEvent.Change] {
            try store.reader.catchUp(
                CatchUpQuery(
                    conversation: annBob, user: user, after: ConversationPosition(seq: Seq(2), rev: Rev(2)),
                    limit: 9)
            ).get().updates.map(\.change)
        }
        #expect(try updates(bob) == [.deleted(.me)])
        #expect(try updates(ann) == [])
    }

    @Test func catchUpBringsEveryChangeInPagesOfTheLimit() throws {
        for place in 1...8 { try store.apply(send(ann, to: .user(bob), "\(place)")) }
        for seq in 1...8 { try store.apply(changing(UInt64(seq), by: ann, .edit("new \(seq)"))) }
        // A receipt between them must not be lost at a cut.
        try store.apply(receipt(bob, annBob, read: 8))
        try store.apply(changing(1, by: bob, .react("👍")))
        var after = ConversationPosition(seq: Seq(8), rev: Rev(8))
        var seen: [Rev] = []
        var pages = 0
        while true {
            let page = try store.reader.catchUp(
                CatchUpQuery(conversation: annBob, user: ann, after: after, limit: 3)
            ).get()
            pages += 1
            seen += (page.updates.map(\.rev) + page.statuses.map(\.rev)).sorted()
            #expect(page.position.rev > after.rev)
            after = page.position
            if !page.hasMore { break }
        }
        #expect(seen == (9...19).map { Rev($0) })
        #expect(pages == 3)
        #expect(after == ConversationPosition(seq: Seq(8), rev: try record().rev))
    }

    @Test func messagesADeviceLacksComeAsTheyAreNow() throws {
        try store.apply(send(ann, to: .user(bob), "1"), changing(1, by: ann, .edit("new")))
        try store.apply(changing(1, by: bob, .react("👍")))
        let page = try store.reader.catchUp(
            CatchUpQuery(conversation: annBob, user: bob, after: .start, limit: 9)
        ).get()
        #expect(page.messages.map(\.content) == ["new"])
        #expect(page.messages.first?.reactions == [Reaction(emoji: "👍", users: [bob])])
        #expect(page.form == Rev(3))
    }

    @Test func whoLeftLearnsNothingMore() throws {
        try store.apply(
            change(ann, .create(name: "g", members: [bob])), send(ann, to: .group(club), "1"),
            change(ann, .remove(bob)), changing(2, by: ann, .edit("new"), in: club))
        let page = try store.reader.catchUp(
            CatchUpQuery(
                conversation: club, user: bob, after: ConversationPosition(seq: Seq(3), rev: Rev(3)), limit: 9
            )
        ).get()
        #expect(page.updates == [])
    }

    @Test func disappearingMessagesGoByACommandOfTheLog() throws {
        var brief = request(ann, to: .user(bob), "1")
        brief.expiresInMilliseconds = 5_000
        try store.apply(
            .sendMessage(SendCommand(conversation: annBob, request: brief, digest: 1, at: Timestamp(1_000))))
        #expect(store.reader.expired(at: Timestamp(5_999), limit: 9).places == [])
        #expect(store.reader.expired(at: Timestamp(5_999), limit: 9).next == Timestamp(6_000))
        let places = store.reader.expired(at: Timestamp(6_000), limit: 9).places
        #expect(places == [.init(conversation: annBob, seq: Seq(1))])
        // Too early by the entry's own stamp: nothing.
        try store.apply(.expireMessages(ExpiryCommand(at: Timestamp(5_999), places: places)))
        #expect(try message(1, for: bob).content == "hello")
        let outcome = try store.apply(.expireMessages(ExpiryCommand(at: Timestamp(6_000), places: places)))
        guard case .messagesExpired(let changes)? = outcome.first else {
            Issue.record("no outcome")
            return
        }
        #expect(changes.first?.updates.map(\.change) == [.deleted(.expired)])
        #expect(try message(1, for: bob).content == "")
        #expect(store.reader.expired(at: Timestamp(1 << 50), limit: 9).places == [])
        try store.apply(.expireMessages(ExpiryCommand(at: Timestamp(7_000), places: places)))
        #expect(try message(1, for: bob).amendments.deletedAt == Timestamp(6_000))
    }

    @Test func infoTellsEachMembersTimes() throws {
        try store.apply(
            change(ann, .create(name: "g", members: [bob, cat])), send(ann, to: .group(club), "1"),
            send(ann, to: .group(club), "2"), receipt(bob, club, delivered: 2, at: 5_000),
            receipt(bob, club, read: 3, at: 6_000), receipt(cat, club, delivered: 3, at: 7_000),
            change(ann, .remove(cat)), change(ann, .add([dan])))
        func info(_ seq: UInt64, _ user: UserID) -> Result<MessageInfo, Refusal> {
            store.reader.info(InfoQuery(message: MessageID(conversation: club, seq: Seq(seq)), user: user))
        }
        let left = try #require(store.reader.conversation(club)).lastTimestamp.milliseconds - 1
        #expect(
            try info(2, ann).get().members == [
                .init(user: bob, deliveredAt: Timestamp(5_000), readAt: Timestamp(6_000), leftAt: nil),
                .init(user: cat, deliveredAt: Timestamp(7_000), readAt: nil, leftAt: Timestamp(left)),
            ])
        #expect(try info(2, ann).get().status == .delivered, "cat has not read it")
        #expect(try info(3, ann).get().status == .delivered)
        // Each message has the time at which the watermark reached it.
        #expect(try info(3, bob).get().members.first?.deliveredAt == Timestamp(6_000))
        #expect(info(2, dan).refusal == .notFound)
        try store.apply(send(ann, to: .user(bob), "d"))
        let direct = MessageID(conversation: annBob, seq: Seq(1))
        #expect(store.reader.info(InfoQuery(message: direct, user: bob)).refusal == .forbidden)
        #expect(
            try store.reader.info(InfoQuery(message: direct, user: ann)).get().members
                == [.init(user: bob, deliveredAt: nil, readAt: nil, leftAt: nil)])
    }
}
