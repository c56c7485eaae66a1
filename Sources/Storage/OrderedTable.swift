import Vocabulary

/// Pairs ordered by key, in chunks that copies share: a copy is a snapshot and costs almost nothing.
struct OrderedTable: Sendable {
    private static let chunkPairsMax = 128

    /// Never empty chunks, each ordered, all keys of one before all keys of the next.
    private var chunks: [[StatePair]] = []

    var isEmpty: Bool { chunks.isEmpty }

    /// The first pair whose key is not before `lower`.
    func first(from lower: [UInt8]) -> StatePair? {
        guard !chunks.isEmpty else { return nil }
        let place = place(of: lower)
        if place.pair < chunks[place.chunk].count { return chunks[place.chunk][place.pair] }
        return place.chunk + 1 < chunks.count ? chunks[place.chunk + 1][0] : nil
    }

    func value(of key: [UInt8]) -> [UInt8]? {
        guard !chunks.isEmpty else { return nil }
        let place = place(of: key)
        guard place.pair < chunks[place.chunk].count, chunks[place.chunk][place.pair].key == key else {
            return nil
        }
        return chunks[place.chunk][place.pair].value
    }

    mutating func set(_ key: [UInt8], _ value: [UInt8]) {
        guard !chunks.isEmpty else {
            chunks = [[StatePair(key: key, value: value)]]
            return
        }
        let place = place(of: key)
        if place.pair < chunks[place.chunk].count, chunks[place.chunk][place.pair].key == key {
            chunks[place.chunk][place.pair].value = value
            return
        }
        chunks[place.chunk].insert(StatePair(key: key, value: value), at: place.pair)
        if chunks[place.chunk].count > Self.chunkPairsMax { split(place.chunk) }
    }

    mutating func remove(_ key: [UInt8]) {
        guard !chunks.isEmpty else { return }
        let place = place(of: key)
        guard place.pair < chunks[place.chunk].count, chunks[place.chunk][place.pair].key == key else {
            return
        }
        chunks[place.chunk].remove(at: place.pair)
        if chunks[place.chunk].isEmpty { chunks.remove(at: place.chunk) }
    }

    func pairs(from lower: [UInt8], to upper: [UInt8], limit: Int, reverse: Bool) -> [StatePair] {
        guard !chunks.isEmpty, limit > 0, lower.lexicographicallyPrecedes(upper) else { return [] }
        return reverse
            ? descending(from: lower, to: upper, limit: limit)
            : ascending(from: lower, to: upper, limit: limit)
    }

    private func ascending(from lower: [UInt8], to upper: [UInt8], limit: Int) -> [StatePair] {
        var (chunk, pair) = place(of: lower)
        var found: [StatePair] = []
        while chunk < chunks.count, found.count < limit {
            guard pair < chunks[chunk].count else {
                (chunk, pair) = (chunk + 1, 0)
                continue
            }
            let next = chunks[chunk][pair]
            guard next.key.lexicographicallyPrecedes(upper) else { break }
            found.append(next)
            pair += 1
        }
        return found
    }

    private func descending(from lower: [UInt8], to upper: [UInt8], limit: Int) -> [StatePair] {
        var (chunk, pair) = place(of: upper)
        var found: [StatePair] = []
        while found.count < limit {
            guard pair > 0 else {
                if chunk == 0 { break }
                chunk -= 1
                pair = chunks[chunk].count
                continue
            }
            pair -= 1
            let next = chunks[chunk][pair]
            if next.key.lexicographicallyPrecedes(lower) { break }
            found.append(next)
        }
        return found
    }

    /// Where the first key that is not before `key` is, or would be.
    private func place(of key: [UInt8]) -> (chunk: Int, pair: Int) {
        // The last chunk whose first key is not after `key`.
        let after = firstIndex(in: chunks.indices) { key.lexicographicallyPrecedes(chunks[$0][0].key) }
        let chunk = max(0, after - 1)
        let pairs = chunks[chunk]
        return (chunk, firstIndex(in: pairs.indices) { !pairs[$0].key.lexicographicallyPrecedes(key) })
    }

    /// The first index for which the condition holds, given that it holds for all after it; the end if none.
    private func firstIndex(in indices: Range<Int>, where holds: (Int) -> Bool) -> Int {
        var (low, high) = (indices.lowerBound, indices.upperBound)
        while low < high {
            let middle = (low + high) / 2
            if holds(middle) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    private mutating func split(_ chunk: Int) {
        let half = chunks[chunk].count / 2
        let upper = Array(chunks[chunk][half...])
        chunks[chunk].removeLast(upper.count)
        chunks.insert(upper, at: chunk + 1)
    }
}
