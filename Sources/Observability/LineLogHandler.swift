import Logging
import Synchronization

/// Writes log lines to standard error: as JSON objects for machines, or as `time level message key=value`
/// text.
package struct LineLogHandler: LogHandler {
    package enum Format: Sendable {
        case text
        case json
    }

    package var metadata: Logger.Metadata = [:]
    package var logLevel: Logger.Level
    private let label: String
    private let format: Format
    private let now: @Sendable () -> String
    private let write: @Sendable (String) -> Void

    /// - Parameters:
    ///   - now: the time as text, for the line's beginning.
    ///   - write: takes one line with its newline; called from any thread.
    package init(
        label: String, level: Logger.Level, format: Format, now: @escaping @Sendable () -> String,
        write: @escaping @Sendable (String) -> Void
    ) {
        self.label = label
        self.format = format
        self.now = now
        self.write = write
        logLevel = level
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        let pairs = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
        switch format {
        case .text:
            let data = pairs.map { " \($0.key)=\($0.value)" }.joined()
            write("\(now()) \(event.level.rawValue) \(event.message)\(data)\n")
        case .json:
            var line = "{\"time\":\(quoted(now())),\"level\":\"\(event.level.rawValue)\","
            line += "\"logger\":\(quoted(label)),\"message\":\(quoted(event.message.description))"
            for (key, value) in pairs { line += ",\(quoted(key)):\(quoted(value.description))" }
            write(line + "}\n")
        }
    }
}

/// A JSON string.
func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case _ where scalar.value < 0x20:
            let hex = String(scalar.value, radix: 16)
            out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}
