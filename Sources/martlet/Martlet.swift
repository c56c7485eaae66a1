import ArgumentParser
import Foundation
import Node
import NodeConfig

/// `martlet`: one program for the node and for everything around it.
@main
struct Martlet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "martlet",
        abstract: "A messaging cluster of equal nodes.",
        discussion: """
            Exit codes: 0 fine, 1 failed, 2 usage, 65 storage corrupt, 69 unavailable, 75 try again, \
            78 bad configuration.
            """,
        version: "martlet \(SoftwareVersion.text)",
        subcommands: [
            Initialise.self, RunNode.self, Status.self, Locate.self, Drain.self, Undrain.self, Leave.self,
            Decommission.self, Replace.self, MintToken.self, CheckConfiguration.self, Bench.self, Demo.self,
            PrintVersion.self, VerifyChain.self, Transfer.self, Recover.self, Rebuild.self, PushCommand.self,
        ])

    /// Without a command there is nothing to do: the help goes to standard error.
    func run() throws { throw CommandFailure(.usage, "name a command\n\n" + Martlet.helpMessage()) }

    static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            end(with: error)
        }
    }

    /// Prints what there is to say and ends the process with the code of the contract.
    private static func end(with error: any Error) -> Never {
        if let ending = error as? any ProcessEnding {
            complain("martlet: \(ending)")
            Foundation.exit(ending.exit.rawValue)
        }
        let message = fullMessage(for: error)
        let code = exitCode(for: error)
        if code.isSuccess {
            if !message.isEmpty { print(message) }
            Foundation.exit(ProcessExit.success.rawValue)
        }
        if !message.isEmpty { complain(message) }
        Foundation.exit(code == .validationFailure ? ProcessExit.usage.rawValue : code.rawValue)
    }

    private static func complain(_ text: String) {
        FileHandle.standardError.write(Data((text + "\n").utf8))
    }
}

/// Why a command did not do what it was asked.
struct CommandFailure: ProcessEnding {
    var exit: ProcessExit
    var description: String

    init(_ exit: ProcessExit, _ description: String) {
        self.exit = exit
        self.description = description
    }
}

struct PrintVersion: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version, and those of the peer protocol and of data directories.")

    func run() { print(BuildVersions.text) }
}
