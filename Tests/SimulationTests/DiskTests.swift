import Storage
import Testing
import Vocabulary
import Wire

@testable import SimulationKit

/// The simulated disk loses what it may lose, and nothing else.
struct DiskTests {
    private static let group = GroupID(1)
    private static let replica = ReplicaID(1)

    private static func entry(_ index: UInt64) -> LogItem {
        .entries(
            group: group, replica: replica,
            [
                LogEntry(
                    index: LogIndex(index), term: Term(1),
                    payload: .command([UInt8](repeating: 7, count: 900)))
            ])
    }

    /// Three synced entries, one in flight, one queued.
    private static func disk() -> SimulatedDisk {
        var disk = SimulatedDisk(cluster: ClusterID(high: 1, low: 1), node: NodeID(high: 0, low: 1))
        disk.append(
            [.replicaCreated(group: group, replica: replica, configuration: .empty)], sequence: 1, at: 0)
        for index in 1...3 as ClosedRange<UInt64> { disk.append([entry(index)], sequence: index + 1, at: 0) }
        _ = disk.beginWrite()
        _ = disk.completeSync()
        disk.append([entry(4)], sequence: 5, at: 10)
        _ = disk.beginWrite()
        disk.append([entry(5)], sequence: 6, at: 20)
        return disk
    }

    @Test func whatWasSyncedIsThereAfterEveryCrash() throws {
        var ends: Set<UInt64> = []
        var torn = 0
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var disk = Self.disk()
            if disk.crash(isPowerLoss: true, &random).isTorn { torn += 1 }
            let fold = try disk.recover()
            let last = fold.replicas[Self.group]?.entries.last?.index.raw ?? 0
            #expect(last >= 3)
            ends.insert(last)
        }
        #expect(ends == [3, 4], "the record in flight may survive or not, the queued one never does")
        #expect(torn > 0)
    }

    @Test func theLogGoesOnAfterATornRecord() throws {
        for seed in 0..<50 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var disk = Self.disk()
            _ = disk.crash(isPowerLoss: true, &random)
            let before = try disk.recover().replicas[Self.group]?.entries.count ?? 0
            disk.append([Self.entry(UInt64(before) + 1)], sequence: 1, at: 0)
            _ = disk.beginWrite()
            _ = disk.completeSync()
            _ = disk.crash(isPowerLoss: true, &random)
            let after = try disk.recover().replicas[Self.group]?.entries.count ?? 0
            #expect(after == before + 1)
        }
    }
}
