import Chat
import Consensus
import NIOCore
import Observability
import RocksStorage
import Vocabulary
import Wire

/// The led partition's machines, each in its actor, and who waits for their answers. Only its shard touches it.
final class LeadingPartition {
    let group: GroupID
    let term: Term
    var machines: PartitionLeader<ActorHome>
    /// Who asked, by the token that the machines answer with.
    var origins: [UInt64: WaitingOrigin] = [:]
    private var nextToken: UInt64 = 1

    init(_ group: GroupID, term: Term, machines: PartitionLeader<ActorHome>) {
        self.group = group
        self.term = term
        self.machines = machines
    }

    func token(for origin: RequestOrigin) -> UInt64 {
        defer { nextToken += 1 }
        origins[nextToken] = WaitingOrigin(origin: origin, since: .now())
        return nextToken
    }
}

/// Who asked, and when.
struct WaitingOrigin {
    var origin: RequestOrigin
    var since: NIODeadline
}

extension ShardActor {
    typealias Reader = ChatReader<RocksStateStore.View>

    func reader(_ group: GroupID) -> Reader {
        ChatReader(store.view(group: group, generation: groups[group]?.generation ?? 0))
    }

    func moment() -> Moment { Moment(tick: clock.tick(), wall: clock.timestamp()) }

    // MARK: Becoming and ceasing to be leader

    /// Once the entry that opens the term is applied, everything committed before it is in the state. After a
    /// restart that may be before the metadata is known; then `adopt` comes back to it.
    func startLeadingIfOpen(_ group: GroupID) {
        guard let hosted = groups[group], hosted.isLeader, hosted.isTermOpen, hosted.leading == nil,
            let partition = group.partition, let metadata, metadata.partitionCount > 0
        else { return }
        let machines = PartitionLeader(
            partition: partition, partitionCount: metadata.partitionCount, limits: limits,
            push: ports.pushRules, home: ActorHome(loop: loop))
        let leading = LeadingPartition(group, term: hosted.term, machines: machines)
        leading.machines.started(reader(group), now: clock.tick())
        withFanout.insert(group)
        groups[group]?.leading = leading
        ports.announceLeading(group, term: hosted.term)
    }

    func stopLeading(_ group: GroupID) {
        ports.withdrawLeading(group)
        guard let leading = groups[group]?.leading else { return }
        groups[group]?.leading = nil
        for (_, waiting) in leading.origins.sorted(by: { $0.key < $1.key }) {
            decline(waiting.origin, group, isInterrupted: true)
        }
        for (token, read) in reads.sorted(by: { $0.key < $1.key }) where read.group == group {
            reads[token] = nil
            decline(read.origin, group)
        }
    }

    // MARK: Orders of the machines

    func perform(_ directives: [ChatDirective], in leading: LeadingPartition) {
        for directive in directives {
            switch directive {
            case .propose(let command): propose(command, in: leading)
            case .reply(let token, let result):
                guard let waiting = leading.origins.removeValue(forKey: token) else { continue }
                if case .sent = result { metrics.sendToCommit.observe((.now() - waiting.since).microseconds) }
                ports.answer(waiting.origin, .result(result))
            case .push(let node, let push): outgoing.pushes.append((node, push))
            case .acknowledge(let ack): outgoing.acks.append(ack)
            case .askMembers(let query): outgoing.queries.append(query)
            case .notify(let job): order(job, in: leading)
            case .typing(let items): ports.send(typing: items)
            case .eraseMember(let request): ask(request, in: leading)
            case .seen, .covered, .presenceChanged:
                preconditionFailure("a partition merges \(directive) itself")
            }
        }
    }

    private func propose(_ command: Command, in leading: LeadingPartition) {
        switch raft.propose(group: leading.group, command: Command.encode([command])) {
        case .success: return
        case .failure(.overloaded):
            let refusal = Refusal(
                .overloaded, "This partition has too much in hand.", retryAfterMilliseconds: 100)
            perform(leading.machines.refused(command, refusal, now: clock.tick()), in: leading)
        case .failure: handOn(command, in: leading)
        }
    }

    /// The leadership is going or gone: whoever waits asks the next leader.
    private func handOn(_ command: Command, in leading: LeadingPartition) {
        let refusal = Refusal(.unavailable, "The partition changes its leader.", retryAfterMilliseconds: 100)
        for case .reply(let token, _) in leading.machines.refused(command, refusal, now: clock.tick()) {
            if let origin = leading.origins.removeValue(forKey: token)?.origin {
                decline(origin, leading.group)
            }
        }
    }
}

extension TimeAmount {
    fileprivate var microseconds: UInt64 { UInt64(max(0, nanoseconds / 1_000)) }
}
