import Testing
import Vocabulary
import Wire

@testable import Chat

/// Providers that do not take what they are given.
extension PushTests {
    /// Ann with a phone and a laptop that are both registered for push.
    private func storeOfTwo() throws -> TestStore {
        let store = try store()
        try store.apply(
            .registerDevice(RegisterDevice(user: ann, device: laptop, devicesMax: 10, at: Timestamp(1))),
            .account(
                AccountCommand(user: ann, change: .setPush(laptop, registration), at: Timestamp(1), token: 0))
        )
        return store
    }

    /// The job ends: each of its devices was told up to `told`, or its provider did not take it.
    private func end(
        _ machine: inout PushMachine, _ job: PushJob, at tick: UInt64, refused: [DeviceID: UInt64]
    ) -> [ChatDirective] {
        let devices = job.devices.map { device in
            PushJobResult.Device(
                id: device.id, registeredAt: Timestamp(1),
                ending: refused[device.id] == nil ? .done : .retry(afterMilliseconds: nil),
                told: refused[device.id].map { Seq($0) } ?? job.through)
        }
        return machine.finished(
            PushJobResult(key: key, through: job.through, isClear: false, devices: devices),
            now: Moment(tick: Tick(tick), wall: Timestamp(2_000)))
    }

    @Test func aProviderThatIsAwayHoldsUpNoOther() throws {
        let store = try storeOfTwo()
        var machine = machine()
        note(&machine, try store.apply(row(head: 1)), at: 0)
        var now: UInt64 = 2_000
        // The laptop's provider is away for so long that it is asked every five minutes only.
        for pause in [1_000, 2_000, 5_000, 15_000, 60_000] as [UInt64] {
            let job = try #require(ordered(take(&machine, store, at: now)))
            #expect(job.devices.contains { $0.id == laptop })
            #expect(end(&machine, job, at: now, refused: [laptop: 0]).isEmpty)
            #expect(take(&machine, store, at: now + pause - 1).isEmpty)
            now += pause
        }
        let sixth = try #require(ordered(take(&machine, store, at: now)))
        #expect(sixth.devices.map(\.id) == [laptop])
        _ = end(&machine, sixth, at: now, refused: [laptop: 0])
        // A message that comes now reaches the phone after its grace, and the laptop is left alone.
        note(&machine, try store.apply(row(head: 2)), at: now + 100)
        #expect(take(&machine, store, at: now + 2_099).isEmpty)
        let news = try #require(ordered(take(&machine, store, at: now + 2_100)))
        #expect(news.devices.map(\.id) == [phone] && news.after == Seq(1))
        #expect(end(&machine, news, at: now + 2_100, refused: [:]).isEmpty, "the laptop lacks it still")
        #expect(take(&machine, store, at: now + 299_999).isEmpty)
        let last = try #require(ordered(take(&machine, store, at: now + 300_000)))
        #expect(last.devices.map(\.id) == [laptop] && last.after == .zero)
        #expect(marked(end(&machine, last, at: now + 300_000, refused: [:]))?.through == Seq(2))
    }

    @Test func aProviderThatTookSomethingIsAskedAgainSoon() throws {
        let store = try store()
        var machine = machine()
        note(&machine, try store.apply(row(head: 9)), at: 0)
        var now: UInt64 = 2_000
        for told in 1...8 as ClosedRange<UInt64> {
            let job = try #require(ordered(take(&machine, store, at: now)))
            #expect(job.after == Seq(told - 1))
            _ = end(&machine, job, at: now, refused: [phone: told])
            now += 1_000
        }
        #expect(ordered(take(&machine, store, at: now))?.after == Seq(8))
    }

    @Test func whoIsOwedNothingAnyMoreIsWaitedForNoLonger() throws {
        let store = try storeOfTwo()
        var machine = machine()
        note(&machine, try store.apply(row(head: 1)), at: 0)
        let job = try #require(ordered(take(&machine, store, at: 2_000)))
        _ = end(&machine, job, at: 2_000, refused: [laptop: 0])
        let revoked = AccountChange.removePush(laptop, registeredUpTo: Timestamp(9))
        try store.apply(
            .account(AccountCommand(user: ann, change: revoked, at: Timestamp(2), token: 0)))
        let directives = take(&machine, store, at: 3_000)
        #expect(ordered(directives) == nil && marked(directives)?.through == Seq(1))
    }
}
