import Foundation

/// Bytes that never change, in a file of the repository: what nodes of two versions say to each other, and what is
/// on disks. One sample a line: its name, a colon, its bytes in hex.
///
/// A test makes its samples anew and compares. When a format is changed on purpose, before a release that has it,
/// `MARTLET_GOLDEN=write` writes the files again, and the change shows in the diff.
package struct GoldenFile: Sendable {
    private let path: String

    /// - Parameter name: of the file in `Tests/Golden`, without its suffix.
    package init(_ name: String) {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        path = root.appendingPathComponent("Tests/Golden/\(name).txt").path
    }

    /// What differs, a sentence each; empty when every sample is there with the same bytes.
    package func differences(_ samples: [(name: String, bytes: [UInt8])]) -> [String] {
        let lines = samples.map { "\($0.name): \(hex($0.bytes))" }
        if ProcessInfo.processInfo.environment["MARTLET_GOLDEN"] == "write" {
            let text = lines.joined(separator: "\n") + "\n"
            do { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) } catch { return ["\(error)"] }
            return []
        }
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            return ["\(path) is missing"]
        }
        let known = text.split(separator: "\n").map(withoutPlace)
        let (expected, found) = (Set(known), Set(lines))
        let gone = known.filter { !found.contains($0) }.map { "no longer made: \($0)" }
        let new = lines.filter { !expected.contains($0) }.map { "not in the file: \($0)" }
        return gone + new
    }

    /// Samples of one kind; their order does not matter.
    package func differences(_ kind: String, _ samples: [[UInt8]]) -> [String] {
        differences(samples.map { (name: kind, bytes: $0) })
    }

    /// Files of before named a sample by its place too.
    private func withoutPlace(_ line: Substring) -> String {
        guard let colon = line.firstIndex(of: ":"), let space = line[..<colon].lastIndex(of: " "),
            Int(line[line.index(after: space)..<colon]) != nil
        else { return String(line) }
        return String(line[..<space] + line[colon...])
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
