/// Decides what a node does about a disk that fills up or is slow (replication.md, "Fault behaviour").
///
/// A value without I/O: told the free bytes and the age of the oldest write that is not durable, it orders.
package struct DiskGuard: Sendable {
    package enum Level: Int, Sendable, Comparable {
        case normal
        /// Leads nothing it can hand over and takes no sends; still acknowledges and votes.
        case low
        /// Acknowledges nothing until space is freed.
        case full

        package static func < (a: Level, b: Level) -> Bool { a.rawValue < b.rawValue }
    }

    package enum Order: Hashable, Sendable {
        case enter(Level)
        /// Hand leaderships to nodes with a better disk.
        case shedLeaders
        /// End the process: the disk does not answer (rule D1).
        case stop
    }

    /// Age of an unsynced write from which leaderships are handed over, and from which the process ends.
    package static let slowMilliseconds: UInt64 = 500
    package static let hungMilliseconds: UInt64 = 10_000
    /// Observations between two orders to shed.
    private static let shedEvery = 4

    private let lowBytes: UInt64
    private let fullBytes: UInt64
    package private(set) var level = Level.normal
    private var sinceShed = DiskGuard.shedEvery

    package init(lowBytes: UInt64, fullBytes: UInt64) {
        self.lowBytes = lowBytes
        self.fullBytes = fullBytes
    }

    /// To be called every half second. `freeBytes` is `nil` when it could not be read: the level stays.
    package mutating func observe(freeBytes: UInt64?, unsyncedMilliseconds age: UInt64) -> [Order] {
        var orders: [Order] = []
        if let freeBytes, level(for: freeBytes) != level {
            level = level(for: freeBytes)
            orders.append(.enter(level))
            sinceShed = Self.shedEvery
        }
        // A full disk holds writes back by itself; the age says nothing about the disk then.
        if level != .full && age > Self.hungMilliseconds { orders.append(.stop) }
        if level >= .low || age > Self.slowMilliseconds {
            sinceShed += 1
            if sinceShed >= Self.shedEvery {
                sinceShed = 0
                orders.append(.shedLeaders)
            }
        } else {
            sinceShed = Self.shedEvery
        }
        return orders
    }

    /// A level is left with a sixteenth more than it was entered with, so that it does not flutter.
    private func level(for free: UInt64) -> Level {
        func isBelow(_ bound: UInt64, _ level: Level) -> Bool {
            free < (self.level >= level ? bound + bound / 16 : bound)
        }
        if isBelow(fullBytes, .full) { return .full }
        return isBelow(lowBytes, .low) ? .low : .normal
    }
}
