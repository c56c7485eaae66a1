import ArgumentParser
import Foundation
import MartletClient

/// The local cluster as `tools/cluster` lays it out; both variables move it.
enum LocalCluster {
    static var basePort: Int {
        ProcessInfo.processInfo.environment["MARTLET_BASE_PORT"].flatMap { Int($0) } ?? 8_400
    }
    static var directory: String { ProcessInfo.processInfo.environment["MARTLET_CLUSTER_DIR"] ?? ".cluster" }
    static var secretFile: String { directory + "/auth.secret" }

    /// Client ports of nodes 1 to 3.
    static var clientEndpoints: [Endpoint] { endpoints(offset: 0) }
    /// Admin ports of nodes 1 to 3.
    static var adminEndpoints: [Endpoint] { endpoints(offset: 2) }

    private static func endpoints(offset: Int) -> [Endpoint] {
        (1...3).map { Endpoint(host: "127.0.0.1", port: basePort + 10 * $0 + offset) }
    }

    /// Parses `host:port,host:port`.
    static func endpoints(_ list: String?, else standard: [Endpoint]) throws -> [Endpoint] {
        guard let list else { return standard }
        return try list.split(separator: ",").map { part in
            guard let endpoint = Endpoint(String(part)) else {
                throw ValidationError("'\(part)' is no host:port")
            }
            return endpoint
        }
    }
}

/// What every benchmark takes.
struct BenchOptions: ParsableArguments {
    @Option(help: "Client ports, host:port,... (default: the local cluster's three nodes)")
    var endpoints: String?

    @Option(help: "File with the HS256 secret (default: that of the local cluster)")
    var secretFile: String?

    @Option(help: "Seconds that are measured")
    var seconds: Double = 20

    @Option(help: "Seconds before, not measured")
    var warmup: Double = 5

    @Option(help: "Characters of a text")
    var size: Int = 100

    @Option(help: "Process ids of the nodes, comma-separated (default: who listens on the endpoints' ports)")
    var pids: String?

    @Option(help: "Prefix of the users' names (default: fresh at every run)")
    var prefix: String?

    @Flag(help: "Print only the JSON line on standard output")
    var json = false

    func validate() throws {
        guard seconds > 0, warmup >= 0 else { throw ValidationError("seconds must be above zero") }
        guard (40...60_000).contains(size) else { throw ValidationError("size must be 40 to 60000") }
    }

    func resolvedEndpoints() throws -> [Endpoint] {
        try LocalCluster.endpoints(endpoints, else: LocalCluster.clientEndpoints)
    }

    func tokens() throws -> BenchToken {
        try BenchToken(secretFile: secretFile ?? LocalCluster.secretFile)
    }

    func nodeProcesses(_ endpoints: [Endpoint]) -> [BenchProcess] {
        if let pids { return pids.split(separator: ",").compactMap { Int($0) }.map { BenchProcess(pid: $0) } }
        var found: [BenchProcess] = []
        for node in endpoints.compactMap({ BenchProcess.listening(on: $0.port) })
        where !found.contains(where: { $0.pid == node.pid }) {
            found.append(node)
        }
        return found
    }

    /// A name that no earlier run used, so that every conversation starts at seq 1.
    func runName() -> String {
        prefix ?? "b" + String(UInt32.random(in: .min ... .max), radix: 36)
    }
}
