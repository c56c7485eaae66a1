import Foundation

/// Bytes that never change, in a file of the repository: what nodes of two versions say to each other, and what is
/// on disks. The number of the format in the first line, then one sample a line: its name, a colon, its bytes in hex.
///
/// A test makes its samples anew and compares. `MARTLET_GOLDEN=write` adds new samples to the files. Where a sample of
/// before is no longer made it refuses, unless the format's number was raised: builds of both numbers know by it that
/// they do not understand each other. Where only the samples are others and not the format, say
/// `MARTLET_GOLDEN=samples`; the change shows in the diff.
package struct GoldenFile: Sendable {
    private let path: String
    private let title: String

    /// - Parameters:
    ///   - name: of the file in `Tests/Golden`, without its suffix.
    ///   - format: what has the number.
    package init(_ name: String, of format: String, _ number: Int) {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        self.init(path: root.appendingPathComponent("Tests/Golden/\(name).txt").path, of: format, number)
    }

    package init(path: String, of format: String, _ number: Int) {
        self.path = path
        title = "# \(format) \(number)"
    }

    /// What to do with the file.
    package enum Mode: Sendable {
        case compare, write, writeSamples

        package static var ordered: Mode {
            switch ProcessInfo.processInfo.environment["MARTLET_GOLDEN"] {
            case "write": .write
            case "samples": .writeSamples
            default: .compare
            }
        }
    }

    /// What differs, a sentence each; empty when every sample is there with the same bytes.
    package func differences(
        _ samples: [(name: String, bytes: [UInt8])], _ mode: Mode = .ordered
    ) -> [String] {
        let lines = samples.map { "\($0.name): \(hex($0.bytes))" }
        let text = try? String(contentsOfFile: path, encoding: .utf8)
        if text == nil, mode == .compare { return ["\(path) is missing"] }
        var known = (text ?? "").split(separator: "\n").map(String.init)
        let isOfThisNumber = known.first == title
        if known.first?.hasPrefix("#") == true { known.removeFirst() }
        let (expected, found) = (Set(known), Set(lines))
        let gone = known.filter { !found.contains($0) }.map { "no longer made: \($0)" }
        switch mode {
        case .compare:
            let other = isOfThisNumber ? [] : ["the file is not of \(title.dropFirst(2))"]
            return other + gone + lines.filter { !expected.contains($0) }.map { "not in the file: \($0)" }
        case .write where isOfThisNumber && !gone.isEmpty:
            return gone + ["\(title.dropFirst(2)) changes its bytes: raise its number"]
        case .write, .writeSamples:
            let text = ([title] + lines).joined(separator: "\n") + "\n"
            do { try Data(text.utf8).write(to: URL(fileURLWithPath: path)) } catch { return ["\(error)"] }
            return []
        }
    }

    /// Samples of one kind; their order does not matter.
    package func differences(_ kind: String, _ samples: [[UInt8]]) -> [String] {
        differences(samples.map { (name: kind, bytes: $0) })
    }

    private func hex(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            let text = String(byte, radix: 16)
            return text.count == 1 ? "0" + text : text
        }.joined()
    }
}
