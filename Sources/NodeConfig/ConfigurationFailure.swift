/// One thing that is wrong with a configuration: where, which key, and why.
package struct ConfigurationProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// A file's path, `environment` or `flags`.
    package var source: String
    package var key: String
    package var reason: String

    package init(source: String, key: String, reason: String) {
        self.source = source
        self.key = key
        self.reason = reason
    }

    package var description: String { key.isEmpty ? "\(source): \(reason)" : "\(source): \(key): \(reason)" }
}

/// Why a node does not start: everything that is wrong, at once. The process ends with exit code 78.
package struct ConfigurationFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Never empty.
    package var problems: [ConfigurationProblem]

    package init(_ problems: [ConfigurationProblem]) { self.problems = problems }

    package var description: String { problems.map(\.description).joined(separator: "\n") }
}
