import Testing
import Vocabulary
import Wire

/// Codecs of everything that replicas say to each other.
struct RaftCodingTests {
    private static let replica = RaftTestCluster.replica

    private static let entries = [
        LogEntry(index: LogIndex(1), term: Term(1), payload: .empty),
        LogEntry(index: LogIndex(2), term: Term(1), payload: .command([1, 2, 3])),
        LogEntry(
            index: LogIndex(3), term: Term(2),
            payload: .configuration(
                Configuration(
                    voters: [replica(1), replica(2)], outgoing: [replica(3)], learners: [replica(4)]))),
    ]

    private static let bodies: [RaftMessage.Body] = [
        .preVote(last: LogPosition(index: LogIndex(300), term: Term(4))),
        .preVoteResponse(isGranted: true),
        .vote(last: .start, isTransfer: true),
        .voteResponse(isGranted: false),
        .append(
            previous: LogPosition(index: LogIndex(9), term: Term(8)), entries: entries, commit: LogIndex(7)),
        .appendResponse(.matched(LogIndex(1 << 40))),
        .appendResponse(
            .rejected(previous: LogIndex(5), hint: LogPosition(index: LogIndex(4), term: Term(3)))),
        .timeoutNow,
    ]

    private static var messages: [RaftMessage] {
        bodies.map {
            RaftMessage(group: GroupID(3), from: ReplicaID(1), to: ReplicaID(2), term: Term(5), body: $0)
        }
    }

    @Test func everyMessageSurvivesTheWire() throws {
        for message in Self.messages {
            var writer = ByteWriter()
            writer.raftMessage(message)
            var reader = ByteReader(writer.bytes)
            #expect(try reader.raftMessage() == message)
            try reader.finish()
        }
    }

    @Test func heartbeatsSurviveTheWire() throws {
        let mark = StateMark(index: LogIndex(512), digest: StateDigest(77))
        let beat = PairHeartbeat(
            round: 1_000, walAgeMilliseconds: 3,
            entries: [
                .init(
                    group: GroupID(1), from: ReplicaID(2), to: ReplicaID(3), term: Term(4),
                    commit: LogIndex(5)),
                .init(
                    group: GroupID(6), from: ReplicaID(2), to: ReplicaID(3), term: Term(4),
                    commit: LogIndex(5), reportThrough: LogIndex(512),
                    verdict: StateVerdict(mark: mark, isByMajority: true)),
            ])
        let ack = PairHeartbeatAck(
            round: 1_000,
            rejects: [.init(group: GroupID(1), from: ReplicaID(2), to: ReplicaID(3), term: Term(9))],
            reports: [.init(group: GroupID(6), to: ReplicaID(3), mark: mark)])
        var writer = ByteWriter()
        writer.pairHeartbeat(beat)
        writer.pairHeartbeatAck(ack)
        var reader = ByteReader(writer.bytes)
        #expect(try reader.pairHeartbeat() == beat)
        #expect(try reader.pairHeartbeatAck() == ack)
        try reader.finish()
    }

    @Test func bytesThatEndEarlyAreRefused() {
        for message in Self.messages {
            var writer = ByteWriter()
            writer.raftMessage(message)
            for count in 0..<writer.count {
                var reader = ByteReader(writer.bytes[..<count])
                #expect(throws: DecodingFailure.self) { _ = try reader.raftMessage() }
            }
        }
    }

    @Test func anyBytesAreReadOrRefused() {
        var generator = SeededGenerator(seed: 11)
        var refused = 0
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &generator)).map { _ in
                UInt8.random(in: 0...255, using: &generator)
            }
            var reader = ByteReader(bytes)
            do { _ = try reader.raftMessage() } catch { refused += 1 }
        }
        #expect(refused > 0)
    }
}
