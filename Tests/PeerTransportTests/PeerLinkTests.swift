import NIOCore
import Testing
import Vocabulary
import Wire

@testable import PeerTransport

@Suite(.timeLimit(.minutes(1)))
struct PeerLinkTests {
    @Test func framesArriveInOrder() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1)
            let b = try await rig.listener(2)
            a.transport.connect(to: b.node, at: b.address)
            #expect(await a.reports.next() == .opened(b.node))
            #expect(a.transport.isOpen(to: b.node))
            for number in 0..<200 as Range<UInt64> {
                a.transport.send([numbered(2 * number), numbered(2 * number + 1)], to: b.node)
            }
            let expected = (0..<400).map { LinkReport.frame(numbered($0), from: a.node) }
            #expect(await b.reports.next(400) == expected)
        }
    }

    @Test func framesBeforeTheLinkIsOpenAreDropped() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1)
            let b = try await rig.listener(2)
            // On the loop, so that the link cannot open in between.
            try await rig.loop.submit {
                a.transport.connect(to: b.node, at: b.address)
                a.transport.send(numbered(1), to: b.node)
            }.get()
            #expect(await a.reports.next() == .opened(b.node))
            a.transport.send(numbered(2), to: b.node)
            #expect(await b.reports.next() == .frame(numbered(2), from: a.node))
        }
    }

    @Test func aFullOutboxClosesTheLink() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1, outboxBytesMax: 256)
            let b = try await rig.listener(2)
            a.transport.connect(to: b.node, at: b.address)
            #expect(await a.reports.next() == .opened(b.node))
            a.transport.send((0..<1_000).map { numbered($0) }, to: b.node)
            a.transport.send(numbered(5_000), to: b.node)
            #expect(await a.reports.next(2) == [.closed(b.node), .opened(b.node)])
            a.transport.send(numbered(9_000), to: b.node)
            // Nothing after the loss came through on the link that lost.
            #expect(await b.reports.next() == .frame(numbered(9_000), from: a.node))
        }
    }

    @Test func aFrameAboveTheLimitClosesTheLink() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1, outboxBytesMax: 64 << 20)
            let b = try await rig.listener(2)
            a.transport.connect(to: b.node, at: b.address)
            #expect(await a.reports.next() == .opened(b.node))
            let large = [UInt8](repeating: 0, count: PeerProtocol.frameBytesMax)
            a.transport.send([.control(id: 1, .metadata(large)), numbered(1)], to: b.node)
            #expect(await a.reports.next(2) == [.closed(b.node), .opened(b.node)])
            a.transport.send(numbered(2), to: b.node)
            #expect(await b.reports.next() == .frame(numbered(2), from: a.node))
        }
    }

    @Test func stoppingClosesAHandshakeThatIsUnderWay() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1)
            let server = try await rig.silentServer()
            a.transport.connect(to: NodeID(high: 0, low: 2), at: server.address)
            let socket = try await server.accepted.get()
            a.transport.stop()
            try await socket.closeFuture.get()
            #expect(a.reports.all.isEmpty)
        }
    }

    @Test func aMovedAddressIsDialledAndTheOldHandshakeClosed() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1)
            let b = try await rig.listener(2)
            let server = try await rig.silentServer()
            a.transport.connect(to: b.node, at: server.address)
            let socket = try await server.accepted.get()
            a.transport.connect(to: b.node, at: b.address)
            try await socket.closeFuture.get()
            #expect(await a.reports.next() == .opened(b.node))
        }
    }

    /// Nothing ends such a link by itself: the other side's machine is gone, or the way to it.
    @Test func ruleL5_aLinkThatIsSilentForASecondIsClosedAndDialledAgain() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1)
            let node = NodeID(high: 0, low: 2)
            let address = try await rig.server { MuteAnswerer(node: node) }
            a.transport.connect(to: node, at: address)
            #expect(await a.reports.next(3) == [.opened(node), .closed(node), .opened(node)])
        }
    }

    @Test func aPeerThatGoesAwayClosesTheLinkAndItsPort() async throws {
        try await LinkRig.run { rig in
            let a = try await rig.listener(1)
            let b = try await rig.listener(2)
            a.transport.connect(to: b.node, at: b.address)
            #expect(await a.reports.next() == .opened(b.node))
            b.transport.stop()
            #expect(await a.reports.next() == .closed(b.node))
            #expect(!a.transport.isOpen(to: b.node))
            #expect(await a.reports.nextClosedPort() == b.node)
        }
    }
}
