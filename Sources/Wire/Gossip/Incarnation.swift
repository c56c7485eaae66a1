import Vocabulary

/// Orders what is said about one node: the higher incarnation is the newer word.
///
/// The upper 32 bits are the boot epoch, which the node persists and raises at every start; the lower 32
/// count what it said anew since. So a restarted node always beats its old rumours, and "dead" is about one
/// boot.
package struct Incarnation: Counter64 {
    package let raw: UInt64
    package init(_ raw: UInt64) { self.raw = raw }

    /// The first incarnation of a boot.
    package init(bootEpoch: UInt32) { raw = UInt64(bootEpoch) << 32 }

    package var bootEpoch: UInt32 { UInt32(raw >> 32) }
}
