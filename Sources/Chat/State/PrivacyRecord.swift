import Vocabulary
import Wire

/// A user's settings on its partition; a user without one has the defaults.
package struct PrivacyRecord: Hashable, Sendable {
    package var settings = UserSettings()
    /// +1 with every change of settings or blocks: which of two copies of the flags is the later.
    package var version: UInt64 = 0
    package var blockCount = 0

    package init() {}
}

extension PrivacyRecord {
    var bytes: [UInt8] {
        var writer = ByteWriter(capacity: 16)
        settings.write(into: &writer)
        writer.varint(version)
        writer.varint(blockCount)
        return writer.bytes
    }

    init(_ bytes: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(bytes)
        settings = try UserSettings(from: &reader)
        version = try reader.varint()
        blockCount = try reader.length()
        try reader.finish()
    }
}
