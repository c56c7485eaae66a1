import ArgumentParser
import Foundation
import NodeConfig

/// Where a command takes its configuration from.
struct ConfigurationOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "The YAML file (also from MARTLET_CONFIG).")
    var config: String?

    @Option(
        name: .customLong("set"),
        help: ArgumentHelp(
            "Override a key, such as listen.client=127.0.0.1:8410; may be repeated.", valueName: "key=value"))
    var settings: [String] = []

    @Option(help: "Override data_dir.")
    var dataDir: String?

    func validate() throws {
        for setting in settings where !setting.contains("=") {
            throw ValidationError("--set takes key=value, not '\(setting)'")
        }
    }

    /// The checked configuration: file, then environment, then flags.
    func load() throws(ConfigurationFailure) -> NodeConfiguration {
        let environment = ProcessInfo.processInfo.environment
        return try NodeConfiguration.load(
            file: config ?? environment["MARTLET_CONFIG"], environment: environment, flags: flags)
    }

    private var flags: [String: String] {
        var flags: [String: String] = [:]
        for setting in settings {
            let parts = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            flags[String(parts[0])] = String(parts[1])
        }
        if let dataDir { flags["data_dir"] = dataDir }
        return flags
    }
}

struct CheckConfiguration: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check-config", abstract: "Say whether a configuration file would start a node.",
        discussion: "Exits with 78 and every problem, each with file, key and reason.")

    @Argument(help: "The YAML file.")
    var file: String

    @Flag(help: "Also open the files that it names.")
    var files = false

    func run() throws {
        // Only what the file says: the environment of an operator's shell is not that of the service.
        let configuration = try NodeConfiguration.load(file: file)
        if files { _ = try configuration.secrets() }
        print("\(file): fine")
    }
}
