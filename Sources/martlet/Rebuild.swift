import ArgumentParser
import Foundation
import Node
import NodeConfig

/// `martlet rebuild`: the way back for a node whose storage is corrupt.
struct Rebuild: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rebuild",
        abstract: "Move a damaged node's data aside, so that it can join as a new node.",
        discussion: """
            For a node that ended with exit code 65. Nothing is deleted: log, state and identity go to \
            damaged-N in the data directory. Then start the node, and have the cluster replace the old one.
            """)

    @OptionGroup var options: ConfigurationOptions

    @Flag(help: "Also when the directory is not known to be damaged.")
    var force = false

    @Flag(help: "Print the result as JSON.")
    var json = false

    func run() throws {
        let outcome = try NodeRebuild.run(configuration: try options.load(), isForced: force)
        if json {
            let members = ["moved_to": outcome.movedTo, "old_node_id": outcome.oldNode ?? ""]
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return print(String(decoding: try encoder.encode(members), as: UTF8.self))
        }
        print("moved to \(outcome.movedTo)" + (outcome.reason.map { "; it was: \($0)" } ?? ""))
        let old = outcome.oldNode ?? "NODE"
        print(
            "next: martlet node (it joins as a new node), then at any other node: martlet replace \(old)")
    }
}
