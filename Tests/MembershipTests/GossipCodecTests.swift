import GoldenKit
import Sealing
import Testing
import Vocabulary
import Wire

@Suite struct GossipCodecTests {
    static let record = MemberRecord(
        node: NodeID(high: 1, low: 2), name: "n\u{e9}", number: 3, status: .suspect,
        incarnation: Incarnation(Incarnation(bootEpoch: 5).raw + 1),
        addresses: MemberAddresses(client: "c:1", peer: "p:2", admin: "a:3"), version: "1.2.3", zone: "eu")
    static let bodies: [GossipBody] = [
        .ping(sequence: 1, target: nil), .ping(sequence: .max, target: NodeID(high: 9, low: 8)),
        .ack(sequence: 2, subject: NodeID(high: 4, low: 4)),
        .pingRequest(sequence: 3, target: NodeID(high: 5, low: 5), address: "[::1]:8411"), .nack(sequence: 4),
        .gossip,
    ]

    @Test("datagrams read back what was written")
    func roundTrip() throws {
        for body in Self.bodies {
            let datagram = GossipDatagram(
                sender: NodeID(high: 7, low: 7), body: body,
                updates: [
                    GossipUpdate(record: Self.record),
                    GossipUpdate(record: Self.record, accuser: Self.record.node),
                ])
            #expect(try GossipDatagram(decoding: datagram.encoded()) == datagram)
        }
        let exchanges: [GossipExchange] = [
            .fullSync(sender: Self.record.node, members: [Self.record, Self.record]),
            .ping(sender: Self.record.node, target: NodeID(high: 0, low: 0)), .alive(subject: Self.record),
        ]
        for exchange in exchanges { #expect(try GossipExchange(decoding: exchange.encoded()) == exchange) }
    }

    @Test("the bytes of a ping with an update never change")
    func golden() {
        let ping = GossipDatagram(
            sender: NodeID(high: 0x0102_0304_0506_0708, low: 9),
            body: .ping(sequence: 0x0A0B_0C0D, target: nil),
            updates: [GossipUpdate(record: Self.record)])
        let expected: [UInt8] = [
            1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 0, 9,  // sender
            1, 0x0D, 0x0C, 0x0B, 0x0A, 0,  // ping, sequence, no target
            1,  // one update
            0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2,  // node
            3, 0x6E, 0xC3, 0xA9, 3, 1,  // name, number, suspect
            0x81, 0x80, 0x80, 0x80, 0x50,  // incarnation 5 << 32 | 1
            3, 0x63, 0x3A, 0x31, 3, 0x70, 0x3A, 0x32, 3, 0x61, 0x3A, 0x33,  // addresses
            5, 0x31, 0x2E, 0x32, 0x2E, 0x33, 2, 0x65, 0x75,  // version, zone
            0,  // no accuser
        ]
        #expect(ping.encoded() == expected)
    }

    @Test("the bytes of every kind of datagram and exchange never change")
    func goldenKinds() {
        let node = Self.record.node
        let datagrams = Self.bodies.map { body in
            GossipDatagram(
                sender: node, body: body, updates: [GossipUpdate(record: Self.record, accuser: node)]
            ).encoded()
        }
        let exchanges: [GossipExchange] = [
            .fullSync(sender: node, members: [Self.record]), .ping(sender: node, target: node),
            .alive(subject: Self.record),
        ]
        #expect(
            GoldenFile("gossip", of: "gossip", Int(GossipSealer.version)).differences(
                "gossip", datagrams + exchanges.map { $0.encoded() }) == [])
    }

    @Test("the room for a seal is the seal's overhead")
    func overhead() {
        #expect(
            GossipDatagram.byteCountMax + GossipSealer.overheadByteCount == GossipDatagram.sealedByteCountMax)
    }

    @Test("no bytes crash the readers, and what they accept is written back the same")
    func fuzz() throws {
        var chance = SeededGenerator(seed: 1)
        let valid = GossipDatagram(
            sender: Self.record.node, body: Self.bodies[3], updates: [GossipUpdate(record: Self.record)]
        ).encoded()
        var accepted = 0
        for round in 0..<20_000 {
            var bytes: [UInt8]
            if round % 2 == 0 {
                bytes = (0..<Int.random(in: 0..<200, using: &chance)).map { _ in
                    .random(in: .min ... .max, using: &chance)
                }
            } else {
                bytes = Array(valid.prefix(Int.random(in: valid.count - 3...valid.count, using: &chance)))
                bytes[Int.random(in: 0..<bytes.count, using: &chance)] = .random(
                    in: .min ... .max, using: &chance)
            }
            _ = try? GossipExchange(decoding: bytes)
            guard let datagram = try? GossipDatagram(decoding: bytes) else { continue }
            accepted += 1
            #expect(try GossipDatagram(decoding: datagram.encoded()) == datagram)
        }
        #expect(accepted > 100)
    }

    @Test("texts over their bounds, left-over bytes and oversized datagrams are refused")
    func bounds() {
        var record = Self.record
        record.name = String(repeating: "x", count: 65)
        #expect(!record.isWithinBounds)
        let long = GossipDatagram(sender: record.node, body: .gossip, updates: [GossipUpdate(record: record)])
        #expect(throws: DecodingFailure.lengthOutOfRange) { try GossipDatagram(decoding: long.encoded()) }
        let plain = GossipDatagram(sender: record.node, body: .gossip).encoded()
        #expect(throws: DecodingFailure.trailingBytes) { try GossipDatagram(decoding: plain + [0]) }
        #expect(throws: DecodingFailure.lengthOutOfRange) {
            try GossipDatagram(decoding: plain + [UInt8](repeating: 0, count: 1_400))
        }
    }
}
