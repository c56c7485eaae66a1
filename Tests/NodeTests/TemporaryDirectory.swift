import Foundation

/// A path that no other test uses; removed with the value.
final class TemporaryDirectory: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("martlet-\(UUID())").path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
