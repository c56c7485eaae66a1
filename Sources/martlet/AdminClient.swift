import ArgumentParser
import Foundation
import MartletClient
import NIOHTTP1
import NodeConfig

/// How a command reaches a node's admin port.
struct AdminOptions: ParsableArguments {
    @Option(help: "The admin port of any node.")
    var admin = "http://127.0.0.1:8412"

    @Option(help: "File with the bearer token, when the port asks for one.")
    var tokenFile: String?

    @Option(help: "PEM file of who signed the admin port's certificate, for https.")
    var ca: String?

    @Flag(help: "Print the answer as JSON.")
    var json = false

    func validate() throws {
        guard Endpoint(admin) != nil else {
            throw ValidationError("--admin takes http://host:port or https://host:port, not '\(admin)'")
        }
    }

    /// The JSON text of a successful answer.
    func get(_ path: String) async throws -> String { try await call(.GET, path) }

    /// The JSON text of a successful answer to a request that does something at once.
    func post(_ path: String) async throws -> String { try await call(.POST, path) }

    /// Orders an operation and says that it has begun.
    func order(_ path: String) async throws {
        let answer = try await call(.POST, path)
        print(json ? answer : "accepted; progress is in `GET /node` and in `martlet status`")
    }

    private func call(_ method: HTTPMethod, _ path: String) async throws -> String {
        guard var endpoint = Endpoint(admin) else { throw ValidationError("bad --admin") }
        endpoint.authorityFile = ca
        let token = try tokenFile.map { try String(contentsOfFile: $0, encoding: .utf8) }
        let answer: RESTConnection.Answer
        do {
            let connection = try await RESTConnection.connect(to: endpoint)
            defer { connection.close() }
            answer = try await connection.call(
                method, path, token: token?.trimmingCharacters(in: .newlines))
        } catch {
            throw CommandFailure(.unavailable, "\(endpoint) does not answer: \(error)")
        }
        guard (200..<300).contains(answer.status) else {
            throw CommandFailure(
                answer.status == 503 ? .tryAgain : .failed, "\(endpoint): \(reason(answer))")
        }
        return answer.text
    }

    private func reason(_ answer: RESTConnection.Answer) -> String {
        struct Refusal: Decodable {
            struct Reason: Decodable {
                var code: String
                var message: String
            }
            var error: Reason
        }
        guard let refusal = try? JSONDecoder().decode(Refusal.self, from: Data(answer.text.utf8)) else {
            return "status \(answer.status)"
        }
        return "\(refusal.error.message) (\(refusal.error.code))"
    }
}

/// Writes rows under each other.
struct TextTable {
    private var rows: [[String]]

    init(_ head: [String]) { rows = [head] }

    mutating func add(_ row: [String]) { rows.append(row) }

    var text: String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell.padding(toLength: width, withPad: " ", startingAt: 0)
            }
            return cells.joined(separator: "  ").trimmingCharacters(in: .whitespaces)
        }.joined(separator: "\n")
    }
}
