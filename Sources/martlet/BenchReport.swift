import Foundation

/// One figure of a report.
enum BenchValue {
    case count(UInt64)
    case figure(Double)
    case text(String)
    case truth(Bool)
    case object([(String, BenchValue)])
    case list([BenchValue])

    var json: String {
        switch self {
        case .count(let value): String(value)
        case .figure(let value): Self.decimal(value)
        case .text(let value): Self.quoted(value)
        case .truth(let value): value ? "true" : "false"
        case .object(let members):
            "{" + members.map { "\(Self.quoted($0.0)):\($0.1.json)" }.joined(separator: ",") + "}"
        case .list(let values): "[" + values.map(\.json).joined(separator: ",") + "]"
        }
    }

    /// At most three decimals, no trailing zeros: JSON that people can read too.
    static func decimal(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        let text = String(format: "%.3f", value)
        guard text.contains(".") else { return text }
        var trimmed = text[...]
        while trimmed.hasSuffix("0") { trimmed = trimmed.dropLast() }
        if trimmed.hasSuffix(".") { trimmed = trimmed.dropLast() }
        return String(trimmed)
    }

    private static func quoted(_ text: String) -> String {
        var out = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": out += "\\\""
            case "\\": out += "\\\\"
            case _ where scalar.value < 0x20: out += String(format: "\\u%04x", scalar.value)
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out + "\""
    }
}

/// What a run measured: rows for people, members for programs, and what was wrong.
struct BenchReport {
    private(set) var members: [(String, BenchValue)] = []
    private var rows: [(String, String)] = []
    /// Whatever must not be: any of these makes the command fail.
    private(set) var failures: [String] = []

    init(_ name: String) { members.append(("bench", .text(name))) }

    /// Adds a figure; without `row` only to the JSON line.
    mutating func add(_ key: String, _ value: BenchValue, row: (String, String)? = nil) {
        members.append((key, value))
        if let row { rows.append(row) }
    }

    /// Adds a row for people only.
    mutating func note(_ label: String, _ text: String) { rows.append((label, text)) }

    /// Adds a count that must be zero.
    mutating func mustBeZero(_ key: String, _ count: UInt64, _ label: String) {
        members.append((key, .count(count)))
        rows.append((label, String(count)))
        if count > 0 { failures.append("\(label): \(count)") }
    }

    /// Adds counts by name: their sum, and each.
    mutating func add(_ key: String, _ counts: [String: UInt64], label: String) {
        let names = counts.keys.sorted()
        members.append((key, .count(counts.values.reduce(0, +))))
        members.append((key + "_by", .object(names.map { ($0, .count(counts[$0] ?? 0)) })))
        rows.append((label, String(counts.values.reduce(0, +))))
        for name in names { rows.append(("  \(name)", String(counts[name] ?? 0))) }
    }

    /// Adds a failure in words.
    mutating func fail(_ words: String) { failures.append(words) }

    /// Adds a latency histogram as milliseconds.
    mutating func add(_ key: String, _ histogram: BenchHistogram, label: String) {
        func milliseconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e6 }
        let points: [(String, Double)] = [
            ("p50", milliseconds(histogram.quantile(0.5))), ("p90", milliseconds(histogram.quantile(0.9))),
            ("p99", milliseconds(histogram.quantile(0.99))),
            ("p999", milliseconds(histogram.quantile(0.999))),
            ("max", milliseconds(histogram.max)),
        ]
        members.append((key, .object(points.map { ($0.0, .figure($0.1)) })))
        rows.append(
            (label, points.map { "\($0.0) \(BenchValue.decimal($0.1))" }.joined(separator: "  ") + " ms"))
    }

    /// Prints the table (unless `jsonOnly`) and the JSON line.
    func print(jsonOnly: Bool) {
        if !jsonOnly {
            let width = rows.map(\.0.count).max() ?? 0
            for row in rows {
                let label = row.0.padding(toLength: width + 2, withPad: " ", startingAt: 0)
                Swift.print("  \(label)\(row.1)")
            }
            for failure in failures { Swift.print("  FAILED: \(failure)") }
        }
        let result: [(String, BenchValue)] = [("ok", .truth(failures.isEmpty))]
        Swift.print(BenchValue.object(members + result).json)
    }
}

/// Progress goes to standard error, so that standard output ends in one JSON line.
func benchProgress(_ line: String) {
    FileHandle.standardError.write(Data((line + "\n").utf8))
}
