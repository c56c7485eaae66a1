import NIOCore
import Testing
import Vocabulary
import Wire

@testable import PeerTransport

@Suite(.timeLimit(.minutes(1)))
struct PeerCallTests {
    @Test func aQuestionGetsItsAnswer() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let answer = await rig.call(end, from: rig.transport(2), .metadata([4, 2]))
            #expect(answer == .success(.refused("asked [4, 2]")))
        }
    }

    @Test func aNodeInNoClusterMayAskToJoinButNotGossip() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let stranger = rig.transport(2, cluster: .none)
            let join = ControlRequest.join(JoinRequest(node: stranger.identity.node, name: "n", zone: "z"))
            #expect(await rig.call(end, from: stranger, join) == .success(.committed))
            let gossip = await rig.call(end, from: stranger, .fullSync([]), timeout: .seconds(3))
            #expect(gossip == .failure(.timedOut(proven: LinkRig.cluster)))
        }
    }

    @Test func aClosedPortIsUnreachable() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            end.transport.stop()
            let socket = try? await RawPeer.dial(end.address, on: rig.loop)
            #expect(socket == nil)
            guard case .failure(.unreachable) = await rig.call(end, from: rig.transport(2)) else {
                Issue.record("a closed port answered")
                return
            }
        }
    }

    @Test func aSilentHostProvesNothing() async throws {
        try await LinkRig.run { rig in
            let server = try await rig.silentServer()
            let answer = await rig.call(server.address, from: rig.transport(2), timeout: .seconds(3))
            #expect(answer == .failure(.timedOut(proven: nil)))
        }
    }

    @Test func aHostThatHangsUpProvesNothing() async throws {
        try await LinkRig.run { rig in
            let server = try await rig.silentServer()
            server.accepted.whenSuccess { $0.close(promise: nil) }
            let answer = await rig.call(server.address, from: rig.transport(2))
            #expect(answer == .failure(.closed(proven: nil)))
        }
    }
}
