import Testing
import Vocabulary
import Wire

@testable import Chat

/// The push outbox and the machine that empties it.
@Suite struct PushTests {
    let registration = PushRegistration(
        target: .fcm(token: "t"), content: .full, registeredAt: Timestamp(1))

    /// Ann with a phone that is registered for push.
    func store(_ registration: PushRegistration? = nil, device: DeviceID = phone) throws -> TestStore {
        let store = TestStore()
        try store.apply(
            .registerDevice(RegisterDevice(user: ann, device: device, devicesMax: 10, at: Timestamp(1))),
            .account(
                AccountCommand(
                    user: ann, change: .setPush(device, registration ?? self.registration), at: Timestamp(1),
                    token: 0)))
        return store
    }

    /// Ann's row of her conversation with bob; messages up to `head`, read up to `read`.
    func row(
        head: UInt64, read: UInt64 = 0, at: Int64 = 1_000, with peer: UserID = bob
    ) -> Command {
        .inboxBatch([
            InboxUpdate(
                user: ann,
                row: InboxRow(
                    conversation: .direct(between: ann, and: peer), kind: .direct, peer: peer, title: "",
                    head: Seq(head),
                    rev: Rev(head),
                    lastAt: Timestamp(at), preview: "hello", headOrdinal: Ordinal(head),
                    markOrdinal: Ordinal(read), read: Seq(read), memberEpoch: 1, isMember: true,
                    version: .zero))
        ])
    }

    let key = PushKey(user: ann, conversation: annBob)

    func machine() -> PushMachine {
        PushMachine(
            partition: PartitionID(1),
            rules: .init(isEnabled: true, graceMilliseconds: 2_000, lifetimeMilliseconds: 86_400_000))
    }

    func take(
        _ machine: inout PushMachine, _ store: TestStore, at tick: UInt64, acked: UInt64 = 0,
        isQuiet: Bool = false, wall: Int64 = 2_000
    ) -> [ChatDirective] {
        machine.take(
            now: Moment(tick: Tick(tick), wall: Timestamp(wall)), reader: store.reader, pending: { _ in [] },
            positions: { _ in { _, _ in ConversationPosition(seq: Seq(acked), rev: .zero) } },
            isQuiet: { _ in isQuiet })
    }

    /// The work of the outbox after a command, as its leader hears of it.
    func note(_ machine: inout PushMachine, _ outcomes: [CommandOutcome], at tick: UInt64) {
        for case .inbox(let rows) in outcomes {
            for row in rows {
                machine.note(
                    row.pushes.map { PushKey(user: row.user, conversation: $0) }, now: Tick(tick))
            }
        }
    }

    func ordered(_ directives: [ChatDirective]) -> PushJob? {
        for case .notify(let job) in directives { return job }
        return nil
    }

    func marked(_ directives: [ChatDirective]) -> PushedMark? {
        for case .propose(.pushed(let marks)) in directives { return marks.first }
        return nil
    }

