import Vocabulary
import Wire

/// One group's log in memory: the point it starts after, and every entry since.
///
/// The configuration in force is the last one appended, committed or not; truncating its entry brings the one
/// before back (thesis, section 4.1).
struct RaftLog: Sendable {
    private(set) var point: SnapshotPoint
    private(set) var entries: [LogEntry]
    /// About what the entries take in memory.
    private(set) var byteCount: Int
    /// Indices of the configuration entries after the point, ascending.
    private var configurationIndices: [LogIndex]
    /// The configuration in force.
    private(set) var configuration: Configuration

    init(point: SnapshotPoint, entries: [LogEntry]) {
        self.point = point
        self.entries = entries
        byteCount = entries.reduce(0) { $0 + $1.byteCount }
        configurationIndices = entries.filter { $0.configuration != nil }.map(\.index)
        configuration = entries.last { $0.configuration != nil }?.configuration ?? point.configuration
    }

    var firstIndex: LogIndex { point.index.next }
    var lastIndex: LogIndex { entries.last?.index ?? point.index }
    var last: LogPosition {
        LogPosition(index: lastIndex, term: entries.last?.term ?? point.term)
    }

    /// The term of the entry at `index`, or of the point; `nil` before and after what is held.
    func term(at index: LogIndex) -> Term? {
        if index == point.index { return point.term }
        return entry(at: index)?.term
    }

    func entry(at index: LogIndex) -> LogEntry? {
        guard index > point.index, index <= lastIndex else { return nil }
        return entries[offset(of: index)]
    }

    private func offset(of index: LogIndex) -> Int { Int(index.raw - point.index.raw) - 1 }

    /// The entries `first ... last`, which must be held.
    func slice(from first: LogIndex, through last: LogIndex) -> [LogEntry] {
        guard first <= last else { return [] }
        return Array(entries[offset(of: first)...offset(of: last)])
    }

    /// Entries from `first` on within both bounds, at least one if there is one; and their bytes.
    func page(from first: LogIndex, entriesMax: Int, bytesMax: Int) -> (entries: [LogEntry], bytes: Int) {
        guard first <= lastIndex else { return ([], 0) }
        let start = offset(of: first)
        var end = start
        var bytes = 0
        while end < entries.count, end - start < entriesMax {
            let size = entries[end].byteCount
            if end > start && bytes + size > bytesMax { break }
            bytes += size
            end += 1
        }
        return (Array(entries[start..<end]), bytes)
    }

    /// The index up to which the log may go so that at most so many entries and bytes stay, and the last entry.
    func index(keepingEntries entriesMax: Int, bytes bytesMax: Int) -> LogIndex {
        var kept = 0
        var bytes = 0
        for entry in entries.reversed() {
            if kept == entriesMax || (kept > 0 && bytes + entry.byteCount > bytesMax) { return entry.index }
            kept += 1
            bytes += entry.byteCount
        }
        return point.index
    }

    // MARK: Change

    mutating func append(_ entry: LogEntry) {
        precondition(entry.index == lastIndex.next, "entry \(entry.index) after \(lastIndex)")
        if let configuration = entry.configuration {
            configurationIndices.append(entry.index)
            self.configuration = configuration
        }
        entries.append(entry)
        byteCount += entry.byteCount
    }

    /// The log ends before `index`.
    mutating func truncate(from index: LogIndex) {
        guard index <= lastIndex else { return }
        byteCount -= entries[offset(of: index)...].reduce(0) { $0 + $1.byteCount }
        entries.removeSubrange(offset(of: index)...)
        while let last = configurationIndices.last, last >= index { configurationIndices.removeLast() }
        configuration = configuration(at: lastIndex)
    }

    /// The log starts after `index`, which must be held.
    mutating func compact(through index: LogIndex) {
        guard index > point.index, let newPoint = snapshotPoint(at: index) else { return }
        byteCount -= entries[...offset(of: index)].reduce(0) { $0 + $1.byteCount }
        entries.removeFirst(offset(of: index) + 1)
        point = newPoint
        configurationIndices.removeAll { $0 <= index }
    }

    /// The log goes on after a snapshot. What follows an entry that agrees with it is kept (thesis, section
    /// 5.3).
    mutating func install(_ new: SnapshotPoint) {
        let kept = term(at: new.index) == new.term ? slice(from: new.index.next, through: lastIndex) : []
        self = RaftLog(point: new, entries: kept)
    }

    // MARK: Configurations

    /// Where the configuration in force was appended.
    var configurationIndex: LogIndex { configurationIndices.last ?? point.index }

    /// The configuration that was in force at `index`.
    func configuration(at index: LogIndex) -> Configuration {
        guard let place = configurationIndices.last(where: { $0 <= index }) else {
            return point.configuration
        }
        return entry(at: place)?.configuration ?? point.configuration
    }

    /// The point that stands for everything up to `index`; `nil` when its entry is not held.
    func snapshotPoint(at index: LogIndex) -> SnapshotPoint? {
        guard let term = term(at: index) else { return nil }
        return SnapshotPoint(index: index, term: term, configuration: configuration(at: index))
    }

    // MARK: Agreement

    /// The last entry, not after `position.index`, whose term is not above `position.term`: both sides skip
    /// what cannot agree, so that finding the common prefix takes one round per term, not per entry.
    func possibleMatch(notAfter position: LogPosition) -> LogPosition {
        var index = min(position.index, lastIndex)
        while index > point.index, let term = term(at: index), term > position.term { index = index.previous }
        return LogPosition(index: index, term: term(at: index) ?? .zero)
    }
}

extension LogEntry {
    var configuration: Configuration? {
        if case .configuration(let configuration) = payload { return configuration }
        return nil
    }

    /// About what the entry takes on the wire.
    var byteCount: Int {
        switch payload {
        case .empty: 16
        case .configuration: 256
        case .command(let bytes): 16 + bytes.count
        }
    }
}
