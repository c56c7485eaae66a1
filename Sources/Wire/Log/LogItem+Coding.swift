import Vocabulary

// One log item: a tag, the group, then the case's fields. The tags are written to disks: never reuse one.

extension ByteWriter {
    package mutating func logItem(_ value: LogItem) {
        switch value {
        case .replicaCreated(let group, let replica, let first):
            head(1, group, replica)
            configuration(first)
        case .entries(let group, let replica, let entries):
            head(2, group, replica)
            list(entries) { $0.logEntry($1) }
        case .hardState(let group, let replica, let state):
            head(3, group, replica)
            hardState(state)
        case .truncatedSuffix(let group, let replica, let from):
            head(4, group, replica)
            counter(from)
        case .compacted(let group, let replica, let point):
            head(5, group, replica)
            snapshotPoint(point)
        case .snapshotApplied(let group, let replica, let generation, let point):
            head(6, group, replica)
            varint(UInt64(generation))
            snapshotPoint(point)
        case .replicaBuried(let group, let replica):
            head(7, group, replica)
        case .restated(let replica):
            head(8, replica.group, replica.replica)
            hardState(replica.hardState)
            varint(UInt64(replica.generation))
            snapshotPoint(replica.point)
            list(replica.entries) { $0.logEntry($1) }
        }
    }

    private mutating func head(_ tag: UInt8, _ group: GroupID, _ replica: ReplicaID) {
        u8(tag)
        varint(UInt64(group.raw))
        counter(replica)
    }
}

extension ByteReader {
    package mutating func logItem() throws(DecodingFailure) -> LogItem {
        let tag = try u8()
        let group = GroupID(try varint32())
        let replica = try counter(ReplicaID.self)
        switch tag {
        case 1:
            return .replicaCreated(group: group, replica: replica, configuration: try configuration())
        case 2:
            return .entries(group: group, replica: replica, try logEntries())
        case 3:
            return .hardState(group: group, replica: replica, try hardState())
        case 4:
            return .truncatedSuffix(group: group, replica: replica, from: try counter())
        case 5:
            return .compacted(group: group, replica: replica, point: try snapshotPoint())
        case 6:
            return .snapshotApplied(
                group: group, replica: replica, generation: try varint32(), point: try snapshotPoint())
        case 7:
            return .replicaBuried(group: group, replica: replica)
        case 8:
            let state = try hardState()
            let generation = try varint32()
            let point = try snapshotPoint()
            return .restated(
                RecoveredReplica(
                    group: group, replica: replica, hardState: state, generation: generation, point: point,
                    entries: try logEntries()))
        default:
            throw .unknown(field: "log item", value: UInt64(tag))
        }
    }

    private mutating func logEntries() throws(DecodingFailure) -> [LogEntry] {
        try list { reader throws(DecodingFailure) in try reader.logEntry() }
    }
}
