import Storage
import Testing

/// What a node does about a disk that fills up or is slow.
struct DiskGuardTests {
    private func disk() -> DiskGuard { DiskGuard(lowBytes: 1_600, fullBytes: 160) }

    @Test func levelsAreEnteredAtTheirBoundsAndLeftALittleAbove() {
        var disk = disk()
        #expect(disk.observe(freeBytes: 1_600, unsyncedMilliseconds: 0) == [])
        #expect(disk.observe(freeBytes: 1_599, unsyncedMilliseconds: 0) == [.enter(.low), .shedLeaders])
        #expect(disk.observe(freeBytes: 1_650, unsyncedMilliseconds: 0) == [])
        #expect(disk.observe(freeBytes: 159, unsyncedMilliseconds: 0) == [.enter(.full), .shedLeaders])
        #expect(disk.observe(freeBytes: 165, unsyncedMilliseconds: 0) == [])
        #expect(disk.level == .full)
        #expect(disk.observe(freeBytes: 170, unsyncedMilliseconds: 0) == [.enter(.low), .shedLeaders])
        #expect(disk.observe(freeBytes: 1_700, unsyncedMilliseconds: 0) == [.enter(.normal)])
    }

    @Test func leadersAreShedAgainAndAgainWhileTheDiskIsLow() {
        var disk = disk()
        let orders = (0..<9).map { _ in disk.observe(freeBytes: 500, unsyncedMilliseconds: 0) }
        #expect(
            orders.map { $0.contains(.shedLeaders) } == [
                true, false, false, false, true, false, false, false, true,
            ])
    }

    @Test func aSlowDiskShedsLeadersAndAHungOneEndsTheProcess() {
        var disk = disk()
        #expect(disk.observe(freeBytes: 9_999, unsyncedMilliseconds: 500) == [])
        #expect(disk.observe(freeBytes: 9_999, unsyncedMilliseconds: 501) == [.shedLeaders])
        #expect(disk.observe(freeBytes: 9_999, unsyncedMilliseconds: 10_000) == [])
        #expect(disk.observe(freeBytes: 9_999, unsyncedMilliseconds: 10_001) == [.stop])
    }

    @Test func writesThatAFullDiskHoldsBackAreNoHungDisk() {
        var disk = disk()
        _ = disk.observe(freeBytes: 1, unsyncedMilliseconds: 0)
        #expect(!disk.observe(freeBytes: 1, unsyncedMilliseconds: 60_000).contains(.stop))
        // What cannot be read changes nothing.
        #expect(!disk.observe(freeBytes: nil, unsyncedMilliseconds: 60_000).contains(.stop))
        #expect(disk.level == .full)
    }
}
