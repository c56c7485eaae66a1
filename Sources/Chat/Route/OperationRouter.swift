import Vocabulary
import Wire

/// What a router orders.
package enum RouterDirective: Hashable, Sendable {
    /// Ask this node to carry the operation out, under the number of this attempt.
    case send(UInt64, StreamPlace, PartitionID, Operation, to: NodeID)
    /// The operation with this number is over.
    case complete(UInt64, OperationResult)
}

/// What a router knows of the cluster at a moment.
package protocol RouteView {
    /// Whoever is believed to lead the group.
    func leader(of group: GroupID) -> NodeID?
    /// False while there is no link to the node.
    func isReachable(_ node: NodeID) -> Bool
}

/// Takes operations to the leaders of their partitions.
///
/// Holds an operation while its partition has no leader and repeats it, under the same dedup key, when a leader
/// or a link was lost, for up to `sendHoldMilliseconds`; then the outcome is `unknown` if it may have been
/// proposed, `unavailable` if it never was. All operations of one group go to one node at a time, in the order
/// they came and numbered (`StreamGate`), so that pipelined sends never overtake each other.
package struct OperationRouter: Sendable {
    private struct Pending: Sendable {
        let operation: Operation
        let group: GroupID
        let deadline: Tick
        var sentAt: Tick?
        /// An attempt whose answer never came, or that was proposed: the outcome can be unknown.
        var isInDoubt = false
        /// Times that it was sent.
        var attempts: UInt64 = 0
    }

    /// The operations of one group that have no answer yet.
    private struct GroupQueue: Sendable {
        /// Ascending: the order in which they came.
        var ids: [UInt64] = []
        /// Where they were sent; `nil` while they are held.
        var target: NodeID?
        /// The node asked did not lead: nobody is asked before this moment, unless a leader announces itself.
        var heldUntil: Tick = .zero
        /// The place of what is sent next.
        var place = StreamPlace(stream: 0, position: 0)
    }

    /// Call `tick` this often while something is pending.
    package static let tickMilliseconds: UInt64 = 50
    private static let resendMilliseconds: UInt64 = 2_000

    private let holdMilliseconds: UInt64
    private var pending: [UInt64: Pending] = [:]
    private var queues: [GroupID: GroupQueue] = [:]

    private var lastStream: UInt64

    /// - Parameter bootEpoch: of this process; streams of a later one have higher numbers.
    package init(limits: Limits, bootEpoch: UInt64) {
        holdMilliseconds = limits.sendHoldMilliseconds
        lastStream = bootEpoch << 32
    }

    /// The id of a router's operation: above its count stand the number of the attempt in what is sent, from 0, which of
    /// the node's routers it is, and the process. An answer to a process that is gone can reach the next one, and must
    /// not be taken for an answer to what that one asked.
    package static func request(_ count: UInt64, of index: UInt64, bootEpoch: UInt64) -> UInt64 {
        #if MUTANTS
        if Mutant.active == .requestIDReused { return (index & 0xFF) << 48 | count }
        #endif
        return (bootEpoch & 0xFF) << 56 | (index & 0xFF) << 48 | count
    }
    package static func index(of request: UInt64) -> UInt64 { request >> 48 & 0xFF }

    private static let attemptShift: UInt64 = 40
    private static let attemptMask: UInt64 = 0xFF << attemptShift

    private static func attempt(_ number: UInt64, of id: UInt64) -> UInt64 {
        id | (number << attemptShift & attemptMask)
    }

    package var isIdle: Bool { pending.isEmpty }

    /// Takes an operation under a number higher than all before.
    package mutating func perform(
        _ id: UInt64, _ operation: Operation, group: GroupID, now: Tick, view: some RouteView,
        out: inout [RouterDirective]
    ) {
        pending[id] = Pending(operation: operation, group: group, deadline: now + holdMilliseconds)
        queues[group, default: GroupQueue()].ids.append(id)
        guard let queue = queues[group] else { return }
        if let target = queue.target {
            // Others are on their way there; when the leader has changed since, all move together.
            if target == view.leader(of: group) { send(id, to: target, now: now, out: &out) }
        } else if queue.heldUntil <= now {
            redirect(group, now: now, view: view, out: &out)
        }
    }

    /// A node answered an attempt.
    ///
    /// What was done is done, whichever attempt did it. That it was not done is true of its own attempt only: when the
    /// operation was sent again meanwhile, the later attempt may be carried out, and its answer counts. The earlier
    /// ones are void once it has been answered (`StreamGate`).
    package mutating func answered(
        _ request: UInt64, _ answer: PeerAnswer, by node: NodeID, now: Tick, out: inout [RouterDirective]
    ) {
        let id = request & ~Self.attemptMask
        guard let entry = pending[id] else { return }
        let isOfLast = request == Self.attempt(max(entry.attempts, 1) - 1, of: id)
        switch answer {
        case .result(.refused) where !isOfLast, .notLeader where !isOfLast, .interrupted where !isOfLast:
            pending[id]?.isInDoubt = true
        case .result(let result): complete(id, result, out: &out)
        case .notLeader: declined(id, by: node, isInDoubt: false, now: now)
        case .interrupted: declined(id, by: node, isInDoubt: true, now: now)
        }
    }

    /// Somebody leads the group now.
    package mutating func leaderChanged(
        of group: GroupID, now: Tick, view: some RouteView, out: inout [RouterDirective]
    ) {
        if queues[group] != nil { redirect(group, now: now, view: view, out: &out) }
    }

    /// The link to a node is gone, and answers with it.
    package mutating func linkClosed(
        _ node: NodeID, now: Tick, view: some RouteView, out: inout [RouterDirective]
    ) {
        for group in queues.keys.sorted() where queues[group]?.target == node {
            queues[group]?.target = nil
            redirect(group, now: now, view: view, out: &out)
        }
    }

    /// There is a link to some node again.
    package mutating func linkOpened(now: Tick, view: some RouteView, out: inout [RouterDirective]) {
        for group in queues.keys.sorted() where isHeld(group) {
            redirect(group, now: now, view: view, out: &out)
        }
    }

    private func isHeld(_ group: GroupID) -> Bool { queues[group].map { $0.target == nil } ?? false }

    private mutating func complete(
        _ id: UInt64, _ result: OperationResult, out: inout [RouterDirective]
    ) {
        guard let entry = pending.removeValue(forKey: id) else { return }
        if let place = queues[entry.group]?.ids.firstIndex(of: id) {
            queues[entry.group]?.ids.remove(at: place)
            if queues[entry.group]?.ids.isEmpty == true { queues[entry.group] = nil }
        }
        out.append(.complete(id, result))
    }

    /// The node asked does not lead, or lost the lead with the operation in hand.
    private mutating func declined(_ id: UInt64, by node: NodeID, isInDoubt: Bool, now: Tick) {
        guard let group = pending[id]?.group else { return }
        if isInDoubt { pending[id]?.isInDoubt = true }
        // Of several that were declined the first one has ended the asking already.
        pending[id]?.sentAt = nil
        // An answer of somebody who was asked before says nothing of the one asked now.
        guard queues[group]?.target == node else { return }
        queues[group]?.target = nil
        queues[group]?.heldUntil = now + Self.tickMilliseconds
    }

    /// Sends everything of a group to its leader, in order: also what another node was asked before, whose answer
    /// may never come.
    private mutating func redirect(
        _ group: GroupID, now: Tick, view: some RouteView, out: inout [RouterDirective]
    ) {
        guard let queue = queues[group], let leader = view.leader(of: group), view.isReachable(leader) else {
            return
        }
        if queue.target == leader { return }
        queues[group]?.target = leader
        resendAll(of: group, to: leader, now: now, out: &out)
    }

    private mutating func resendAll(
        of group: GroupID, to node: NodeID, now: Tick, out: inout [RouterDirective]
    ) {
        lastStream += 1
        queues[group]?.place = StreamPlace(stream: lastStream, position: 0)
        for id in queues[group]?.ids ?? [] { resend(id, to: node, now: now, out: &out) }
    }

    private mutating func resend(
        _ id: UInt64, to node: NodeID, now: Tick, out: inout [RouterDirective]
    ) {
        guard var entry = pending[id] else { return }
        if entry.sentAt != nil { entry.isInDoubt = true }
        pending[id] = entry
        if entry.isInDoubt && !entry.operation.isRepeatable {
            return complete(id, .refused(Self.unknown), out: &out)
        }
        send(id, to: node, now: now, out: &out)
    }

    private mutating func send(_ id: UInt64, to node: NodeID, now: Tick, out: inout [RouterDirective]) {
        guard let entry = pending[id], let partition = entry.group.partition,
            let place = queues[entry.group]?.place
        else { return }
        pending[id]?.sentAt = now
        pending[id]?.attempts += 1
        queues[entry.group]?.place.position += 1
        let request = Self.attempt(entry.attempts, of: id)
        out.append(.send(request, place, partition, entry.operation, to: node))
    }

    /// Time has passed.
    package mutating func tick(now: Tick, view: some RouteView, out: inout [RouterDirective]) {
        for group in queues.keys.sorted() {
            for id in queues[group]?.ids ?? [] {
                guard let entry = pending[id], entry.deadline <= now else { continue }
                complete(id, .refused(Self.expiry(entry)), out: &out)
            }
            guard let queue = queues[group] else { continue }
            if let target = queue.target {
                // The answers may be lost: the same node is asked again, all in order.
                let oldest = queue.ids.first.flatMap { pending[$0]?.sentAt } ?? now
                if now.since(oldest) > Self.resendMilliseconds {
                    resendAll(of: group, to: target, now: now, out: &out)
                }
                if target != view.leader(of: group) { redirect(group, now: now, view: view, out: &out) }
            } else if queue.heldUntil <= now {
                redirect(group, now: now, view: view, out: &out)
            }
        }
    }

    private static let unknown = Refusal(
        .unknown, "The outcome is not known; send again with the same client_message_id.",
        retryAfterMilliseconds: 1_000)

    private static func expiry(_ entry: Pending) -> Refusal {
        #if MUTANTS
        if Mutant.active == .timeoutRefuses { return Refusal(.unavailable, "Too late.") }
        #endif
        if (entry.isInDoubt || entry.sentAt != nil) && entry.operation.changesState { return unknown }
        return Refusal(
            .unavailable, "The partition has no leader right now.", retryAfterMilliseconds: 1_000)
    }
}

extension Operation {
    /// True when the operation writes, so that its outcome can be unknown.
    package var changesState: Bool {
        switch self {
        case .send, .receipt, .ensureUser, .changeMessage, .setDisappearing, .group: true
        case .account(let request): request.isChange
        case .privacy(let request): request.isChange
        case .eraseMember, .clear: true
        default: false
        }
    }

    /// False when doing it twice could answer the second time with a refusal that is not true of the first.
    package var isRepeatable: Bool {
        guard case .group(let request) = self else { return true }
        switch request.change {
        case .create, .edit, .close, .invite, .revokeInvites, .join: return true
        case .add, .remove, .leave, .setRole, .decide: return false
        }
    }
}
