import Vocabulary
import Wire

/// What a scan of all segments found: what the log holds and where it goes on.
package struct WALScan: Sendable {
    /// Everything that was logged, oldest first; empty when the items were taken segment by segment.
    package var items: [LogItem] = []
    /// The header of the segment to go on in; `nil` when there are no segments.
    package var last: SegmentHeader?
    /// Where the next record goes in it.
    package var validLengthOfLast = SegmentHeader.byteCount
    /// The end of the torn record after that place, to be overwritten with zeros; equal when nothing is torn.
    package var tornEndOfLast = SegmentHeader.byteCount
    /// Segments after `last`: prepared and never used.
    package var unused: [SegmentHeader] = []
    package var nextBatch: UInt64 = 1
    package var lastCRC: UInt32 = 0

    package init() {}

    package var isTorn: Bool { tornEndOfLast > validLengthOfLast }

    /// An encoder that goes on where the log ends; `nil` when there are no segments.
    package func encoder() -> WALEncoder? {
        last.map { WALEncoder(header: $0, nextBatch: nextBatch, previousCRC: lastCRC) }
    }
}
