import ArgumentParser
import MartletClient

/// `martlet demo`: the promise of the project as a story of one minute, on a running local cluster.
struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Two users on different nodes chat; then the node that leads their conversation is killed.",
        discussion: "Exits with 1 when any step of the story does not come true.")

    @Option(help: "Client ports, one per node, host:port,... (default: the local cluster's three nodes)")
    var endpoints: String?

    @Option(help: "Admin ports in the same order")
    var admin: String?

    @Option(help: "File with the HS256 secret (default: that of the local cluster)")
    var secretFile: String?

    @Option(help: "tools/cluster, called with `kill N` and `start N`; without it nobody is killed")
    var clusterTool: String?

    func run() async throws {
        let story = DemoStory(
            endpoints: try LocalCluster.endpoints(endpoints, else: LocalCluster.clientEndpoints),
            admin: DemoAdmin(try LocalCluster.endpoints(admin, else: LocalCluster.adminEndpoints)),
            tokens: try BenchToken(secretFile: secretFile ?? LocalCluster.secretFile),
            clusterTool: clusterTool)
        do {
            try await story.tell()
        } catch {
            print("\nThe demo failed: \(error)")
            throw ExitCode.failure
        }
    }
}
