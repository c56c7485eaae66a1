import Vocabulary

extension ByteWriter {
    package mutating func logPosition(_ value: LogPosition) {
        counter(value.index)
        counter(value.term)
    }

    package mutating func raftMessage(_ value: RaftMessage) {
        group(value.group)
        counter(value.from)
        counter(value.to)
        counter(value.term)
        switch value.body {
        case .preVote(let last):
            u8(0)
            logPosition(last)
        case .preVoteResponse(let isGranted):
            u8(1)
            bool(isGranted)
        case .vote(let last, let isTransfer):
            u8(2)
            logPosition(last)
            bool(isTransfer)
        case .voteResponse(let isGranted):
            u8(3)
            bool(isGranted)
        case .append(let previous, let entries, let commit):
            u8(4)
            logPosition(previous)
            list(entries) { $0.logEntry($1) }
            counter(commit)
        case .appendResponse(.matched(let index)):
            u8(5)
            counter(index)
        case .appendResponse(.rejected(let previous, let hint)):
            u8(6)
            counter(previous)
            logPosition(hint)
        case .timeoutNow: u8(7)
        }
    }

    package mutating func pairHeartbeat(_ value: PairHeartbeat) {
        varint(value.round)
        varint(value.walAgeMilliseconds)
        bool(value.isDiskLow)
        list(value.entries) { writer, entry in
            writer.group(entry.group)
            writer.counter(entry.from)
            writer.counter(entry.to)
            writer.counter(entry.term)
            writer.counter(entry.commit)
            writer.counter(entry.reportThrough)
            writer.optional(entry.verdict) { writer, verdict in
                writer.stateMark(verdict.mark)
                writer.bool(verdict.isByMajority)
            }
        }
    }

    package mutating func pairHeartbeatAck(_ value: PairHeartbeatAck) {
        varint(value.round)
        list(value.rejects) { writer, reject in
            writer.group(reject.group)
            writer.counter(reject.from)
            writer.counter(reject.to)
            writer.counter(reject.term)
        }
        list(value.reports) { writer, report in
            writer.group(report.group)
            writer.counter(report.to)
            writer.stateMark(report.mark)
        }
    }

    private mutating func stateMark(_ value: StateMark) {
        counter(value.index)
        u64(value.digest.raw)
    }
}

extension ByteReader {
    package mutating func logPosition() throws(DecodingFailure) -> LogPosition {
        LogPosition(index: try counter(), term: try counter())
    }

    package mutating func raftMessage() throws(DecodingFailure) -> RaftMessage {
        RaftMessage(
            group: try group(), from: try counter(), to: try counter(), term: try counter(),
            body: try raftMessageBody())
    }

    private mutating func raftMessageBody() throws(DecodingFailure) -> RaftMessage.Body {
        switch try u8() {
        case 0: return .preVote(last: try logPosition())
        case 1: return .preVoteResponse(isGranted: try bool())
        case 2: return .vote(last: try logPosition(), isTransfer: try bool())
        case 3: return .voteResponse(isGranted: try bool())
        case 4:
            return .append(
                previous: try logPosition(),
                entries: try list { reader throws(DecodingFailure) in try reader.logEntry() },
                commit: try counter())
        case 5: return .appendResponse(.matched(try counter()))
        case 6: return .appendResponse(.rejected(previous: try counter(), hint: try logPosition()))
        case 7: return .timeoutNow
        case let tag: throw .unknown(field: "raft message", value: UInt64(tag))
        }
    }

    package mutating func pairHeartbeat() throws(DecodingFailure) -> PairHeartbeat {
        PairHeartbeat(
            round: try varint(), walAgeMilliseconds: try varint(), isDiskLow: try bool(),
            entries: try list { reader throws(DecodingFailure) in
                PairHeartbeat.Entry(
                    group: try reader.group(), from: try reader.counter(), to: try reader.counter(),
                    term: try reader.counter(), commit: try reader.counter(),
                    reportThrough: try reader.counter(),
                    verdict: try reader.optional { reader throws(DecodingFailure) in
                        StateVerdict(mark: try reader.stateMark(), isByMajority: try reader.bool())
                    })
            })
    }

    package mutating func pairHeartbeatAck() throws(DecodingFailure) -> PairHeartbeatAck {
        PairHeartbeatAck(
            round: try varint(),
            rejects: try list { reader throws(DecodingFailure) in
                PairHeartbeatAck.Reject(
                    group: try reader.group(), from: try reader.counter(), to: try reader.counter(),
                    term: try reader.counter())
            },
            reports: try list { reader throws(DecodingFailure) in
                PairHeartbeatAck.Report(
                    group: try reader.group(), to: try reader.counter(), mark: try reader.stateMark())
            })
    }

    private mutating func stateMark() throws(DecodingFailure) -> StateMark {
        StateMark(index: try counter(), digest: StateDigest(try u64()))
    }
}
