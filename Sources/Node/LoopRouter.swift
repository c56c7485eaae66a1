import NIOCore
import PeerTransport
import Vocabulary
import Wire

/// What reaches a router from other loops.
enum RouterInput: Sendable {
    case answer(id: UInt64, PeerAnswer, from: NodeID)
    /// Somebody leads the group now.
    case leaderChanged(GroupID)
    case linkClosed(NodeID)
    case linkOpened(NodeID)
}

/// Takes the operations of one event loop's connections to the leaders of their partitions.
///
/// Holds an operation while its partition has no leader and repeats it, under the same dedup key, when a leader
/// or a link was lost, for up to `sendHoldMilliseconds`; then the outcome is `unknown` if it may have been
/// proposed, `unavailable` if it never was. All operations of one group go to one node at a time, in the order
/// they came, so that pipelined sends never overtake each other. Executor: the loop it was made for.
actor LoopRouter {
    typealias Completion = @Sendable (OperationResult) -> Void

    private struct Pending {
        let operation: Operation
        let group: GroupID
        let completion: Completion
        let deadline: NIODeadline
        var sentAt: NIODeadline?
        /// An attempt whose answer never came, or that was proposed: the outcome can be unknown.
        var isInDoubt = false
    }

    /// The operations of one group that have no answer yet.
    private struct GroupQueue {
        /// Ascending: the order in which they came.
        var ids: [UInt64] = []
        /// Where they were sent; `nil` while they are held.
        var target: NodeID?
        /// The node asked did not lead: nobody is asked before this moment, unless a leader announces itself.
        var heldUntil: NIODeadline = .distantPast
    }

    private static let tickTime = TimeAmount.milliseconds(50)
    private static let resendTime = TimeAmount.seconds(2)

    let loop: any EventLoop
    private let index: UInt64
    private let ports: NodePorts
    private let holdTime: TimeAmount
    private var counter: UInt64 = 0
    private var pending: [UInt64: Pending] = [:]
    private var queues: [GroupID: GroupQueue] = [:]
    private var ticker: RepeatedTask?
    /// Sends whose recipient is being asked for.
    var waitingForRecipient: [UserID: [RecipientWait]] = [:]

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(loop: any EventLoop, index: Int, ports: NodePorts, limits: Limits) {
        self.loop = loop
        self.index = UInt64(index)
        self.ports = ports
        holdTime = .milliseconds(Int64(limits.sendHoldMilliseconds))
    }

    func perform(_ operation: Operation, group: GroupID, completion: @escaping Completion) {
        counter += 1
        let id = index << 48 | counter
        pending[id] = Pending(
            operation: operation, group: group, completion: completion, deadline: .now() + holdTime)
        queues[group, default: GroupQueue()].ids.append(id)
        startTicking()
        guard let queue = queues[group] else { return }
        if let target = queue.target {
            // Others are on their way there; when the leader has changed since, all move together.
            if target == ports.leaders.leader(of: group) { send(id, to: target) }
        } else if queue.heldUntil <= .now() {
            redirect(group)
        }
    }

    func receive(_ inputs: [RouterInput]) {
        for input in inputs {
            switch input {
            case .answer(let id, .result(let result), _): complete(id, result)
            case .answer(let id, .notLeader, let node): declined(id, by: node, isInDoubt: false)
            case .answer(let id, .interrupted, let node): declined(id, by: node, isInDoubt: true)
            case .leaderChanged(let group): if queues[group] != nil { redirect(group) }
            case .linkClosed(let node): lost(node)
            case .linkOpened: for group in queues.keys.sorted() where isHeld(group) { redirect(group) }
            }
        }
    }

    private func isHeld(_ group: GroupID) -> Bool { queues[group].map { $0.target == nil } ?? false }

    private func complete(_ id: UInt64, _ result: OperationResult) {
        guard let entry = pending.removeValue(forKey: id) else { return }
        if let place = queues[entry.group]?.ids.firstIndex(of: id) {
            queues[entry.group]?.ids.remove(at: place)
            if queues[entry.group]?.ids.isEmpty == true { queues[entry.group] = nil }
        }
        entry.completion(result)
    }

    /// The node asked does not lead, or lost the lead with the operation in hand.
    private func declined(_ id: UInt64, by node: NodeID, isInDoubt: Bool) {
        guard let group = pending[id]?.group else { return }
        if isInDoubt { pending[id]?.isInDoubt = true }
        // An answer of somebody who was asked before says nothing of the one asked now.
        guard queues[group]?.target == node else { return }
        pending[id]?.sentAt = nil
        queues[group]?.target = nil
        queues[group]?.heldUntil = .now() + Self.tickTime
    }

    private func lost(_ node: NodeID) {
        for group in queues.keys.sorted() where queues[group]?.target == node {
            queues[group]?.target = nil
            redirect(group)
        }
    }

    /// Sends everything of a group to its leader, in order: also what another node was asked before, whose answer
    /// may never come.
    private func redirect(_ group: GroupID) {
        guard let queue = queues[group], let leader = ports.leaders.leader(of: group),
            ports.isReachable(leader)
        else { return }
        if queue.target == leader { return }
        queues[group]?.target = leader
        for id in queue.ids { resend(id, to: leader) }
    }

    private func resend(_ id: UInt64, to node: NodeID) {
        guard var entry = pending[id] else { return }
        if entry.sentAt != nil { entry.isInDoubt = true }
        pending[id] = entry
        if entry.isInDoubt && !entry.operation.isRepeatable {
            return complete(id, .refused(Self.unknown))
        }
        send(id, to: node)
    }

    private func send(_ id: UInt64, to node: NodeID) {
        guard let entry = pending[id], let partition = entry.group.partition else { return }
        pending[id]?.sentAt = .now()
        ports.sendRequest(id: id, partition: partition, operation: entry.operation, to: node)
    }

    // MARK: Time

    private func startTicking() {
        guard ticker == nil else { return }
        ticker = loop.scheduleRepeatedTask(initialDelay: Self.tickTime, delay: Self.tickTime) { _ in
            self.assumeIsolated { $0.tick() }
        }
    }

    private func tick() {
        let now = NIODeadline.now()
        for group in queues.keys.sorted() {
            for id in queues[group]?.ids ?? [] {
                guard let entry = pending[id], entry.deadline <= now else { continue }
                complete(id, .refused(Self.expiry(entry)))
            }
            guard let queue = queues[group] else { continue }
            if let target = queue.target {
                // The answers may be lost: the same node is asked again, all in order.
                let oldest = queue.ids.first.flatMap { pending[$0]?.sentAt } ?? now
                if now - oldest > Self.resendTime { for id in queue.ids { resend(id, to: target) } }
                if target != ports.leaders.leader(of: group) { redirect(group) }
            } else if queue.heldUntil <= now {
                redirect(group)
            }
        }
        if pending.isEmpty {
            ticker?.cancel()
            ticker = nil
        }
    }

    private static let unknown = Refusal(
        .unknown, "The outcome is not known; send again with the same client_message_id.",
        retryAfterMilliseconds: 1_000)

    private static func expiry(_ entry: Pending) -> Refusal {
        if (entry.isInDoubt || entry.sentAt != nil) && entry.operation.changesState { return unknown }
        return Refusal(
            .unavailable, "The partition has no leader right now.", retryAfterMilliseconds: 1_000)
    }
}

extension Operation {
    /// True when the operation writes, so that its outcome can be unknown.
    var changesState: Bool {
        switch self {
        case .send, .receipt, .ensureUser: true
        case .group(let request): request.change != .describe
        default: false
        }
    }

    /// False when doing it twice could answer the second time with a refusal that is not true of the first.
    var isRepeatable: Bool {
        guard case .group(let request) = self else { return true }
        switch request.change {
        case .create, .describe, .rename: return true
        case .add, .remove, .leave: return false
        }
    }
}
