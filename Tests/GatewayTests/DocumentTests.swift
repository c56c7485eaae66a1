import Foundation
import Testing
import Vocabulary
import Wire

@testable import Gateway

/// The documents that the client port serves say what it does, and all of it.
@Suite struct DocumentTests {
    private static let methods: Set<String> = ["get", "post", "put", "patch", "delete"]

    /// `method path` of everything that openapi.yaml lists.
    private var documented: Set<String> {
        var routes: Set<String> = []
        var path = ""
        for line in OpenAPIDocument.text.split(separator: "\n") {
            if line.hasPrefix("  /v1/") {
                path = line.trimmingCharacters(in: CharacterSet(charactersIn: " :"))
            } else if line.hasPrefix("    "), !line.hasPrefix("     ") {
                let word = line.dropFirst(4).prefix { $0 != ":" }
                if Self.methods.contains(String(word)) { routes.insert("\(word) \(path)") }
            }
        }
        return routes
    }

    /// The same of the router, read from where the routes are written.
    private var routed: Set<String> {
        let gateway = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/Gateway")
        let files =
            (try? FileManager.default.contentsOfDirectory(at: gateway, includingPropertiesForKeys: nil)) ?? []
        let route = /router\.(get|post|put|patch|delete)\("(\/v1\/[^"]*)"\)/
        var routes: Set<String> = [
            "get /v1/events", "get /v1/poll", "get /v1/openapi.yaml", "get /v1/asyncapi.yaml",
        ]
        for file in files where file.lastPathComponent.hasPrefix("RestRoutes") {
            guard let text = try? String(contentsOf: file, encoding: .utf8) else { continue }
            for match in text.matches(of: route) {
                let path = String(match.2).replacing(/:(\w+)/) { "{\($0.1)}" }
                routes.insert("\(match.1) \(path)")
            }
        }
        return routes
    }

    @Test func everyRouteIsInTheDocumentAndNoOther() {
        #expect(routed.count > 30)
        #expect(routed.subtracting(documented) == [])
        #expect(documented.subtracting(routed) == [])
    }

    @Test func everyDocumentedRouteIsAnswered() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token("ann", scope: "server")
            for route in documented.sorted() where !route.contains("/v1/events") {
                let parts = route.split(separator: " ")
                let path = parts[1].replacing(/\{(\w+)\}/) { match in
                    ["user"].contains(match.1) || parts[1].hasPrefix("/v1/users")
                        ? "bob" : "\(MessageID(high: 1, low: 1))"
                }
                let query = path == "/v1/poll" ? "?device=d&wait_ms=0" : ""
                let answer = try await RawClient.connect(rig.port) { client in
                    try await client.request(
                        parts[0].uppercased(), path + query, token: token, headers: "connection: close\r\n",
                        body: parts[0] == "get" || parts[0] == "delete" ? "" : "{}")
                }
                #expect(!answer.body.contains("no such resource"), "\(route)")
                #expect(answer.status != 0, "\(route)")
            }
        }
    }

    @Test func theDocumentsAreServedWithoutAToken() async throws {
        try await GatewayRig.run { rig in
            try await RawClient.connect(rig.port) { client in
                let open = try await client.request("GET", "/v1/openapi.yaml")
                #expect(open.status == 200 && open.body == OpenAPIDocument.text)
                let async = try await client.request("GET", "/v1/asyncapi.yaml")
                #expect(async.status == 200 && async.body == AsyncAPIDocument.text)
            }
        }
    }

    /// Every frame that the server writes is in asyncapi.yaml, by its word.
    @Test func everyFrameOfTheServerIsInTheDocument() throws {
        let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/Wire")
        let files = FileManager.default.enumerator(at: source, includingPropertiesForKeys: nil)
        var words: Set<String> = []
        for case let file as URL in files?.allObjects ?? [] where file.pathExtension == "swift" {
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /\bframe\("([a-z_]+)"/) { words.insert(String(match.1)) }
        }
        #expect(words.count > 12 && words.contains("receipts"))
        for word in words.sorted() {
            #expect(AsyncAPIDocument.text.contains("type: {const: \(word)}"), "\(word)")
        }
    }
}
