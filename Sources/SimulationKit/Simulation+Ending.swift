import Chat
import Consensus
import Storage
import Vocabulary
import Wire

extension Simulation {
    /// Everything works again from here on.
    func beginEnding() {
        note("everything is healed")
        isEnding = true
        network.calm()
        reviveAll()
    }

    /// Every process runs, every disk is quick, and gossip suspects nobody.
    func reviveAll() {
        for node in nodes {
            node.syncFactor = 1
            if !node.isUp { schedule(.restart(node: node.number), after: 0) }
            if node.pausedEvents != nil { schedule(.resume(node: node.number), after: 0) }
            for other in nodes where other.number != node.number {
                schedule(.suspicion(node: other.number, of: node.number, false), after: 200_000)
            }
        }
    }

    /// L1 to L5 of the research: leaders, finished operations, equal replicas, no change stuck.
    var isConverged: Bool {
        guard isEnding, now > faultsEnd + Standstill.length + 500_000 else { return false }
        return whatIsMissing() == nil
    }

    func whatIsMissing() -> String? {
        if let down = nodes.first(where: { !$0.isUp || $0.pausedEvents != nil }) {
            return "node \(down.number) is not up"
        }
        if let client = clients.first(where: { $0.operation != nil }) {
            return "client \(client.number) waits for an answer"
        }
        if mover.isMoving { return "a replica is being moved" }
        for group in mover.groups {
            if let missing = whatIsMissing(group) { return "group \(group): \(missing)" }
        }
        return nil
    }

    private func whatIsMissing(_ group: GroupID) -> String? {
        let hosts = nodes.compactMap { node in
            node.raft.status(of: group).map { (node: node.number, status: $0) }
        }
        let leaders = hosts.filter { $0.status.isLeader }
        guard leaders.count == 1, let leader = leaders.first?.status else {
            return
                "\(leaders.count) leaders of "
                + "\(hosts.map { "\($0.node) \($0.status.role) \($0.status.term)" })"
        }
        guard leader.commit == leader.lastIndex, !leader.isConfigurationInFlight else {
            return "committed \(leader.commit) of \(leader.lastIndex), \(leader.progress)"
        }
        let voters = Configuration(voters: mover.assignments[group]?.voters ?? [])
        guard leader.configuration == voters, hosts.count == voters.voters.count else {
            return "\(leader.configuration) on \(hosts.map(\.node))"
        }
        for host in hosts where host.status.applied != leader.commit {
            return "node \(host.node) has applied \(host.status.applied) of \(leader.commit)"
        }
        return nil
    }

    /// What a reader finds on every replica is what clients were told.
    func checkEnd() {
        for group in mover.groups {
            let hosts = nodes.filter { $0.replicas[group] != nil }
            let hashes = Set(
                hosts.map { node in
                    node.store.stateHash(group: group, generation: node.replicas[group]?.generation ?? 0)
                })
            if hashes.count > 1 { checker.fail("group \(group): the replicas' states differ at the end") }
        }
        for conversation in checker.model.conversations {
            let group = GroupID(PartitionID.of(conversation, count: plan.groups))
            for node in nodes where node.replicas[group] != nil {
                if !isAsModelled(conversation, group: group, on: node) {
                    checker.fail("node \(node.number) has another history of \(conversation)")
                }
            }
        }
        for sent in checker.model.acknowledged {
            let stored = checker.model.messages[sent.conversation] ?? []
            if stored.filter({ $0 == sent.message }).count != 1 {
                checker.fail("\(sent.message.id) was acknowledged and is not there once")
            }
        }
    }

    private func isAsModelled(_ conversation: ConversationID, group: GroupID, on node: SimulatedNode) -> Bool
    {
        let expected = checker.model.messages[conversation] ?? []
        let view = node.store.view(group: group, generation: node.replicas[group]?.generation ?? 0)
        var found: [ConversationModel.Message] = []
        var position = ConversationPosition.start
        while let user = expected.first?.sender {
            let query = CatchUpQuery(conversation: conversation, user: user, after: position, limit: 100)
            guard case .success(let page) = ChatReader(view).catchUp(query) else { return false }
            for message in page.messages {
                guard message.seq == Seq(UInt64(found.count) + 1) else { return false }
                found.append(
                    ConversationModel.Message(
                        sender: message.sender, id: message.clientMessageID, content: message.content))
            }
            position = page.position
            if !page.hasMore { break }
        }
        return found == expected
    }
}
