import ArgumentParser
import Foundation
import Logging
import Node
import NodeConfig
import Observability

struct RunNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node", abstract: "Run a node in the foreground.",
        discussion: "SIGTERM drains, then stops; a second SIGTERM stops at once.")

    @OptionGroup var options: ConfigurationOptions

    func run() async throws {
        let configuration = try options.load()
        LogOutput.start(configuration.log)
        try await NodeProcess.run(configuration: configuration)
    }
}

struct Initialise: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Form a new cluster in this data directory (once; then run the node).",
        discussion: "Refuses where the directory belongs to a cluster or a seed answers with one.")

    @OptionGroup var options: ConfigurationOptions

    @Option(help: "Hold clients off until this many nodes are up and every partition has its replicas.")
    var expectNodes = 1

    func validate() throws {
        guard (1...1_000).contains(expectNodes) else {
            throw ValidationError("--expect-nodes takes a number from 1 to 1000")
        }
    }

    func run() async throws {
        let configuration = try options.load()
        LogOutput.start(configuration.log)
        try NodeProcess.initialise(configuration: configuration, expectNodes: expectNodes)
        print("formed the cluster '\(configuration.cluster.name)' in \(configuration.dataDirectory)")
    }
}

/// Sends the log to standard error, a line each.
enum LogOutput {
    static func start(_ section: NodeConfiguration.LogSection) {
        let level = Logger.Level(rawValue: section.level.rawValue) ?? .info
        let format: LineLogHandler.Format = section.format == .json ? .json : .text
        LoggingSystem.bootstrap { label in
            LineLogHandler(label: label, level: level, format: format, now: now, write: write)
        }
    }

    @Sendable private static func now() -> String {
        Date().formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }

    @Sendable private static func write(_ line: String) {
        FileHandle.standardError.write(Data(line.utf8))
    }
}
