import NIOCore
import Testing
import Vocabulary
import Wire

@testable import PeerTransport

@Suite(.timeLimit(.minutes(1)))
struct HandshakeTests {
    @Test func anotherClusterIsRefused() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1, cluster: ClusterID(high: 8, low: 8))
            let answer = await rig.call(end, from: rig.transport(2))
            #expect(answer == .failure(.refused(.wrongCluster)))
        }
    }

    @Test func aNodeInNoClusterIsRefusedAsAnswerer() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1, cluster: .none)
            let answer = await rig.call(end, from: rig.transport(2))
            #expect(answer == .failure(.refused(.notInCluster)))
        }
    }

    @Test func theDiallingSideRefusesAnotherKey() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1, key: [UInt8](repeating: 9, count: 32))
            let answer = await rig.call(end, from: rig.transport(2))
            #expect(answer == .failure(.refused(.badProof)))
        }
    }

    private static let (oldest, current) = (PeerProtocol.oldest, PeerProtocol.current)

    /// Builds whose frames differ never get as far as to read them.
    @Test(arguments: [
        (oldest - 1...oldest - 1, false), (current + 1...current + 1, false), (oldest - 1...oldest, true),
        (oldest...current, true), (current...current + 1, true),
    ])
    func onlyWhoSpeaksACommonVersionIsAnswered(versions: ClosedRange<UInt16>, isAnswered: Bool) async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let hello = Hello(
                protocolOldest: versions.lowerBound, protocolCurrent: versions.upperBound,
                cluster: LinkRig.cluster, node: NodeID(high: 0, low: 2), bootEpoch: 1, bootNonce: 1,
                expected: nil, challenge: PeerHandshake.freshChallenge())
            let peer = try await RawPeer.dial(end.address, on: rig.loop)
            peer.write(.hello(hello))
            let answer = await peer.next()
            if case .helloAnswer = answer {
                #expect(isAnswered)
            } else {
                #expect(!isAnswered)
                #expect(answer == .refused(.version))
                #expect(await peer.next() == nil)
            }
        }
    }

    /// A dialling side that does not care for the answerer's proof still has to prove itself.
    @Test(arguments: [true, false])
    func theAnsweringSideRefusesAnotherKey(isKeyRight: Bool) async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let hello = Hello(
                cluster: LinkRig.cluster, node: NodeID(high: 0, low: 2), bootEpoch: 1, bootNonce: 1,
                expected: nil, challenge: PeerHandshake.freshChallenge())
            let peer = try await RawPeer.dial(end.address, on: rig.loop)
            peer.write(.hello(hello))
            guard case .helloAnswer(let answer) = await peer.next() else {
                Issue.record("no answer to the hello")
                return
            }
            let proof = PeerHandshake.proof(
                role: .dialling, key: isKeyRight ? LinkRig.key : [UInt8](repeating: 9, count: 32),
                hello: hello, answering: answer.node, cluster: answer.cluster,
                answerChallenge: answer.challenge)
            peer.write(.proof(proof))
            #expect(await peer.next() == (isKeyRight ? .accepted : .refused(.badProof)))
            if !isKeyRight { #expect(await peer.next() == nil) }
        }
    }

    @Test func theAnswerersOwnProofIsNoProof() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let peer = try await RawPeer.dial(end.address, on: rig.loop)
            peer.write(
                .hello(
                    Hello(
                        cluster: LinkRig.cluster, node: NodeID(high: 0, low: 2), bootEpoch: 1, bootNonce: 1,
                        expected: nil, challenge: PeerHandshake.freshChallenge())))
            guard case .helloAnswer(let answer) = await peer.next() else {
                Issue.record("no answer to the hello")
                return
            }
            peer.write(.proof(answer.proof))
            #expect(await peer.next() == .refused(.badProof))
        }
    }

    @Test func aStaleBootEpochIsRefused() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let newer = await rig.call(end, from: rig.transport(2, epoch: 5, nonce: 50))
            #expect(newer == .success(.refused("asked [1]")))
            let older = await rig.call(end, from: rig.transport(2, epoch: 4, nonce: 40))
            #expect(older == .failure(.refused(.staleBoot)))
            let cloned = await rig.call(end, from: rig.transport(2, epoch: 5, nonce: 51))
            #expect(cloned == .failure(.refused(.duplicateNode)))
            let restarted = await rig.call(end, from: rig.transport(2, epoch: 6, nonce: 60))
            #expect(restarted == .success(.refused("asked [1]")))
        }
    }

    /// Rule M4: a disk that was set back is known by its epoch, even when all nodes have restarted.
    @Test func aRolledBackNodeIsRefusedByAnAnswererThatHasRestarted() async throws {
        try await LinkRig.run { rig in
            let memory = FakeMemory()
            let before = try await rig.listener(1, memory: memory)
            #expect(
                await rig.call(before, from: rig.transport(2, epoch: 7, nonce: 70))
                    == .success(.refused("asked [1]")))
            #expect(memory.stamps == [NodeID(high: 0, low: 2): BootStamp(epoch: 7, nonce: 70)])
            let end = try await rig.listener(1, memory: memory)
            let refusals: [(UInt32, HandshakeRefusal)] = [(6, .staleBoot), (7, .duplicateNode)]
            for (epoch, refusal) in refusals {
                let rolledBack = await rig.call(end, from: rig.transport(2, epoch: epoch, nonce: 99))
                #expect(rolledBack == .failure(.refused(refusal)))
            }
            for (epoch, nonce) in [(7, 70), (8, 80)] as [(UInt32, UInt64)] {
                let honest = await rig.call(end, from: rig.transport(2, epoch: epoch, nonce: nonce))
                #expect(honest == .success(.refused("asked [1]")))
            }
        }
    }

    /// Persist before reply: nobody is let in whose start could be forgotten.
    @Test func nobodyIsLetInWhoCannotBeRemembered() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1, memory: FakeMemory(isBroken: true))
            let answer = await rig.call(end, from: rig.transport(2), timeout: .seconds(2))
            if case .success = answer { Issue.record("let in") }
        }
    }

    /// What it says before that could be forgotten, by a disk that counts on from there.
    @Test func aNodeSpeaksOnceItIsKeptThatItWasLetIn() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let memory = FakeMemory()
            #expect(
                await rig.call(end, from: rig.transport(2, memory: memory)) == .success(.refused("asked [1]"))
            )
            #expect(memory.wasLetIn)
            let newcomer = FakeMemory()
            _ = await rig.call(end, from: rig.transport(3, cluster: .none, memory: newcomer))
            #expect(!newcomer.wasLetIn)
            let forgetful = rig.transport(4, memory: FakeMemory(isBroken: true))
            let answer = await rig.call(end, from: forgetful, timeout: .seconds(2))
            if case .success = answer { Issue.record("it spoke") }
        }
    }

    @Test func aCopyIsRefusedWhileTheOriginalIsHeard() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let original = try await rig.listener(2)
            original.transport.connect(to: end.node, at: end.address)
            #expect(await original.reports.next() == .opened(end.node))
            let copy = await rig.call(end, from: rig.transport(2, epoch: 2, nonce: 2))
            #expect(copy == .failure(.refused(.duplicateNode)))
            let node = NodeID(high: 0, low: 2)
            #expect(end.transport.fencedStarts[node]?.bootEpoch == 2)
            #expect(end.transport.bootEpochs[node] == 1)
            // Once the original's links have closed the same call is a restart.
            original.transport.stop()
            while await rig.call(end, from: rig.transport(2, epoch: 2, nonce: 2))
                == .failure(.refused(.duplicateNode))
            {}
            #expect(end.transport.fencedStarts[node] == nil, "it was honest")
            #expect(end.transport.bootEpochs[node] == 2)
            let older = await rig.call(end, from: rig.transport(2, epoch: 1, nonce: 1))
            #expect(older == .failure(.refused(.staleBoot)))
            #expect(end.transport.fencedStarts[node]?.bootEpoch == 1)
        }
    }

    /// The way of a key rotation: every pair of neighbouring steps still understands each other.
    @Test func keysAreRotatedWithoutAGap() async throws {
        let old = [UInt8](repeating: 1, count: 32)
        let new = [UInt8](repeating: 2, count: 32)
        let steps = [[old], [old, new], [new, old], [new]]
        for (ours, theirs) in zip(steps, steps.dropFirst()) {
            for (answering, dialling) in [(ours, theirs), (theirs, ours)] {
                try await LinkRig.run { rig in
                    let end = try await rig.listener(1)
                    end.transport.setKeys(answering)
                    let peer = rig.transport(2)
                    peer.setKeys(dialling)
                    #expect(await rig.call(end, from: peer) == .success(.refused("asked [1]")))
                }
            }
        }
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            end.transport.setKeys([old])
            let peer = rig.transport(2)
            peer.setKeys([new])
            #expect(await rig.call(end, from: peer) == .failure(.refused(.badProof)))
        }
    }

    @Test func framesBeforeTheHelloCloseTheSocket() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let peer = try await RawPeer.dial(end.address, on: rig.loop)
            peer.write(numbered(1))
            #expect(await peer.next() == nil)
            #expect(end.reports.all.isEmpty)
        }
    }

    @Test func aLengthAboveTheLimitClosesTheSocket() async throws {
        try await LinkRig.run { rig in
            let end = try await rig.listener(1)
            let peer = try await RawPeer.dial(end.address, on: rig.loop)
            var writer = ByteWriter()
            writer.u32(UInt32(PeerProtocol.frameBytesMax + 1))
            peer.write(writer.bytes)
            try await peer.channel.closeFuture.get()
        }
    }
}
