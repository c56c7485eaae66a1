/// A read-only view of ordered key-value state, as of one moment.
///
/// Keys are compared as unsigned bytes. A key that was never written, or was removed, is absent.
package protocol StateView {
    /// The value of `key`, or `nil` when it is absent.
    func value(of key: [UInt8]) -> [UInt8]?

    /// Pairs with `lower <= key < upper`, ascending (descending when `reverse`), at most `limit`.
    func pairs(from lower: [UInt8], to upper: [UInt8], limit: Int, reverse: Bool) -> [StatePair]

    /// Ends the process: a row that was read is not one that this build understands, and nobody can go on without it.
    func unreadable(_ row: UnreadableRow) -> Never
}

extension StateView {
    package func unreadable(_ row: UnreadableRow) -> Never { preconditionFailure(row.description) }
}

/// A stored row that does not decode.
package struct UnreadableRow: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kind of the row, as `members (0x05)`.
    package var table: String
    package var key: [UInt8]
    package var reason: String
    /// Its bytes are well, but hold a value that this build does not know: a newer one wrote them.
    package var isOfNewerBuild: Bool

    package init(table: String, key: [UInt8], reason: String, isOfNewerBuild: Bool) {
        self.table = table
        self.key = key
        self.reason = reason
        self.isOfNewerBuild = isOfNewerBuild
    }

    package var description: String {
        let digits = key.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        return "the row \(digits) of table \(table) cannot be read: \(reason)"
    }
}

/// One key with its value.
package struct StatePair: Hashable, Sendable {
    package var key: [UInt8]
    package var value: [UInt8]
    package init(key: [UInt8], value: [UInt8]) {
        self.key = key
        self.value = value
    }
}

/// What one apply writes: the last write of a key wins. Written to a store atomically (rule R1).
package struct StateChanges: Sendable {
    /// New values by key; `nil` removes the key.
    package private(set) var writes: [[UInt8]: [UInt8]?] = [:]
    /// Goes on from the digest of the state that the changes are made to (rule R4).
    package private(set) var digest: StateDigest
    package init(digest: StateDigest = .zero) { self.digest = digest }
    package var isEmpty: Bool { writes.isEmpty }
    package mutating func set(_ key: [UInt8], _ value: [UInt8]) {
        digest.add(key, value)
        writes[key] = .some(value)
    }
    package mutating func remove(_ key: [UInt8]) {
        digest.add(key, nil)
        writes[key] = .some(nil)
    }
    package func written(_ key: [UInt8]) -> [UInt8]?? { writes[key] }
    package mutating func removeAll() { writes.removeAll(keepingCapacity: true) }

    /// The writes in key order: the order that reaches a disk, a hash or a wire.
    package var sorted: [(key: [UInt8], value: [UInt8]?)] {
        writes.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { (key: $0.key, value: $0.value) }
    }
}

/// Reads that see a base view with changes laid over it: what apply reads while it writes.
package struct StateTransaction<Base: StateView>: StateView {
    package let base: Base
    package var changes: StateChanges

    /// - Parameter digest: of the state in `base`; zero where nobody compares.
    package init(base: Base, digest: StateDigest = .zero) {
        self.base = base
        changes = StateChanges(digest: digest)
    }

    package func value(of key: [UInt8]) -> [UInt8]? {
        if let written = changes.written(key) { return written }
        return base.value(of: key)
    }

    package func unreadable(_ row: UnreadableRow) -> Never { base.unreadable(row) }

    package mutating func set(_ key: [UInt8], _ value: [UInt8]) { changes.set(key, value) }
    package mutating func remove(_ key: [UInt8]) { changes.remove(key) }

    package func pairs(from lower: [UInt8], to upper: [UInt8], limit: Int, reverse: Bool) -> [StatePair] {
        let laid = changes.writes.filter {
            !$0.key.lexicographicallyPrecedes(lower) && $0.key.lexicographicallyPrecedes(upper)
        }
        if laid.isEmpty { return base.pairs(from: lower, to: upper, limit: limit, reverse: reverse) }
        var merged: [[UInt8]: [UInt8]] = [:]
        // Each laid write can hide at most one base pair, so this many base pairs are always enough.
        let wanted = limit > Int.max - laid.count ? Int.max : limit + laid.count
        for pair in base.pairs(from: lower, to: upper, limit: wanted, reverse: reverse) {
            merged[pair.key] = pair.value
        }
        for (key, value) in laid { merged[key] = value }
        let sorted = merged.sorted {
            reverse ? $1.key.lexicographicallyPrecedes($0.key) : $0.key.lexicographicallyPrecedes($1.key)
        }
        return sorted.prefix(limit).map { StatePair(key: $0.key, value: $0.value) }
    }
}
