import Vocabulary
import Wire

/// A snapshot on its way out: read from a frozen view of the store, a bounded number of chunks ahead.
package struct SnapshotSender {
    package static let chunkBytes = 32 * 1_024
    package static let window: UInt32 = 2

    package let transfer: UInt64
    package let group: GroupID
    package let to: Replica
    package let source: any SnapshotSource
    private let chunkBytes: Int
    private var sent: UInt32 = 0
    private var acknowledged: UInt32 = 0
    private var isExhausted = false
    /// Over all pairs so far, in the order in which they leave.
    private var digest = StateDigest()
    package private(set) var lastHeard: Tick
    package private(set) var sentBytes = 0

    package init(
        transfer: UInt64, group: GroupID, to: Replica, source: any SnapshotSource,
        chunkBytes: Int = SnapshotSender.chunkBytes, now: Tick
    ) {
        self.transfer = transfer
        self.group = group
        self.to = to
        self.source = source
        self.chunkBytes = chunkBytes
        lastHeard = now
    }

    /// The other side has ingested chunks below `received`.
    package mutating func progressed(_ received: UInt32, now: Tick) {
        acknowledged = max(acknowledged, received)
        lastHeard = now
    }

    /// Chunks that may leave now, as far as the pace allows; the frame that ends the transfer after the last.
    package mutating func nextFrames(pace: inout SnapshotPace) -> [SnapshotFrame] {
        var frames: [SnapshotFrame] = []
        while !isExhausted && sent < acknowledged + Self.window && pace.isOpen {
            let pairs = source.next(maxBytes: chunkBytes)
            if pairs.isEmpty {
                isExhausted = true
                frames.append(.end(transfer: transfer, chunks: sent, digest: digest))
            } else {
                for pair in pairs { digest.add(pair.key, pair.value) }
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
package struct SnapshotReceiver {
    package let transfer: UInt64
    package let from: NodeID
    package let sender: ReplicaID
    package let generation: UInt32
    package let point: SnapshotPoint
    package let term: Term
    package private(set) var received: UInt32 = 0
    /// Over all pairs so far, in the order in which they came.
    package private(set) var digest = StateDigest()
    package var isComplete = false
    package var lastHeard: Tick

    /// The next chunk is ingested.
    package mutating func ingested(_ pairs: [StatePair], now: Tick) {
        for pair in pairs { digest.add(pair.key, pair.value) }
        received += 1
        lastHeard = now
    }

    package init(
        transfer: UInt64, from: NodeID, sender: ReplicaID, generation: UInt32, point: SnapshotPoint,
        term: Term, now: Tick
    ) {
        self.transfer = transfer
        self.from = from
        self.sender = sender
        self.generation = generation
        self.point = point
        self.term = term
        lastHeard = now
    }
}
