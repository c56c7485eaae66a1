import Foundation

/// Reads settings one by one and remembers everything that is wrong with them.
struct ConfigurationReader {
    private let sources: ConfigurationSources
    private(set) var problems: [ConfigurationProblem] = []

    init(_ sources: ConfigurationSources) { self.sources = sources }

    mutating func refuse(_ key: String, _ reason: String, source: String? = nil) {
        problems.append(
            ConfigurationProblem(
                source: source ?? sources.file ?? "configuration", key: key, reason: reason))
    }

    /// Refuses every key of the file and of the flags that is not known.
    mutating func checkKeys() {
        for (source, keys) in [(sources.file ?? "", sources.keysOfFile), ("flags", sources.keysOfFlags)] {
            for key in keys where !NodeConfigurationKeys.known.contains(key) {
                refuse(key, reason(forUnknown: key), source: source)
            }
        }
        // The environment is shared with other programs, so only what this version refuses is looked for
        // there.
        for key in ["auth.jwks_url"] {
            guard let setting = try? sources.text(key), setting.source == "environment" else { continue }
            refuse(key, reason(forUnknown: key), source: setting.source)
        }
    }

    private func reason(forUnknown key: String) -> String {
        if let refusal = NodeConfigurationKeys.refusal(of: key) { return refusal }
        let suggestion = NodeConfigurationKeys.suggestion(for: key)
        return "unknown key" + (suggestion.map { "; did you mean \($0)?" } ?? "")
    }

    // MARK: Values

    mutating func text(_ key: String) -> String? { value(key) { $0.isEmpty ? nil : $0 } }

    /// Names go into tables, metrics and shell commands: `[A-Za-z0-9._-]{1,64}`.
    mutating func name(_ key: String) -> String? {
        value(key, expecting: "1 to 64 characters of A-Z, a-z, 0-9, '.', '_' and '-'") { text in
            let isName =
                (1...64).contains(text.utf8.count)
                && text.utf8.allSatisfy { byte in
                    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                        || [UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-")].contains(byte)
                }
            return isName ? text : nil
        }
    }

    mutating func address(_ key: String) -> HostPort? {
        value(key, expecting: "host:port, with IPv6 in brackets") { HostPort($0) }
    }

    mutating func addresses(_ key: String) -> [HostPort] {
        do {
            guard let found = try sources.list(key) else { return [] }
            return found.value.compactMap { text in
                if let address = HostPort(text) { return address }
                refuse(key, "'\(text)' is not host:port, with IPv6 in brackets", source: found.source)
                return nil
            }
        } catch {
            problems.append(error)
            return []
        }
    }

    /// The elements of a list of texts; none when it is not there.
    mutating func texts(_ key: String) -> [String] {
        do {
            return try sources.list(key)?.value ?? []
        } catch {
            problems.append(error)
            return []
        }
    }

    mutating func number(_ key: String, in range: ClosedRange<Int>) -> Int? {
        value(key, expecting: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
            Int(text.filter { $0 != "_" }).flatMap { range.contains($0) ? $0 : nil }
        }
    }

    mutating func flag(_ key: String) -> Bool? {
        value(key, expecting: "true or false") { text in
            switch text.lowercased() {
            case "true", "yes", "on": true
            case "false", "no", "off": false
            default: nil
            }
        }
    }

    mutating func choice<Choice: RawRepresentable & CaseIterable>(_ key: String) -> Choice?
    where Choice.RawValue == String {
        let all = Choice.allCases.map(\.rawValue).joined(separator: ", ")
        return value(key, expecting: "one of \(all)") { Choice(rawValue: $0) }
    }

    /// A path; in a file it is relative to the file's directory.
    mutating func path(_ key: String) -> String? {
        do {
            guard let found = try sources.text(key) else { return nil }
            guard !found.value.isEmpty else {
                refuse(key, "is empty", source: found.source)
                return nil
            }
            guard let file = sources.file, found.source == file, !found.value.hasPrefix("/") else {
                return found.value
            }
            let directory = (file as NSString).deletingLastPathComponent
            return (directory as NSString).appendingPathComponent(found.value)
        } catch {
            problems.append(error)
            return nil
        }
    }

    private mutating func value<Value>(
        _ key: String, expecting: String = "text", _ parse: (String) -> Value?
    ) -> Value? {
        do {
            guard let found = try sources.text(key) else { return nil }
            if let value = parse(found.value) { return value }
            refuse(key, "'\(found.value)' is not \(expecting)", source: found.source)
        } catch {
            problems.append(error)
        }
        return nil
    }
}
