import NIOCore

/// The receipts of this device that the cluster has not confirmed: at most one per conversation and status.
///
/// Receipts are cumulative, so only the highest counts; one lost with a connection is written again on the next.
package struct ReceiptLedger: Sendable {
    private struct Mark {
        var seq: UInt64 = 0
        var writtenRef: String?
        var writtenSeq: UInt64 = 0
    }
    private struct Key: Hashable {
        let conversationID: String
        let status: Receipt.Status
    }

    private var marks: [Key: Mark] = [:]
    private var refs: [String: Key] = [:]
    private var lastRef: UInt64 = 0

    package init() {}

    /// True when something waits for `due`.
    package var hasUnwritten: Bool { marks.values.contains { $0.seq > $0.writtenSeq } }
    package var isEmpty: Bool { marks.isEmpty }

    /// This device has received or read everything up to `seq`. `read` implies `delivered`.
    package mutating func mark(_ status: Receipt.Status, conversationID: String, upTo seq: UInt64) {
        let key = Key(conversationID: conversationID, status: status)
        marks[key, default: Mark()].seq = max(marks[key]?.seq ?? 0, seq)
        let implied = Key(conversationID: conversationID, status: .delivered)
        if status == .read, let delivered = marks[implied], delivered.seq <= seq, delivered.writtenRef == nil
        {
            marks[implied] = nil
        }
    }

    /// The frames to write now, by conversation.
    package mutating func due() -> [ByteBuffer] {
        let keys = marks.filter { $0.value.seq > $0.value.writtenSeq }.keys.sorted {
            ($0.conversationID, $0.status.rawValue) < ($1.conversationID, $1.status.rawValue)
        }
        return keys.compactMap { key in
            guard var mark = marks[key] else { return nil }
            if let old = mark.writtenRef { refs[old] = nil }
            lastRef += 1
            let ref = "r\(lastRef)"
            mark.writtenRef = ref
            mark.writtenSeq = mark.seq
            marks[key] = mark
            refs[ref] = key
            return FrameText.status(key.status, conversationID: key.conversationID, upTo: mark.seq, ref: ref)
        }
    }

    /// The cluster answered `ok` or refused: nothing more to do for that frame. False when it was not ours.
    package mutating func answered(ref: String) -> Bool {
        guard let key = refs.removeValue(forKey: ref) else { return false }
        guard var mark = marks[key], mark.writtenRef == ref else { return true }
        mark.writtenRef = nil
        marks[key] = mark.seq > mark.writtenSeq ? mark : nil
        return true
    }

    /// The connection is gone: what was not confirmed is written again.
    package mutating func disconnected() {
        refs.removeAll()
        for key in marks.keys {
            marks[key]?.writtenRef = nil
            marks[key]?.writtenSeq = 0
        }
    }
}
