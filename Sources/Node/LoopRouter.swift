import Chat
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
    /// For a shard of this node.
    case perform(Operation, GroupID, LoopRouter.Completion)
}

/// Takes the operations of one event loop's connections to the leaders of their partitions: the shell of
/// `OperationRouter`. Executor: the loop it was made for.
actor LoopRouter {
    typealias Completion = @Sendable (OperationResult) -> Void

    let loop: any EventLoop
    private let index: UInt64
    private let bootEpoch: UInt64
    private let ports: NodePorts
    private var machine: OperationRouter
    private var counter: UInt64 = 0
    private var completions: [UInt64: Completion] = [:]
    private var ticker: RepeatedTask?
    /// What this node's own replica was asked.
    private var askedHere: [UInt64: Asked] = [:]
    /// Sends whose recipient is being asked for.
    var waitingForRecipient: [UserID: RecipientQueue] = [:]
    /// Questions about recipients so far.
    var recipientQuestions: UInt64 = 0

    private struct Asked {
        let query: HistoryQuery
        let group: GroupID
        let completion: Completion
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(loop: any EventLoop, index: Int, ports: NodePorts, limits: Limits, bootEpoch: UInt32) {
        self.loop = loop
        self.index = UInt64(index)
        self.bootEpoch = UInt64(bootEpoch)
        self.ports = ports
        machine = OperationRouter(limits: limits, bootEpoch: UInt64(bootEpoch))
    }

    func perform(_ operation: Operation, group: GroupID, completion: @escaping Completion) {
        let id = nextRequest()
        completions[id] = completion
        startTicking()
        run { machine, out in
            machine.perform(id, operation, group: group, now: .uptime, view: ports, out: &out)
        }
    }

    private func nextRequest() -> UInt64 {
        counter += 1
        return OperationRouter.request(counter, of: index, bootEpoch: bootEpoch)
    }

    /// Asks this node's own replica first, whoever leads; the leader when it cannot answer.
    func readHere(_ query: HistoryQuery, group: GroupID, completion: @escaping Completion) {
        let id = nextRequest()
        askedHere[id] = Asked(query: query, group: group, completion: completion)
        ports.readStale(id: id, group: group, query)
    }

    private func answeredHere(_ asked: Asked, _ answer: PeerAnswer) {
        if case .result(let result) = answer { return asked.completion(result) }
        perform(.history(asked.query), group: asked.group, completion: asked.completion)
    }

    func receive(_ inputs: [RouterInput]) {
        for input in inputs {
            if case .answer(let id, let answer, _) = input, let asked = askedHere.removeValue(forKey: id) {
                answeredHere(asked, answer)
                continue
            }
            if case .perform(let operation, let group, let completion) = input {
                perform(operation, group: group, completion: completion)
                continue
            }
            run { machine, out in
                switch input {
                case .answer(let id, let answer, let node):
                    machine.answered(id, answer, by: node, now: .uptime, out: &out)
                case .leaderChanged(let group):
                    machine.leaderChanged(of: group, now: .uptime, view: ports, out: &out)
                case .linkClosed(let node):
                    machine.linkClosed(node, now: .uptime, view: ports, out: &out)
                case .linkOpened: machine.linkOpened(now: .uptime, view: ports, out: &out)
                case .perform: break
                }
            }
        }
    }

    private func run(_ body: (inout OperationRouter, inout [RouterDirective]) -> Void) {
        var directives: [RouterDirective] = []
        body(&machine, &directives)
        for directive in directives {
            switch directive {
            case .send(let id, let place, let partition, let operation, let node):
                ports.sendRequest(id: id, place: place, partition: partition, operation: operation, to: node)
            case .complete(let id, let result): completions.removeValue(forKey: id)?(result)
            }
        }
    }

    private func startTicking() {
        guard ticker == nil else { return }
        let time = TimeAmount.milliseconds(Int64(OperationRouter.tickMilliseconds))
        ticker = loop.scheduleRepeatedTask(initialDelay: time, delay: time) { _ in
            self.assumeIsolated { $0.tick() }
        }
    }

    private func tick() {
        run { machine, out in machine.tick(now: .uptime, view: ports, out: &out) }
        if machine.isIdle {
            ticker?.cancel()
            ticker = nil
        }
    }
}

extension NodePorts: RouteView {
    package func leader(of group: GroupID) -> NodeID? { leaders.leader(of: group) }
}

extension Tick {
    /// Milliseconds on the clock that event loops keep.
    fileprivate static var uptime: Tick { Tick(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
}