    @Test func aMessageIsToldAfterTheGraceAndOnce() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 2)), at: 100)
        #expect(take(&machine, store, at: 2_099).isEmpty)
        let job = try #require(ordered(take(&machine, store, at: 2_100)))
        #expect(job.devices.map(\.id) == [phone] && job.after == .zero && job.through == Seq(2))
        #expect(job.badge == 2)
        // While it is under way nothing else is ordered.
        #expect(take(&machine, store, at: 9_000).isEmpty)
        let done = machine.finished(
            PushJobResult(
                key: key, through: Seq(2), isClear: false,
                devices: [.init(id: phone, registeredAt: Timestamp(1), ending: .done, told: Seq(2))]),
            now: Moment(tick: Tick(9_000), wall: Timestamp(2_000)))
        let mark = try #require(marked(done))
        #expect(mark.through == Seq(2) && mark.shown == Seq(2))
        guard case .pushed(let marks, let left)? = try store.apply(.pushed([mark])).first else {
            Issue.record("no outcome")
            return
        }
        machine.applied(marks, left: left, now: Tick(9_100))
        #expect(left.isEmpty && machine.count == 0)
        // What comes later is told alone.
        note(&machine, try store.apply(row(head: 3)), at: 10_000)
        let next = try #require(ordered(take(&machine, store, at: 12_000)))
        #expect(next.after == Seq(2) && next.through == Seq(3))
    }

    @Test func theBadgeCountsWhatIsUnreadAndNotMuted() throws {
        let store = try store()
        var machine = machine()
        let mute = RowSettingsChange(mute: .until(Timestamp(9_000)))
        let change = AccountChange.settings(.direct(between: ann, and: cat), mute, pending: nil)
        try store.apply(
            row(head: 5, with: cat), row(head: 3, with: dan),
            .account(AccountCommand(user: ann, change: change, at: Timestamp(1), token: 0)))
        note(&machine, try store.apply(row(head: 4, read: 2)), at: 0)
        #expect(ordered(take(&machine, store, at: 2_000))?.badge == 3 + 2)
        #expect(store.reader.badge(of: ann, pending: [], at: Timestamp(9_000)) == 5 + 3 + 2, "mutes end")
    }

    @Test func whatADeviceHasOrTheUserHasReadIsNotTold() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 2)), at: 0)
        let acked = take(&machine, store, at: 2_000, acked: 2)
        #expect(ordered(acked) == nil && marked(acked)?.through == Seq(2))
        #expect(marked(acked)?.shown == .zero)

        let other = try self.store()
        var second = self.machine()
        note(&second, try other.apply(row(head: 2)), at: 0)
        note(&second, try other.apply(row(head: 2, read: 2)), at: 500)
        let read = take(&second, other, at: 2_000)
        #expect(read.isEmpty && other.reader.pushOutbox(key) == nil)
    }

    @Test func nothingIsToldInQuietHoursOrTooLate() throws {
        for (isQuiet, wall) in [(true, Int64(2_000)), (false, 90_000_000)] {
            let store = try store()
            var machine = machine()
            note(&machine, try store.apply(row(head: 1)), at: 0)
            let directives = take(&machine, store, at: 2_000, isQuiet: isQuiet, wall: wall)
            #expect(ordered(directives) == nil && marked(directives)?.through == Seq(1))
        }
    }

    @Test func ofAPeerWhoIsBlockedMeanwhileNothingIsTold() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 1)), at: 0)
        let block = BlockCommand(user: ann, peer: bob, isBlocked: true, blocksMax: 10, at: Timestamp(1))
        try store.apply(.privacy(.block(block)))
        let directives = take(&machine, store, at: 2_000)
        #expect(ordered(directives) == nil && marked(directives)?.through == Seq(1))
    }

    @Test func theSendersOfAGroupAreAskedAboutWhereTheUserBlocksAnybody() throws {
        for isBlocking in [false, true] {
            let store = try store()
            var machine = machine()
            if isBlocking {
                let block = BlockCommand(
                    user: ann, peer: dan, isBlocked: true, blocksMax: 10, at: Timestamp(1))
                try store.apply(.privacy(.block(block)))
            }
            guard case .inboxBatch(var updates) = row(head: 1) else { return }
            updates[0].row.conversation = club
            updates[0].row.kind = .group
            updates[0].row.peer = nil
            note(&machine, try store.apply(.inboxBatch(updates)), at: 0)
            #expect(ordered(take(&machine, store, at: 2_000))?.mayHaveBlocked == isBlocking)
        }
    }

    /// The mark was not proposed: leadership was on the move, or the log was full.
    @Test func whatWasToldStaysToldWhenTheMarkIsRefused() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 2)), at: 0)
        #expect(ordered(take(&machine, store, at: 2_000)) != nil)
        let done = machine.finished(
            PushJobResult(
                key: key, through: Seq(2), isClear: false,
                devices: [.init(id: phone, registeredAt: Timestamp(1), ending: .done, told: Seq(2))]),
            now: Moment(tick: Tick(2_100), wall: Timestamp(2_000)))
        machine.refused([try #require(marked(done))], now: Tick(2_100))
        let again = take(&machine, store, at: 4_000)
        #expect(ordered(again) == nil)
        #expect(marked(again)?.through == Seq(2) && marked(again)?.shown == Seq(2))
    }

    /// Told are a message and, by way of a clear that comes between, its mark.
    @Test func whatWasToldStaysToldWhenAClearComesBetween() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 1)), at: 0)
        func end(_ endings: [PushJobResult.Ending], _ job: PushJob, told: UInt64) -> [ChatDirective] {
            let devices = zip(job.devices, endings).map {
                PushJobResult.Device(
                    id: $0.0.id, registeredAt: Timestamp(1), ending: $0.1,
                    told: $0.1 == .done ? Seq(told) : .zero)
            }
            return machine.finished(
                PushJobResult(key: key, through: job.through, isClear: job.isClear, devices: devices),
                now: Moment(tick: Tick(3_000), wall: Timestamp(2_000)))
        }
        func commit(_ directives: [ChatDirective]) throws {
            let mark = try #require(marked(directives))
            guard case .pushed(let marks, let left)? = try store.apply(.pushed([mark])).first else { return }
            machine.applied(marks, left: left, now: Tick(3_000))
        }
        // The first message is shown on the phone; then a laptop comes too.
        try commit(end([.done], try #require(ordered(take(&machine, store, at: 2_000))), told: 1))
        try store.apply(
            .registerDevice(RegisterDevice(user: ann, device: laptop, devicesMax: 10, at: Timestamp(1))),
            .account(
                AccountCommand(
                    user: ann, change: .setPush(laptop, registration), at: Timestamp(1), token: 0)))
        note(&machine, try store.apply(row(head: 2)), at: 3_000)
        let second = try #require(ordered(take(&machine, store, at: 5_000)))
        #expect(second.devices.count == 2)
        // One of both is told of the second; the first is read before the other can be.
        let endings = second.devices.map {
            $0.id == phone ? PushJobResult.Ending.done : .retry(afterMilliseconds: 10)
        }
        #expect(end(endings, second, told: 2).isEmpty)
        note(&machine, try store.apply(row(head: 2, read: 1)), at: 3_000)
        let clear = try #require(ordered(take(&machine, store, at: 6_000)))
        #expect(clear.isClear)
        try commit(end([.done, .done], clear, told: 0))
        let last = try #require(ordered(take(&machine, store, at: 9_000)))
        #expect(last.devices.map(\.id) == [laptop])
    }

    /// Messages that come between the order and the reading are another job's.
    @Test func aJobIsDoneNoFurtherThanItWasOrdered() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 3)), at: 0)
        let job = try #require(ordered(take(&machine, store, at: 2_000)))
        let messages = (1...4).map { seq in
            MessageRecord(
                conversation: annBob, seq: Seq(seq), ordinal: Ordinal(seq),
                messageID: MessageID(hash60: 1, seq: Seq(seq)), sender: bob, senderDevice: nil,
                recipient: .user(ann), clientMessageID: ClientMessageID(unchecked: "m"), type: .text,
                content: "text", timestamp: Timestamp(1), clientTimestamp: nil)
        }
        func through(_ count: Int, hasMore: Bool) -> Seq {
            job.through(
                HistoryPage(messages: Array(messages.prefix(count)), hasMore: hasMore, newest: Seq(9)))
        }
        #expect(through(4, hasMore: true) == Seq(3) && through(4, hasMore: false) == Seq(3))
        #expect(through(2, hasMore: true) == Seq(2) && through(2, hasMore: false) == Seq(3))
    }

    @Test func aUserWithoutARegistrationHasNoOutbox() throws {
        let store = TestStore()
        try store.apply(
            .registerDevice(RegisterDevice(user: ann, device: phone, devicesMax: 10, at: Timestamp(1))))
        guard case .inbox(let rows)? = try store.apply(row(head: 1)).first else { return }
        #expect(rows.flatMap(\.pushes) == [])
        #expect(store.reader.pushOutbox(key) == nil)
    }

    @Test func aNewLeaderGoesOnWithTheOutbox() throws {
        let store = try store()
        try store.apply(row(head: 1))
        var machine = machine()
        machine.resume(store.reader, now: Tick(50))
        #expect(ordered(take(&machine, store, at: 2_050))?.through == Seq(1))
    }

    @Test func aProviderThatIsAwayIsTriedAgainAndOthersAreNotToldTwice() throws {
        let store = try store()
        try store.apply(
            .registerDevice(RegisterDevice(user: ann, device: laptop, devicesMax: 10, at: Timestamp(1))),
            .account(
                AccountCommand(user: ann, change: .setPush(laptop, registration), at: Timestamp(1), token: 0))
        )
        var machine = machine()
        note(&machine, try store.apply(row(head: 1)), at: 0)
        #expect(ordered(take(&machine, store, at: 2_000))?.devices.count == 2)
        let now = Moment(tick: Tick(2_500), wall: Timestamp(2_000))
        let directives = machine.finished(
            PushJobResult(
                key: key, through: Seq(1), isClear: false,
                devices: [
                    .init(id: phone, registeredAt: Timestamp(1), ending: .done, told: Seq(1)),
                    .init(
                        id: laptop, registeredAt: Timestamp(1), ending: .retry(afterMilliseconds: 7_000),
                        told: .zero),
                ]), now: now)
        #expect(directives.isEmpty)
        #expect(take(&machine, store, at: 9_499).isEmpty)
        #expect(ordered(take(&machine, store, at: 9_500))?.devices.map(\.id) == [laptop])
    }

    @Test func aDeadTokenIsRemovedByTheLogUnlessItIsNewer() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 1)), at: 0)
        _ = take(&machine, store, at: 2_000)
        let directives = machine.finished(
            PushJobResult(
                key: key, through: Seq(1), isClear: false,
                devices: [.init(id: phone, registeredAt: Timestamp(1), ending: .dead, told: .zero)]),
            now: Moment(tick: Tick(2_500), wall: Timestamp(3)))
        guard case .propose(let removal)? = directives.first else {
            Issue.record("\(directives)")
            return
        }
        func register(_ token: String, at: Int64) throws {
            let registration = PushRegistration(
                target: .fcm(token: token), content: .full, registeredAt: Timestamp(at))
            try store.apply(
                .account(
                    AccountCommand(
                        user: ann, change: .setPush(phone, registration), at: Timestamp(at), token: 0)))
        }
        // The app has registered anew while the provider was asked.
        try register("new", at: 2)
        try store.apply(removal)
        #expect(store.reader.pushRegistrations(of: ann).map(\.registration.target) == [.fcm(token: "new")])
        try register("t", at: 1)
        try store.apply(removal)
        #expect(store.reader.pushRegistrations(of: ann).isEmpty)
        #expect(marked(directives)?.through == Seq(1))
    }

    @Test func readingElsewhereClearsWhatIsShown() throws {
        let store = try store()
        var machine = machine()
        try store.apply(row(head: 1))
        try store.apply(
            .pushed([PushedMark(user: ann, conversation: annBob, through: Seq(1), shown: Seq(1))]))
        note(&machine, try store.apply(row(head: 1, read: 1)), at: 0)
        let job = try #require(ordered(take(&machine, store, at: 2_000, acked: 1)))
        #expect(job.isClear && job.badge == 0)
        let done = machine.finished(
            PushJobResult(
                key: key, through: Seq(1), isClear: true,
                devices: [.init(id: phone, registeredAt: Timestamp(1), ending: .done, told: .zero)]),
            now: Moment(tick: Tick(2_500), wall: Timestamp(2_000)))
        let mark = try #require(marked(done))
        try store.apply(.pushed([mark]))
        #expect(store.reader.pushOutbox(key) == nil)
    }

    // MARK: - What a notification says

    private func message(
        _ seq: UInt64, from sender: UserID, _ content: String, mentions: [UserID] = [],
        type: MessageType = .text
    ) -> MessageRecord {
        MessageRecord(
            conversation: club, seq: Seq(seq), ordinal: Ordinal(seq),
            messageID: MessageID(conversation: club, seq: Seq(seq)), sender: sender, senderDevice: nil,
            recipient: .group(club), clientMessageID: ClientMessageID(unchecked: "m\(seq)"), type: type,
            content: content, timestamp: Timestamp(1), clientTimestamp: nil, mentions: mentions)
    }

    private func groupJob(isMuted: Bool = false, content: PushRegistration.Content = .full) -> PushJob {
        var registration = registration
        registration.content = content
        return PushJob(
            partition: PartitionID(1), key: PushKey(user: ann, conversation: club), kind: .group,
            title: "Club",
            devices: [.init(id: phone, registration: registration, after: Seq(1))], through: Seq(9), badge: 1,
            isMuted: isMuted, isClear: false)
    }

    @Test func everyVisibleMessageOfOthersIsToldOnce() throws {
        var deleted = message(6, from: bob, "gone")
        deleted.amendments.deletedAt = Timestamp(5)
        let messages = [
            message(1, from: bob, "known"), message(2, from: bob, "one"), message(3, from: ann, "mine"),
            message(4, from: bob, "{}", type: .system), message(5, from: cat, "x", type: .image), deleted,
            message(10, from: bob, "later"),
        ]
        let job = groupJob()
        let told = job.notifications(for: job.devices[0], of: messages)
        #expect(told.map(\.body) == ["bob: one", "cat: [image]"])
        #expect(told.map(\.title) == ["Club", "Club"])
        #expect(Set(told.map(\.id)).count == 2)
        #expect(told == job.notifications(for: job.devices[0], of: messages))
    }

    @Test func aMutedGroupTellsMentionsOnly() {
        let job = groupJob(isMuted: true)
        let messages = [message(2, from: bob, "all"), message(3, from: bob, "ann!", mentions: [ann])]
        #expect(job.notifications(for: job.devices[0], of: messages).map(\.seq) == [Seq(3)])
    }

    @Test func ofABlockedMemberNothingIsTold() {
        var job = groupJob()
        let messages = [
            message(2, from: bob, "no"), message(3, from: cat, "yes"), message(4, from: ann, "own"),
        ]
        #expect(job.sightsToAsk(for: messages) == nil, "the user blocks nobody")
        job.mayHaveBlocked = true
        #expect(job.sightsToAsk(for: messages) == .privacy(.sights(viewer: ann, of: [bob, cat])))
        let sights = [bob, cat].map {
            PresenceSight(lastSeen: .everyone, online: .everyone, isBlocking: $0 == bob)
        }
        let mayTell = job.take(.refused(Refusal(.unavailable, "no")), for: messages)
        #expect(!mayTell, "without an answer nothing is told")
        let isTaken = job.take(.privacy(.sights(sights)), for: messages)
        #expect(isTaken)
        #expect(job.notifications(for: job.devices[0], of: messages).map(\.seq) == [Seq(3)])
    }

    @Test func theContentLevelIsKept() {
        let messages = [message(2, from: bob, "secret")]
        let sender = groupJob(content: .sender)
        #expect(sender.notifications(for: sender.devices[0], of: messages).map(\.body) == ["New message"])
        let silent = groupJob(content: .silent)
        #expect(silent.notifications(for: silent.devices[0], of: messages).map(\.isSilent) == [true])
        let full = groupJob()
        let long = [message(2, from: bob, String(repeating: "é", count: 5_000))]
        #expect(full.notifications(for: full.devices[0], of: long)[0].body.utf8.count <= 1_027)
    }
}
