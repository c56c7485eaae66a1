import ArgumentParser
import Foundation
import MartletClient
import NIOHTTP1
import NodeConfig

/// `martlet verify`: reads a conversation page by page and recomputes its hash chain.
struct VerifyChain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "Recompute a conversation's hash chain, as a member sees it.",
        discussion:
            "Two members who get the same value at the same seq have the same messages in the same order.")

    @Option(help: "The client port of any node.")
    var url = "http://127.0.0.1:8410"

    @Option(help: "The conversation's id.")
    var conversation: String

    @Option(help: "A member's token (tools/cluster token USER).")
    var token: String

    @Flag(help: "Print the result as JSON.")
    var json = false

    private struct Page: Decodable {
        var messages: [ProvenMessage]
        var nextCursor: String?

        enum CodingKeys: String, CodingKey {
            case messages
            case nextCursor = "next_cursor"
        }
    }

    func validate() throws {
        guard Endpoint(url) != nil else {
            throw ValidationError("--url takes http://host:port, not '\(url)'")
        }
        guard UUID(uuidString: conversation) != nil else {
            throw ValidationError("--conversation takes a UUID, not '\(conversation)'")
        }
    }

    func run() async throws {
        guard let endpoint = Endpoint(url) else { throw ValidationError("bad --url") }
        var verifier = ChainVerifier(conversationID: conversation.lowercased())
        do {
            let connection = try await RESTConnection.connect(to: endpoint)
            defer { connection.close() }
            var path: String? = basePath
            while let next = path {
                let page = try await page(next, connection)
                for message in page.messages { try verifier.add(message) }
                path = page.nextCursor.map { basePath + "&cursor=\($0)" }
            }
        } catch let error as CommandFailure {
            throw error
        } catch let error as ChainBreak {
            throw CommandFailure(.failed, error.description)
        } catch {
            throw CommandFailure(.unavailable, "\(endpoint) does not answer: \(error)")
        }
        report(verifier)
    }

    private var basePath: String {
        "/v1/conversations/\(conversation.lowercased())/messages?order=asc&limit=100&proof=1"
    }

    private func page(_ path: String, _ connection: RESTConnection) async throws -> Page {
        let answer = try await connection.call(.GET, path, token: token)
        guard answer.status == 200 else {
            throw CommandFailure(.failed, "status \(answer.status): \(answer.text)")
        }
        return try JSONDecoder().decode(Page.self, from: Data(answer.text.utf8))
    }

    private func report(_ verifier: ChainVerifier) {
        if json {
            return print(
                #"{"seq":\#(verifier.seq),"chain":"\#(verifier.value)","compared_contents":"#
                    + #"\#(verifier.comparedContents),"not_shown":\#(verifier.skipped)}"#)
        }
        print("the chain holds up to seq \(verifier.seq): \(verifier.value)")
        print(
            "\(verifier.comparedContents) contents compared with their hashes, "
                + "\(verifier.skipped) messages not shown to this member")
    }
}
