import Testing
import Vocabulary

@testable import Storage

@Suite struct OrderedTableTests {
    /// Against a dictionary that is sorted for every question.
    @Test func behavesLikeASortedDictionary() {
        var generator = SeededGenerator(seed: 42)
        var table = OrderedTable()
        var model: [[UInt8]: [UInt8]] = [:]
        func key() -> [UInt8] {
            (0..<generator.next() % 4).map { _ in UInt8(truncatingIfNeeded: generator.next() % 9) }
        }
        for step in 0..<4_000 {
            let next = key()
            if generator.chance(percent: step < 2_500 ? 70 : 30) {
                let value = [UInt8(truncatingIfNeeded: step)]
                table.set(next, value)
                model[next] = value
            } else {
                table.remove(next)
                model[next] = nil
            }
            if step % 20 != 0 { continue }
            let (lower, upper, limit) = (key(), key(), Int(generator.next() % 300))
            for reverse in [false, true] {
                let sorted = model.filter {
                    !$0.key.lexicographicallyPrecedes(lower) && $0.key.lexicographicallyPrecedes(upper)
                }.sorted { $0.key.lexicographicallyPrecedes($1.key) != reverse }
                let found = table.pairs(from: lower, to: upper, limit: limit, reverse: reverse)
                #expect(found == sorted.prefix(limit).map { StatePair(key: $0.key, value: $0.value) })
            }
            #expect(table.value(of: lower) == model[lower] && table.isEmpty == model.isEmpty)
        }
    }
}
