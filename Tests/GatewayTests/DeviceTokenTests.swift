import NIOConcurrencyHelpers
import Testing
import Vocabulary
import Wire

@testable import Gateway

/// Requests with tokens that are bound to a device.
@Suite struct DeviceTokenTests {
    private func status(_ rig: GatewayRig, _ token: String) async throws -> (Int, String) {
        let answer = try await RawClient.connect(rig.port) { client in
            try await client.request("GET", "/v1/conversations", token: token)
        }
        return (answer.status, answer.body)
    }

    private static func isQuestion(_ operation: Operation) -> Bool {
        guard case .account(let request) = operation, case .deviceToken = request.ask else { return false }
        return true
    }

    @Test func aRevokedTokenIsRefusedWithinASecond() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token(device: "phone")
            #expect(try await status(rig, token).0 == 200)
            rig.dispatcher.state.withLockedValue {
                $0.answers = { operation in
                    guard Self.isQuestion(operation) else { return nil }
                    return .refused(Refusal(.unauthenticated, "revoked"))
                }
            }
            let deadline = GatewayClock.tick + 1_000
            var last = (200, "")
            while last.0 == 200, GatewayClock.tick < deadline { last = try await status(rig, token) }
            #expect(last.0 == 401 && last.1.contains(#""code":"unauthenticated""#))
            #expect(try await status(rig, token).0 == 401, "it stays refused")
            // Others, and tokens that are bound to no device, go on.
            #expect(try await status(rig, try await rig.token()).0 == 200)
        }
    }

    @Test func theLeaderIsNotAskedForEveryRequest() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token(device: "phone")
            let start = GatewayClock.tick
            for _ in 0..<20 { #expect(try await status(rig, token).0 == 200) }
            let asked = rig.dispatcher.operations.count { Self.isQuestion($0) }
            #expect(asked >= 1 && asked <= 1 + Int(GatewayClock.tick.since(start) / 500))
            #expect(try await status(rig, try await rig.token()).0 == 200)
            #expect(rig.dispatcher.operations.count { Self.isQuestion($0) } <= asked + 1)
        }
    }

    /// A users' partition without a leader revokes nothing: what it said last goes on, a stranger waits.
    @Test func withoutALeaderTheLastWordGoesOn() async throws {
        try await GatewayRig.run { rig in
            let token = try await rig.token(device: "phone")
            #expect(try await status(rig, token).0 == 200)
            rig.dispatcher.state.withLockedValue {
                $0.answers = { Self.isQuestion($0) ? .refused(Refusal(.unavailable, "nobody leads")) : nil }
            }
            let deadline = GatewayClock.tick + 600
            while GatewayClock.tick < deadline { #expect(try await status(rig, token).0 == 200) }
            let stranger = try await rig.token("eve", device: "laptop")
            #expect(try await status(rig, stranger).0 == 503)
        }
    }
}
