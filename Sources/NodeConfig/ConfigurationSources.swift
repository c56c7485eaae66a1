import Configuration
import Foundation
import Synchronization

/// The three places a setting may come from, the first that has it wins: flags, environment, file.
///
/// Each is a snapshot of a provider of swift-configuration; they are asked one by one, so that a refusal can
/// name the one that is wrong.
struct ConfigurationSources {
    /// A setting as it was written, and where.
    struct Setting<Value> {
        var value: Value
        var source: String
    }

    private struct Source {
        var name: String
        var prefix: [String]
        var snapshot: any ConfigSnapshot
    }

    private let sources: [Source]
    let file: String?
    /// Every key that the file has, sorted.
    let keysOfFile: [String]
    /// Every key that was given as a flag, sorted.
    let keysOfFlags: [String]

    /// - Throws: when the file cannot be read or is not YAML of the right shape.
    init(file: String?, environment: [String: String], flags: [String: String]) throws(ConfigurationFailure) {
        self.file = file
        keysOfFlags = flags.keys.sorted()
        var sources = [
            Source(name: "flags", prefix: [], snapshot: ConfigurationSources.snapshot(of: flags)),
            Source(
                name: "environment", prefix: ["martlet"],
                snapshot: EnvironmentVariablesProvider(
                    environmentVariables: environment.filter { $0.key.hasPrefix("MARTLET_") }
                ).snapshot()),
        ]
        if let file {
            let keys = KeyRecorder()
            let snapshot = try ConfigurationSources.snapshot(ofFile: file, recording: keys)
            sources.append(Source(name: file, prefix: [], snapshot: snapshot))
            keysOfFile = keys.sorted
        } else {
            keysOfFile = []
        }
        self.sources = sources
    }

    /// The text of a setting; `nil` when nobody set it.
    func text(_ key: String) throws(ConfigurationProblem) -> Setting<String>? {
        guard let found = try value(key, .string), case .string(let text) = found.value else { return nil }
        return Setting(value: text, source: found.source)
    }

    func list(_ key: String) throws(ConfigurationProblem) -> Setting<[String]>? {
        guard let found = try value(key, .stringArray), case .stringArray(let texts) = found.value else {
            return nil
        }
        return Setting(value: texts, source: found.source)
    }

    private func value(_ key: String, _ type: ConfigType) throws(ConfigurationProblem) -> Setting<
        ConfigContent
    >? {
        let components = key.split(separator: ".").map(String.init)
        for source in sources {
            let absolute = AbsoluteConfigKey(source.prefix + components)
            do {
                if let found = try source.snapshot.value(forKey: absolute, type: type).value {
                    return Setting(value: found.content, source: source.name)
                }
            } catch {
                let wanted = type == .stringArray ? "a list" : "a single value"
                throw ConfigurationProblem(source: source.name, key: key, reason: "must be \(wanted)")
            }
        }
        return nil
    }

    private static func snapshot(of flags: [String: String]) -> any ConfigSnapshot {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, text) in flags {
            let isList = NodeConfigurationKeys.lists.contains(key)
            let content: ConfigContent =
                isList ? .stringArray(text.split(separator: ",").map(String.init)) : .string(text)
            values[AbsoluteConfigKey(key.split(separator: ".").map(String.init))] = ConfigValue(
                content, isSecret: false)
        }
        return InMemoryProvider(name: "flags", values: values).snapshot()
    }

    private static func snapshot(
        ofFile file: String, recording keys: KeyRecorder
    ) throws(ConfigurationFailure) -> any ConfigSnapshot {
        guard let data = FileManager.default.contents(atPath: file) else {
            let reason = FileManager.default.fileExists(atPath: file) ? "cannot be read" : "no such file"
            throw ConfigurationFailure([ConfigurationProblem(source: file, key: "", reason: reason)])
        }
        // The snapshot does not list its keys, but it asks of each whether it is a secret.
        let options = YAMLSnapshot.ParsingOptions(
            secretsSpecifier: .dynamic { key, _ in
                keys.record(key)
                return false
            })
        do {
            let bytes = [UInt8](data)
            return try YAMLSnapshot(data: bytes.span.bytes, providerName: file, parsingOptions: options)
        } catch {
            throw ConfigurationFailure([ConfigurationProblem(source: file, key: "", reason: "\(error)")])
        }
    }
}

/// Collects the keys of a file while it is parsed.
private final class KeyRecorder: Sendable {
    private let keys = Mutex<Set<String>>([])
    func record(_ key: String) { _ = keys.withLock { $0.insert(key) } }
    var sorted: [String] { keys.withLock { $0.sorted() } }
}
