import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Synchronization
import Testing

@testable import Admin

/// A status and a JSON object.
private struct Answer {
    var status: HTTPResponse.Status
    var json: [String: Any]
    var text: String
}

@Suite struct AdminRoutesTests {
    private let source = FakeSource()

    private func ask(
        _ path: String, _ method: HTTPRequest.Method = .get, headers: HTTPFields = [:], token: String? = nil
    ) async throws -> Answer {
        let router = AdminRoutes(source: source, token: token).router()
        return try await Application(responder: router.buildResponder()).test(.router) { client in
            try await client.execute(uri: path, method: method, headers: headers) { response in
                let text = String(buffer: response.body)
                let object = try? JSONSerialization.jsonObject(with: Data(text.utf8))
                return Answer(status: response.status, json: object as? [String: Any] ?? [:], text: text)
            }
        }
    }

    @Test func clusterHasEveryKeyOfTheContract() async throws {
        let answer = try await ask("/cluster")
        #expect(
            Set(answer.json.keys) == [
                "cluster_id", "name", "epoch", "replication_factor", "partition_count", "feature_level",
                "answered_by", "under_replicated", "unavailable", "moves", "members",
            ])
        let members = try #require(answer.json["members"] as? [[String: Any]])
        #expect(
            Set(members[0].keys) == [
                "node_id", "name", "number", "state", "gossip", "client", "peer", "admin", "leaders",
                "replicas",
                "incarnation", "boot_epoch", "rtt_ms", "version", "zone",
            ])
        #expect(members[0]["rtt_ms"] is NSNull)
        #expect(members[1]["rtt_ms"] as? Double == 0.5)
    }

    @Test func committedReadsSayWhenThereIsNoQuorum() async throws {
        let answer = try await ask("/cluster?consistency=committed")
        #expect(answer.status == .serviceUnavailable)
        let error = try #require(answer.json["error"] as? [String: String])
        #expect(error == ["code": "unavailable", "message": "group 0 has no quorum"])
        #expect(try await ask("/cluster?consistency=perhaps").status == .badRequest)
    }

    @Test func aTestPushShowsWhatTheProviderSaid() async throws {
        let answer = try await ask("/push/test?user_id=ann&device_id=tab%2E1", .post)
        #expect(
            answer.text
                == #"{"devices":[{"device_id":"tab.1","provider":"fcm","reason":"SENDER_ID_MISMATCH","result":"failed"}]}"#
        )
        #expect(try await ask("/push/test", .post).status == .badRequest)
        #expect(try await ask("/push/test?user_id=nobody", .post).status == .notFound)
        #expect(try await ask("/push/test?user_id=ann", .post, token: "t").status == .unauthorized)
    }

    @Test func readinessFollowsTheReasons() async throws {
        #expect(try await ask("/readyz").status == .ok)
        source.reasons.withLock { $0 = ["draining"] }
        let answer = try await ask("/readyz")
        #expect(answer.status == .serviceUnavailable)
        #expect(answer.json["reasons"] as? [String] == ["draining"])
        #expect(try await ask("/healthz").status == .ok)
    }

    @Test func membersAreFoundByIdNameAndNumber() async throws {
        for id in ["b2", "node2", "2"] {
            #expect(try await ask("/cluster/members/\(id)").json["node_id"] as? String == "b2")
        }
        #expect(try await ask("/cluster/members/node9").status == .notFound)
    }

    @Test func partitionsArePagedToTheEnd() async throws {
        var seen: [Int] = []
        var path = "/cluster/partitions"
        while true {
            let answer = try await ask(path)
            let page = try #require(answer.json["partitions"] as? [[String: Any]])
            seen += page.compactMap { $0["partition"] as? Int }
            guard let cursor = answer.json["next_cursor"] as? String else { break }
            path = "/cluster/partitions?cursor=\(cursor)"
        }
        #expect(seen == Array(0..<100))
        for bad in ["cursor=x", "cursor=-1", "limit=0", "limit=9999999"] {
            #expect(try await ask("/cluster/partitions?\(bad)").status == .badRequest)
        }
    }

    @Test func onePartitionHasEveryKeyOfTheContract() async throws {
        let answer = try await ask("/cluster/partitions/0")
        #expect(
            Set(answer.json.keys) == [
                "partition", "leader", "voters", "learners", "term", "commit", "applied", "persisted",
                "first", "state_hash", "lag",
            ])
        #expect(answer.json["leader"] is NSNull)
        #expect(try await ask("/cluster/partitions/100").status == .notFound)
        #expect(try await ask("/cluster/partitions/7/content").json["content_hash"] as? String == "00ff")
        #expect(try await ask("/cluster/partitions/8/content").status == .notFound)
        #expect(try await ask("/cluster/partitions/x").status == .badRequest)
    }

    @Test func locateTakesExactlyOneKey() async throws {
        let user = try await ask("/cluster/locate?user_id=alice")
        let devices = try #require(user.json["devices"] as? [[String: String]])
        #expect(devices == [["device_id": "alice-phone", "node_id": "b2"]])
        let conversation = try await ask("/cluster/locate?conversation_id=x")
        #expect(Set(conversation.json.keys) == ["partition", "leader", "replicas"])
        #expect(try await ask("/cluster/locate?group_id=x").status == .notFound)
        #expect(try await ask("/cluster/locate").status == .badRequest)
        #expect(try await ask("/cluster/locate?user_id=a&group_id=b").status == .badRequest)
    }

    @Test func operationsAreAcceptedOrRefusedWithAReason() async throws {
        #expect(try await ask("/node/drain", .post).status == .accepted)
        #expect(try await ask("/node/undrain", .post).status == .accepted)
        #expect(try await ask("/cluster/members/node1/replace", .post).status == .accepted)
        #expect(try await ask("/cluster/partitions/3/transfer?to=node2", .post).status == .accepted)
        let refused = try await ask("/cluster/members/2/decommission", .post)
        #expect(refused.status == .conflict)
        #expect(refused.text.contains("no quorum"))
        #expect(
            source.operations.withLock { $0 } == [
                .drain, .undrain, .replace(nodeID: "a1"), .transfer(partition: 3, nodeID: "b2"),
            ])
        #expect(try await ask("/node/drain").status == .notFound)
    }

    @Test func theTokenIsAskedForExceptByProbes() async throws {
        let token = "0123456789abcdef"
        #expect(try await ask("/cluster", token: token).status == .unauthorized)
        #expect(try await ask("/healthz", token: token).status == .ok)
        for (header, status) in [
            ("Bearer 0123456789abcdeX", HTTPResponse.Status.unauthorized), ("Bearer 0123", .unauthorized),
            ("Basic \(token)", .unauthorized), ("Bearer \(token)", .ok),
        ] {
            #expect(
                try await ask("/cluster", headers: [.authorization: header], token: token).status == status)
        }
    }

    @Test func aPageOfAnotherSiteCannotOrderAnything() async throws {
        let answer = try await ask("/node/leave", .post, headers: [.origin: "http://evil.example"])
        #expect(answer.status == .forbidden)
        #expect(source.operations.withLock { $0.isEmpty })
    }

    @Test func theRestIsServedToo() async throws {
        #expect(try await ask("/metrics").text.hasPrefix("martlet_"))
        #expect(try await ask("/").text.hasPrefix("<!doctype html>"))
        #expect(try await ask("/node").json["uptime_ms"] as? Int == 5)
        #expect(try await ask("/cluster/ring").json["partition_count"] as? Int == 100)
        let nowhere = try await ask("/nowhere")
        #expect(nowhere.status == .notFound)
        #expect(nowhere.json["error"] != nil)
    }
}
