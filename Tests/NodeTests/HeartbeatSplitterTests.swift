import Testing
import Vocabulary
import Wire

@testable import Node

@Suite
struct HeartbeatSplitterTests {
    private let peer = NodeID(high: 0, low: 1)
    private let other = NodeID(high: 0, low: 2)

    private func heartbeat(_ round: UInt64, shard: Int = 0, groups: [UInt32]) -> PairHeartbeat {
        PairHeartbeat(
            round: HeartbeatRound.tag(round, shard: shard), walAgeMilliseconds: 0,
            entries: groups.map {
                PairHeartbeat.Entry(
                    group: GroupID($0), from: ReplicaID(1), to: ReplicaID(2), term: Term(1),
                    commit: LogIndex(1))
            })
    }

    private func ack(_ heartbeat: PairHeartbeat, rejecting group: UInt32? = nil) -> PairHeartbeatAck {
        PairHeartbeatAck(
            round: heartbeat.round,
            rejects: group.map {
                [.init(group: GroupID($0), from: ReplicaID(1), to: ReplicaID(2), term: Term(2))]
            } ?? [])
    }

    @Test func everyGroupReachesItsShardOnce() {
        let parts = HeartbeatSplitter().split(
            heartbeat(1, shard: 5, groups: [1, 2, 3, 4, 5]), from: peer, shards: 3)
        #expect(parts.map { $0.0 } == [0, 1, 2])
        #expect(parts.map { $0.1.entries.map(\.group.raw) } == [[3], [1, 4], [2, 5]])
    }

    @Test(arguments: [1, 2, 3, 8])
    func aRoundIsConfirmedByItsLastPart(shards: Int) {
        let splitter = HeartbeatSplitter()
        let whole = heartbeat(1, shard: 7, groups: [0, 1, 2, 3, 4, 5, 6, 7])
        let parts = splitter.split(whole, from: peer, shards: shards)
        #expect(parts.count == shards)
        for (_, part) in parts.dropLast() { #expect(splitter.combine(ack(part), to: peer) == nil) }
        #expect(splitter.combine(ack(whole, rejecting: 3), to: peer) == ack(whole, rejecting: 3))
        #expect(splitter.combine(ack(whole), to: peer) == nil, "confirmed twice")
    }

    @Test func rejectsOfAllPartsAreGathered() {
        let splitter = HeartbeatSplitter()
        let whole = heartbeat(1, groups: [0, 1])
        _ = splitter.split(whole, from: peer, shards: 2)
        #expect(splitter.combine(ack(whole, rejecting: 0), to: peer) == nil)
        #expect(splitter.combine(ack(whole, rejecting: 1), to: peer)?.rejects.map(\.group.raw) == [0, 1])
    }

    @Test func reportsOfAllPartsAreGathered() {
        let splitter = HeartbeatSplitter()
        let whole = heartbeat(1, groups: [0, 1])
        _ = splitter.split(whole, from: peer, shards: 2)
        func ack(_ group: UInt32) -> PairHeartbeatAck {
            let mark = StateMark(index: LogIndex(256), digest: StateDigest(UInt64(group)))
            return PairHeartbeatAck(
                round: whole.round, rejects: [],
                reports: [.init(group: GroupID(group), to: ReplicaID(2), mark: mark)])
        }
        #expect(splitter.combine(ack(0), to: peer) == nil)
        #expect(splitter.combine(ack(1), to: peer)?.reports.map(\.mark.digest.raw) == [0, 1])
    }

    /// The part of a slow shard of round 1 must not count for round 2, nor the other way round.
    @Test(arguments: [2, 3, 4])
    func overlappingRoundsDoNotConfirmEachOther(shards: Int) {
        let splitter = HeartbeatSplitter()
        let groups = (0..<UInt32(shards)).map { $0 }
        let first = heartbeat(1, groups: groups)
        let second = heartbeat(2, groups: groups)
        _ = splitter.split(first, from: peer, shards: shards)
        _ = splitter.split(second, from: peer, shards: shards)
        for _ in 1..<shards {
            #expect(splitter.combine(ack(first), to: peer) == nil)
            #expect(splitter.combine(ack(second), to: peer) == nil)
        }
        #expect(splitter.combine(ack(second), to: peer) == ack(second))
        #expect(splitter.combine(ack(first), to: peer) == ack(first))
    }

    /// A round with one part that follows a shared one leaves that one waiting.
    @Test func aRoundWithOnePartLeavesOthersAlone() {
        let splitter = HeartbeatSplitter()
        let shared = heartbeat(1, groups: [0, 1])
        let single = heartbeat(2, groups: [0])
        _ = splitter.split(shared, from: peer, shards: 2)
        _ = splitter.split(single, from: peer, shards: 2)
        #expect(splitter.combine(ack(shared), to: peer) == nil)
        #expect(splitter.combine(ack(single), to: peer) == ack(single))
        #expect(splitter.combine(ack(shared), to: peer) == ack(shared))
    }

    @Test func anEmptyRoundIsConfirmedByOneShard() {
        let splitter = HeartbeatSplitter()
        let empty = heartbeat(1, shard: 5, groups: [])
        let parts = splitter.split(empty, from: peer, shards: 3)
        #expect(parts.map { $0.0 } == [2])
        #expect(splitter.combine(ack(empty), to: peer) == ack(empty))
    }

    @Test func shardsAndNodesCountTheirOwnRounds() {
        let splitter = HeartbeatSplitter()
        let mine = heartbeat(1, shard: 0, groups: [0, 1])
        let sibling = heartbeat(1, shard: 1, groups: [0, 1])
        _ = splitter.split(mine, from: peer, shards: 2)
        _ = splitter.split(sibling, from: peer, shards: 2)
        _ = splitter.split(mine, from: other, shards: 2)
        #expect(splitter.combine(ack(mine), to: peer) == nil)
        #expect(splitter.combine(ack(sibling), to: peer) == nil)
        #expect(splitter.combine(ack(mine), to: other) == nil)
        #expect(splitter.combine(ack(mine), to: peer) == ack(mine))
    }

    @Test func unknownForgottenAndOldRoundsAreNotConfirmed() {
        let splitter = HeartbeatSplitter()
        #expect(splitter.combine(ack(heartbeat(1, groups: [0])), to: peer) == nil)

        _ = splitter.split(heartbeat(1, groups: [0]), from: peer, shards: 1)
        _ = splitter.split(heartbeat(1, groups: [0]), from: other, shards: 1)
        splitter.forget(peer)
        #expect(splitter.combine(ack(heartbeat(1, groups: [0])), to: peer) == nil)
        #expect(splitter.combine(ack(heartbeat(1, groups: [0])), to: other) != nil)

        let count = UInt64(HeartbeatSplitter.roundsMax) + 1
        for round in 1...count {
            _ = splitter.split(heartbeat(round, groups: [0]), from: peer, shards: 1)
        }
        #expect(splitter.combine(ack(heartbeat(1, groups: [0])), to: peer) == nil)
        for round in 2...count {
            #expect(splitter.combine(ack(heartbeat(round, groups: [0])), to: peer) != nil)
        }
    }
}
