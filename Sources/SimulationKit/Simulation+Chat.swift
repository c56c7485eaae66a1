import Chat
import Consensus
import Vocabulary
import Wire

// The chat side of a simulated node: what the leaders of partitions run beside the replicated state, sessions,
// devices. The rest of the simulation calls these at the moments at which a real shard does.

/// What a process has of the chat side in memory; a start begins with a new one.
struct SimulatedChat {
    /// The groups that this node leads, each with its term, once everything of earlier terms is applied.
    var leading: [GroupID: Term] = [:]
}

/// Events of the chat side.
enum ChatEvent {}

extension Simulation {
    /// The cluster is about to be formed: make users and devices, schedule their first events.
    func beginChat() {}

    /// `schedule(.chat(event), after:)` comes back here.
    func perform(_ event: ChatEvent) {}

    /// `ShardActor.startLeadingIfOpen`: the entry that opens the term is applied on this leader.
    func startLeading(_ group: GroupID, term: Term, on node: SimulatedNode) {
        node.chat.leading[group] = term
    }

    /// `ShardActor.stopLeading`.
    func stopLeading(_ group: GroupID, on node: SimulatedNode) { node.chat.leading[group] = nil }

    /// Outcomes of entries that were just applied on the leader of the group.
    func chatApplied(_ outcomes: [CommandOutcome], group: GroupID, on node: SimulatedNode) {}

    /// A frame of the chat side came over a link: `request`, `response`, `fanout`, `fanoutAcks`, `push`.
    func receive(chat frame: PeerFrame, from sender: NodeID, on node: SimulatedNode) {}

    /// A read that the chat side registered with `confirmRead` may be served; no index: leadership was lost.
    func serveChatRead(_ token: UInt64, isConfirmed: Bool, on node: SimulatedNode) {}

    /// Another node leads the group now, as `node.leaders` says.
    func leaderChanged(of group: GroupID, on node: SimulatedNode) {}

    func linkOpened(to other: NodeID, on node: SimulatedNode) {}
    func linkClosed(to other: NodeID, on node: SimulatedNode) {}

    /// Every 20 ms; `node.ticks` counts them.
    func tickChat(_ node: SimulatedNode) {}

    /// The last step of a turn: what leaders have to send.
    func flushChat(_ node: SimulatedNode) {}

    /// Before the process ends, whatever the reason.
    func chatEnds(on node: SimulatedNode) {}

    /// Why the chat side has not converged; `nil` when it has.
    func whatIsMissingInChat() -> String? { nil }

    /// After everything has converged: `checker.fail` for what is not as promised.
    func checkChatAtEnd() {}
}
