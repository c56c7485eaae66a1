import Vocabulary
import Wire

/// How far a move has come. It may be aborted before `joint`; from there it only rolls forward.
package enum MoveStage: UInt8, Hashable, Sendable, Comparable, CaseIterable {
    /// Committed as intent; the group's leader has not begun.
    case planned = 0
    /// The new replicas are learners in the group's own configuration.
    case learner = 1
    /// They are within reach of the leader's log.
    case caughtUp = 2
    /// Permission to go joint: committed here before the group's leader proposes the joint configuration, so
    /// that an abort and a joint configuration can never cross.
    case joint = 3
    /// The group has committed the target configuration alone.
    case joined = 4
    /// Everyone has seen the new set; the dropped replicas may be destroyed.
    case cleanup = 5

    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }

    /// The word used in answers and logs.
    package var name: String {
        switch self {
        case .planned: "planned"
        case .learner: "learner"
        case .caughtUp: "caught_up"
        case .joint: "joint"
        case .joined: "joined"
        case .cleanup: "cleanup"
        }
    }
}

/// A committed intent to change a partition's voters (rule M1).
package struct MoveInFlight: Hashable, Sendable {
    /// Names this move for ever: the epoch at which it was planned.
    package var id: Epoch
    /// The voters after the move, sorted: those that stay keep their replica ids, the new have fresh ones.
    package var target: [Replica]
    package var stage: MoveStage

    package init(id: Epoch, target: [Replica], stage: MoveStage) {
        self.id = id
        self.target = target.sorted()
        self.stage = stage
    }
}

/// What group 0 knows of one partition: intent and routing. The group's own log is the authority on its
/// voters (rule M2).
package struct PartitionAssignment: Hashable, Sendable {
    /// The voters before any move in flight, sorted. Empty until the first assignment.
    package var voters: [Replica]
    /// 0 before the first assignment, 1 with it, +1 with every finished move.
    package var version: UInt64
    package var move: MoveInFlight?

    package init(voters: [Replica] = [], version: UInt64 = 0, move: MoveInFlight? = nil) {
        self.voters = voters.sorted()
        self.version = version
        self.move = move
    }

    package var nodes: [NodeID] { voters.map(\.node) }
    /// The nodes that will hold the partition when the move in flight, if any, is through.
    package var nodesAfterMove: [NodeID] { (move?.target ?? voters).map(\.node) }
    /// Replicas that the move brings in.
    package var incoming: [Replica] { (move?.target ?? []).filter { !voters.contains($0) } }
    /// Replicas that the move drops.
    package var outgoing: [Replica] {
        guard let move else { return [] }
        return voters.filter { !move.target.contains($0) }
    }
    /// Every replica that may exist now, sorted.
    package var everyone: [Replica] { (voters + incoming).sorted() }
}
