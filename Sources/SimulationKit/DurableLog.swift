import Vocabulary
import Wire

/// What a replica's disk has confirmed, as the checker remembers it: everything up to `start`, and the terms of
/// the entries after it.
struct DurableLog {
    private var start: LogIndex
    private var terms: [Term] = []

    init(start: LogIndex = .zero) { self.start = start }

    private var last: LogIndex { LogIndex(start.raw + UInt64(terms.count)) }

    mutating func write(_ entries: [LogEntry]) {
        for entry in entries where entry.index > start {
            let place = Int(entry.index.raw - start.raw) - 1
            if place < terms.count { terms.removeLast(terms.count - place) }
            if place == terms.count { terms.append(entry.term) }
        }
    }

    func holds(_ entry: LogEntry) -> Bool {
        if entry.index <= start { return true }
        let place = Int(entry.index.raw - start.raw) - 1
        return place < terms.count && terms[place] == entry.term
    }
}
