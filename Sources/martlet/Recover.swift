import ArgumentParser
import Foundation
import Node
import NodeConfig

/// `martlet recover`: for the day on which a majority of a group's disks is gone for ever.
struct Recover: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Bring groups back that have lost their quorum for ever. Unsafe: acknowledged data may be lost.",
        discussion: """
            Offline. Stop every survivor first. Make one plan from the data directories of ALL survivors, apply it \
            in each, then start them. The lost nodes must never be started again: destroy their disks.
            """,
        subcommands: [RecoverPlan.self, RecoverApply.self])
}

struct RecoverPlan: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "plan", abstract: "Say what a recovery would do. Changes nothing.",
        discussion: """
            On survivors with hosts of their own run it with --survey on each, bring the files together, and name \
            them here.
            """)

    @Argument(help: "The survivors: data directories, or files written with --survey.")
    var survivors: [String]

    @Flag(help: "Only write down what the one data directory named holds.")
    var survey = false

    @Option(name: .shortAndLong, help: "Where to write the plan or survey; standard output otherwise.")
    var out: String?

    func validate() throws {
        if survivors.isEmpty { throw ValidationError("name the data directory of every survivor") }
        if survey && survivors.count != 1 { throw ValidationError("--survey takes one data directory") }
    }

    func run() throws {
        let surveys = try survivors.map(read)
        if survey { return try write(surveys[0]) }
        let plan = try QuorumRecovery.plan(surveys)
        RecoverySummary(plan: plan, surveys: surveys).tell()
        if out != nil || !plan.steps.isEmpty { try write(plan) }
    }

    private func read(_ path: String) throws -> RecoverySurvey {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw CommandFailure(.failed, "there is no \(path)")
        }
        if isDirectory.boolValue { return try RecoverySurvey.make(dataDirectory: path) }
        do {
            return try JSONDecoder().decode(
                RecoverySurvey.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch { throw CommandFailure(.failed, "\(path) is no survey: \(error)") }
    }

    private func write(_ value: some Encodable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data = try encoder.encode(value)
        guard let out else { return print(String(decoding: data, as: UTF8.self)) }
        try data.write(to: URL(fileURLWithPath: out), options: .atomic)
    }
}

struct RecoverApply: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "apply", abstract: "Carry out the plan in one survivor's data directory.")

    @Option(help: "The file that `martlet recover plan --out` wrote.")
    var plan: String
    @Option(help: "The survivor's data directory.")
    var dataDir: String
    @Flag(help: "Required: says that you know what may be lost.")
    var acceptDataLoss = false

    func validate() throws {
        guard acceptDataLoss else {
            throw ValidationError(
                "messages that only the lost nodes had are lost for ever, and the lost nodes must never be started "
                    + "again; say --accept-data-loss")
        }
    }

    func run() throws {
        let plan = try RecoveryRecord.read(file: plan)
        let count = try QuorumRecovery.apply(plan, dataDirectory: dataDir)
        print(
            "\(count) of \(plan.steps.count) groups go on from \(dataDir). Apply the plan in every other survivor's "
                + "directory, then start them.")
    }
}

/// The plan for people, on standard error, so that the plan itself can be piped.
private struct RecoverySummary {
    let plan: RecoveryRecord
    let surveys: [RecoverySurvey]

    func tell() {
        let names = surveys.reduce(into: [String: String]()) { $0.merge($1.members) { first, _ in first } }
        func name(_ id: String) -> String { names[id].map { "\($0) (\(id))" } ?? id }
        var lines = ["survivors: " + surveys.map { name($0.node) }.joined(separator: ", ")]
        if plan.steps.isEmpty && plan.hopeless.isEmpty {
            lines.append("every group has a quorum: there is nothing to recover")
        } else {
            lines += [
                "LOST FOR EVER, never start them again: " + plan.lost.map(name).joined(separator: ", "),
                "UNSAFE: what only they had is lost, acknowledged or not.",
            ]
        }
        for step in plan.steps {
            let group = step.group == 0 ? "cluster metadata" : "partition \(step.group - 1)"
            lines.append(
                "  \(group) goes on from \(name(step.node)): term \(step.lastTerm), index \(step.lastIndex)")
        }
        if !plan.hopeless.isEmpty {
            lines.append(
                "NOTHING IS LEFT of partitions " + plan.hopeless.map(String.init).joined(separator: ", ")
                    + ": they stay unavailable")
        }
        FileHandle.standardError.write(Data((lines.joined(separator: "\n") + "\n").utf8))
    }
}
