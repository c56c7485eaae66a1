import Storage
import Vocabulary
import Wire

/// A snapshot on its way out: read from a frozen view of the store, a bounded number of chunks ahead.
struct SnapshotSender {
    static let chunkBytes = 256 * 1_024
    static let window: UInt32 = 4

    let transfer: UInt64
    let group: GroupID
    let to: Replica
    let source: any SnapshotSource
    var sent: UInt32 = 0
    var acknowledged: UInt32 = 0
    var isExhausted = false
    var lastHeard: Tick
    var sentBytes = 0

    /// Chunks that may leave now, as far as the pace allows; the frame that ends the transfer after the last.
    mutating func nextFrames(pace: inout SnapshotPace) -> [SnapshotFrame] {
        var frames: [SnapshotFrame] = []
        while !isExhausted && sent < acknowledged + Self.window && pace.isOpen {
            let pairs = source.next(maxBytes: Self.chunkBytes)
            if pairs.isEmpty {
                isExhausted = true
                frames.append(.end(transfer: transfer, chunks: sent))
            } else {
                frames.append(.chunk(transfer: transfer, number: sent, pairs: pairs))
                let bytes = pairs.reduce(0) { $0 + $1.key.count + $1.value.count }
                pace.spend(bytes)
                sentBytes += bytes
                sent += 1
            }
        }
        return frames
    }
}

/// A snapshot on its way in: a new generation of the group's state, not yet the current one (rule R5).
struct SnapshotReceiver {
    let transfer: UInt64
    let from: NodeID
    let sender: ReplicaID
    let generation: UInt32
    let point: SnapshotPoint
    let term: Term
    var received: UInt32 = 0
    var isComplete = false
    var lastHeard: Tick
}
