import Vocabulary

extension ByteWriter {
    package mutating func group(_ value: GroupID) { varint(UInt64(value.raw)) }

    package mutating func replica(_ value: Replica) {
        identity(value.node)
        counter(value.id)
    }

    package mutating func configuration(_ value: Configuration) {
        list(value.voters) { $0.replica($1) }
        list(value.outgoing) { $0.replica($1) }
        list(value.learners) { $0.replica($1) }
    }

    package mutating func entryPayload(_ value: EntryPayload) {
        switch value {
        case .empty: u8(0)
        case .configuration(let configuration):
            u8(1)
            self.configuration(configuration)
        case .command(let bytes):
            u8(2)
            blob(bytes)
        }
    }

    package mutating func logEntry(_ value: LogEntry) {
        counter(value.index)
        counter(value.term)
        entryPayload(value.payload)
    }

    package mutating func hardState(_ value: HardState) {
        counter(value.term)
        counter(value.vote)
    }

    package mutating func snapshotPoint(_ value: SnapshotPoint) {
        counter(value.index)
        counter(value.term)
        configuration(value.configuration)
    }
}

extension ByteReader {
    package mutating func group() throws(DecodingFailure) -> GroupID { GroupID(try varint32()) }

    package mutating func replica() throws(DecodingFailure) -> Replica {
        Replica(node: try identity(), id: try counter())
    }

    package mutating func configuration() throws(DecodingFailure) -> Configuration {
        Configuration(
            voters: try list { r throws(DecodingFailure) in try r.replica() },
            outgoing: try list { r throws(DecodingFailure) in try r.replica() },
            learners: try list { r throws(DecodingFailure) in try r.replica() })
    }

    package mutating func entryPayload() throws(DecodingFailure) -> EntryPayload {
        switch try u8() {
        case 0: return .empty
        case 1: return .configuration(try configuration())
        case 2: return .command(try blob())
        case let tag: throw .unknown(field: "entry payload", value: UInt64(tag))
        }
    }

    package mutating func logEntry() throws(DecodingFailure) -> LogEntry {
        LogEntry(index: try counter(), term: try counter(), payload: try entryPayload())
    }

    package mutating func hardState() throws(DecodingFailure) -> HardState {
        HardState(term: try counter(), vote: try counter())
    }

    package mutating func snapshotPoint() throws(DecodingFailure) -> SnapshotPoint {
        SnapshotPoint(index: try counter(), term: try counter(), configuration: try configuration())
    }
}
