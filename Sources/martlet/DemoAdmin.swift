import Foundation
import MartletClient
import NIOHTTP1

/// What the demo asks the admin ports; any node that answers will do.
struct DemoAdmin: Sendable {
    private let endpoints: [Endpoint]

    init(_ endpoints: [Endpoint]) { self.endpoints = endpoints }

    struct Member: Decodable, Sendable {
        let node_id: String
        let number: Int
        let state: String
        let gossip: String
    }
    struct Cluster: Decodable, Sendable {
        let epoch: UInt64
        let members: [Member]
    }
    struct Location: Decodable, Sendable {
        let partition: Int
        let leader: String?
        let replicas: [String]
    }
    struct Partition: Decodable, Sendable {
        let leader: String?
        let term: UInt64
        let commit: UInt64
        let applied: UInt64
    }

    func cluster() async throws -> Cluster { try await ask("/cluster") }

    func locate(conversationID: String) async throws -> Location {
        try await ask("/cluster/locate?conversation_id=\(conversationID)")
    }

    /// How one node itself sees a partition.
    func partition(_ partition: Int, node number: Int) async throws -> Partition {
        try await decode(get("/cluster/partitions/\(partition)", from: endpoint(of: number)))
    }

    /// Whether one node says that it is ready; false also when it does not answer.
    func isReady(node number: Int) async -> Bool {
        (try? await get("/readyz", from: endpoint(of: number)))?.status == 200
    }

    private func endpoint(of number: Int) throws -> Endpoint {
        guard endpoints.indices.contains(number - 1) else {
            throw BenchFailure("no admin port was given for node \(number)")
        }
        return endpoints[number - 1]
    }

    private func ask<Answer: Decodable>(_ path: String) async throws -> Answer {
        var last: any Error = BenchFailure("no admin port was given")
        for endpoint in endpoints {
            do {
                return try decode(try await get(path, from: endpoint))
            } catch {
                last = error
            }
        }
        throw BenchFailure("GET \(path): \(last)")
    }

    private func get(_ path: String, from endpoint: Endpoint) async throws -> RESTConnection.Answer {
        let rest = try await RESTConnection.connect(to: endpoint)
        defer { rest.close() }
        return try await rest.call(.GET, path)
    }

    private func decode<Answer: Decodable>(_ answer: RESTConnection.Answer) throws -> Answer {
        guard answer.status == 200 else { throw BenchFailure("\(answer.status) \(answer.text)") }
        return try JSONDecoder().decode(Answer.self, from: Data(answer.text.utf8))
    }
}

/// Runs `tools/cluster`.
struct DemoTool: Sendable {
    let path: String

    /// Throws unless the command exits with 0; its output is shown only then.
    func run(_ arguments: String...) async throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        let output = Pipe()
        process.standardOutput = output
        process.standardError = output
        let status: Int32 = try await withCheckedThrowingContinuation { continuation in
            process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
            do {
                try process.run()
            } catch {
                process.terminationHandler = nil
                continuation.resume(throwing: error)
            }
        }
        guard status == 0 else {
            let text = (try? output.fileHandleForReading.readToEnd()).flatMap { $0 }.map {
                String(decoding: $0, as: UTF8.self)
            }
            throw BenchFailure(
                "\(path) \(arguments.joined(separator: " ")) exited with \(status)\n\(text ?? "")")
        }
    }
}
