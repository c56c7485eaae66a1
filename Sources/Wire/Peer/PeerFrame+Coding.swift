import Vocabulary

extension PeerFrame {
    /// A frame on the wire: u32 length of what follows (little-endian), a kind byte, the body.
    package func encode(into writer: inout ByteWriter) {
        writer.lengthPrefixed { encodeBody(into: &$0) }
    }

    private func encodeBody(into body: inout ByteWriter) {
        switch self {
        case .hello, .helloAnswer, .proof, .accepted, .refused, .keepAlive: encodeHandshake(into: &body)
        case .raft(let messages):
            body.u8(10)
            body.list(messages) { $0.raftMessage($1) }
        case .heartbeat(let heartbeat):
            body.u8(11)
            body.pairHeartbeat(heartbeat)
        case .heartbeatAck(let ack):
            body.u8(12)
            body.pairHeartbeatAck(ack)
        case .leading(let groups):
            body.u8(13)
            body.list(groups) { writer, led in
                writer.varint(UInt64(led.group.raw))
                writer.counter(led.term)
            }
        case .snapshot(let frame):
            body.u8(14)
            body.snapshotFrame(frame)
        case .request(let id, let place, let partition, let operation):
            body.u8(20)
            body.varint(id)
            body.varint(place.stream)
            body.varint(place.position)
            body.varint(UInt64(partition.raw))
            body.operation(operation)
        case .response(let id, let answer):
            body.u8(21)
            body.varint(id)
            body.peerAnswer(answer)
        case .control(let id, let request):
            body.u8(22)
            body.varint(id)
            body.controlRequest(request)
        case .controlAnswer(let id, let answer):
            body.u8(23)
            body.varint(id)
            body.controlAnswer(answer)
        case .fanout(let items):
            body.u8(30)
            body.fanoutItems(items)
        case .fanoutAcks(let acks):
            body.u8(31)
            body.list(acks) { $0.fanoutAck($1) }
        case .push(let pushes):
            body.u8(32)
            body.list(pushes) { $0.sessionPush($1) }
        case .memberQueries(let queries):
            body.u8(60)
            body.list(queries) { $0.memberQuery($1) }
        case .memberSnapshots(let snapshots):
            body.u8(61)
            body.list(snapshots) { $0.memberSnapshot($1) }
        case .typing(let items):
            body.u8(80)
            body.list(items) { $1.write(into: &$0) }
        }
    }

    private func encodeHandshake(into body: inout ByteWriter) {
        switch self {
        case .hello(let hello):
            body.u8(1)
            body.varint(UInt64(hello.protocolOldest))
            body.varint(UInt64(hello.protocolCurrent))
            body.identity(hello.cluster)
            body.identity(hello.node)
            body.varint(UInt64(hello.bootEpoch))
            body.u64(hello.bootNonce)
            body.optional(hello.expected) { $0.identity($1) }
            body.blob(hello.challenge)
        case .helloAnswer(let answer):
            body.u8(2)
            body.identity(answer.cluster)
            body.identity(answer.node)
            body.blob(answer.proof)
            body.blob(answer.challenge)
        case .proof(let proof):
            body.u8(3)
            body.blob(proof)
        case .accepted: body.u8(4)
        case .refused(let refusal):
            body.u8(5)
            body.u8(refusal.rawValue)
        default: body.u8(6)
        }
    }

    /// Decodes one frame's body (kind byte and fields, without the length).
    package init(body: ArraySlice<UInt8>) throws(DecodingFailure) {
        var reader = ByteReader(body)
        self = try reader.peerFrame()
        try reader.finish()
    }
}

extension ByteReader {
    fileprivate mutating func peerFrame() throws(DecodingFailure) -> PeerFrame {
        let kind = try u8()
        switch kind {
        case 1...6: return try handshakeFrame(kind)
        case 10: return .raft(try list { r throws(DecodingFailure) in try r.raftMessage() })
        case 11: return .heartbeat(try pairHeartbeat())
        case 12: return .heartbeatAck(try pairHeartbeatAck())
        case 13:
            return .leading(
                try list { r throws(DecodingFailure) in
                    LedGroup(group: GroupID(try r.varint32()), term: try r.counter())
                })
        case 14: return .snapshot(try snapshotFrame())
        case 20:
            return .request(
                id: try varint(), place: StreamPlace(stream: try varint(), position: try varint()),
                partition: PartitionID(try varint32()), try operation())
        case 21: return .response(id: try varint(), try peerAnswer())
        case 22: return .control(id: try varint(), try controlRequest())
        case 23: return .controlAnswer(id: try varint(), try controlAnswer())
        case 30: return .fanout(try fanoutItems())
        case 31: return .fanoutAcks(try list { r throws(DecodingFailure) in try r.fanoutAck() })
        case 32: return .push(try list { r throws(DecodingFailure) in try r.sessionPush() })
        case 60: return .memberQueries(try list { r throws(DecodingFailure) in try r.memberQuery() })
        case 61: return .memberSnapshots(try list { r throws(DecodingFailure) in try r.memberSnapshot() })
        case 80: return .typing(try list { r throws(DecodingFailure) in try TypingItem(from: &r) })
        default: throw .unknown(field: "peer frame", value: UInt64(kind))
        }
    }

    private mutating func handshakeFrame(_ kind: UInt8) throws(DecodingFailure) -> PeerFrame {
        switch kind {
        case 1:
            guard let oldest = UInt16(exactly: try varint()), let current = UInt16(exactly: try varint())
            else {
                throw .varintOverflow
            }
            return .hello(
                Hello(
                    protocolOldest: oldest, protocolCurrent: current, cluster: try identity(),
                    node: try identity(), bootEpoch: try varint32(), bootNonce: try u64(),
                    expected: try optional { r throws(DecodingFailure) in try r.identity(NodeID.self) },
                    challenge: try blob(max: 64)))
        case 2:
            return .helloAnswer(
                HelloAnswer(
                    cluster: try identity(), node: try identity(), proof: try blob(max: 64),
                    challenge: try blob(max: 64)))
        case 3: return .proof(try blob(max: 64))
        case 4: return .accepted
        case 5:
            let code = try u8()
            guard let refusal = HandshakeRefusal(rawValue: code) else {
                throw .unknown(field: "handshake refusal", value: UInt64(code))
            }
            return .refused(refusal)
        default: return .keepAlive
        }
    }
}
