import Vocabulary

extension ByteWriter {
    mutating func peerAnswer(_ value: PeerAnswer) {
        switch value {
        case .result(let result):
            u8(0)
            operationResult(result)
        case .notLeader(let hint):
            u8(1)
            optional(hint) { $0.identity($1) }
        case .interrupted(let hint):
            u8(2)
            optional(hint) { $0.identity($1) }
        }
    }

    mutating func snapshotFrame(_ value: SnapshotFrame) {
        switch value {
        case .begin(let transfer, let group, let from, let to, let term, let point):
            u8(0)
            varint(transfer)
            varint(UInt64(group.raw))
            counter(from)
            counter(to)
            counter(term)
            snapshotPoint(point)
        case .chunk(let transfer, let number, let pairs):
            u8(1)
            varint(transfer)
            varint(UInt64(number))
            list(pairs) { writer, pair in
                writer.blob(pair.key)
                writer.blob(pair.value)
            }
        case .end(let transfer, let chunks, let digest):
            u8(2)
            varint(transfer)
            varint(UInt64(chunks))
            u64(digest.raw)
        case .progress(let transfer, let received):
            u8(3)
            varint(transfer)
            varint(UInt64(received))
        case .finished(let transfer, let installed):
            u8(4)
            varint(transfer)
            bool(installed)
        }
    }

    mutating func controlRequest(_ value: ControlRequest) {
        switch value {
        case .fullSync(let bytes):
            u8(0)
            blob(bytes)
        case .join(let request):
            u8(1)
            identity(request.node)
            text(request.name)
            text(request.zone)
            varint(UInt64(request.weight))
            varint(UInt64(request.featureMax))
        case .metadata(let command):
            u8(2)
            blob(command)
        case .transfer(let partition, let node):
            u8(150)
            varint(UInt64(partition.raw))
            optional(node) { $0.identity($1) }
        }
    }

    mutating func controlAnswer(_ value: ControlAnswer) {
        switch value {
        case .fullSync(let bytes):
            u8(0)
            blob(bytes)
        case .joined(let answer):
            u8(1)
            identity(answer.cluster)
            varint(UInt64(answer.number))
            counter(answer.metadataReplica)
        case .committed: u8(2)
        case .notLeader(let hint):
            u8(3)
            optional(hint) { $0.identity($1) }
        case .refused(let reason):
            u8(4)
            text(reason)
        }
    }
}

extension ByteReader {
    mutating func peerAnswer() throws(DecodingFailure) -> PeerAnswer {
        switch try u8() {
        case 0: return .result(try operationResult())
        case 1: return .notLeader(hint: try hint())
        case 2: return .interrupted(hint: try hint())
        case let tag: throw .unknown(field: "peer answer", value: UInt64(tag))
        }
    }

    private mutating func hint() throws(DecodingFailure) -> NodeID? {
        try optional { r throws(DecodingFailure) in try r.identity(NodeID.self) }
    }

    mutating func snapshotFrame() throws(DecodingFailure) -> SnapshotFrame {
        switch try u8() {
        case 0:
            return .begin(
                transfer: try varint(), group: GroupID(try varint32()), from: try counter(),
                to: try counter(),
                term: try counter(), point: try snapshotPoint())
        case 1:
            return .chunk(
                transfer: try varint(), number: try varint32(),
                pairs: try list { r throws(DecodingFailure) in
                    StatePair(key: try r.blob(), value: try r.blob())
                })
        case 2:
            return .end(
                transfer: try varint(), chunks: try varint32(), digest: StateDigest(try u64()))
        case 3: return .progress(transfer: try varint(), received: try varint32())
        case 4: return .finished(transfer: try varint(), installed: try bool())
        case let tag: throw .unknown(field: "snapshot frame", value: UInt64(tag))
        }
    }

    mutating func controlRequest() throws(DecodingFailure) -> ControlRequest {
        switch try u8() {
        case 0: return .fullSync(try blob())
        case 1:
            return .join(
                JoinRequest(
                    node: try identity(), name: try text(max: 256), zone: try text(max: 256),
                    weight: try varint32(), featureMax: try varint32()))
        case 2: return .metadata(try blob())
        case 150: return .transfer(PartitionID(try varint32()), to: try hint())
        case let tag: throw .unknown(field: "control request", value: UInt64(tag))
        }
    }

    mutating func controlAnswer() throws(DecodingFailure) -> ControlAnswer {
        switch try u8() {
        case 0: return .fullSync(try blob())
        case 1:
            return .joined(
                JoinAnswer(cluster: try identity(), number: try varint32(), metadataReplica: try counter()))
        case 2: return .committed
        case 3:
            return .notLeader(hint: try hint())
        case 4: return .refused(try text())
        case let tag: throw .unknown(field: "control answer", value: UInt64(tag))
        }
    }
}
