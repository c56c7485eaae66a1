import Foundation
import GoldenKit
import Testing

/// The files' own rule: bytes change together with the number of their format, or not at all.
@Suite
struct GoldenFileTests {
    private let path = FileManager.default.temporaryDirectory
        .appendingPathComponent("martlet-golden-\(UUID().uuidString).txt").path

    private func differences(
        _ number: Int, _ samples: [String: [UInt8]], _ mode: GoldenFile.Mode
    ) -> [String] {
        GoldenFile(path: path, of: "format", number)
            .differences(samples.sorted { $0.key < $1.key }.map { (name: $0.key, bytes: $0.value) }, mode)
    }

    @Test func bytesChangeWithTheirNumberOnly() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(differences(1, ["a": [1]], .compare) == ["\(path) is missing"])
        #expect(differences(1, ["a": [1]], .write) == [])
        #expect(differences(1, ["a": [1]], .compare) == [])

        // A new kind is no change.
        #expect(differences(1, ["a": [1], "b": [2]], .compare) == ["not in the file: b: 02"])
        #expect(differences(1, ["a": [1], "b": [2]], .write) == [])

        let changed: [String: [UInt8]] = ["a": [1, 0], "b": [2]]
        #expect(differences(1, changed, .compare) == ["no longer made: a: 01", "not in the file: a: 0100"])
        #expect(
            differences(1, changed, .write) == [
                "no longer made: a: 01", "format 1 changes its bytes: raise its number",
            ])
        #expect(differences(1, ["a": [1], "b": [2]], .compare) == [], "nothing was written")
        #expect(differences(2, changed, .write) == [])
        #expect(differences(2, changed, .compare) == [])

        // Raised, and the file not written again.
        #expect(differences(3, changed, .compare) == ["the file is not of format 3"])
        // Another sample of the same format.
        #expect(differences(2, ["a": [3]], .writeSamples) == [])
        #expect(differences(2, ["a": [3]], .compare) == [])
    }
}
