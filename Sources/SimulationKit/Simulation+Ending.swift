import Chat
import Consensus
import Membership
import Placement
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

    /// L1 to L6 of the research: leaders, finished operations, equal replicas, no change stuck, equal views.
    var isConverged: Bool {
        guard isEnding, eventCount % 64 == 0, now > faultsEnd + Standstill.length + 500_000 else {
            return false
        }
        return whatIsMissing() == nil
    }

    /// - Parameter butLastTurn: whether presence's last turn may be still to come: it waits for everything else.
    func whatIsMissing(butLastTurn: Bool = false) -> String? {
        let living = nodes.filter { $0.life != .gone }
        if let down = living.first(where: { !$0.isRunning || $0.swim == nil }) {
            return "node \(down.number) is not up"
        }
        if let planted = states.planted { return "\(planted) has diverged and goes on (R4)" }
        if let client = clients.first(where: { $0.operation != nil }) {
            return "client \(client.number) waits for an answer"
        }
        if let (node, state) = obligations.min(by: { $0.key < $1.key }) {
            let name = checker.metadata.members[node]?.state.name ?? "no member"
            return "node \(SimulatedNode.number(of: node)) is \(name) and not done with \(state.name)"
        }
        return whatIsMissingOfMembers(living)
            ?? groups.lazy.compactMap { group in
                self.whatIsMissing(group, living).map { "group \(group): \($0)" }
            }.first
            ?? whatIsMissingInChat()
            ?? presenceDiffers(butLastTurn: butLastTurn)
    }

    private func whatIsMissingOfMembers(_ living: [SimulatedNode]) -> String? {
        let metadata = checker.metadata
        if let behind = living.first(where: { $0.metadata.epoch != metadata.epoch }) {
            return "node \(behind.number) has metadata of epoch \(behind.metadata.epoch)"
        }
        for node in living where metadata.members[node.id]?.state != .up {
            return "node \(node.number) is \(metadata.members[node.id]?.state.name ?? "no member")"
        }
        let present = Set(living.map(\.id))
        for node in living {
            let view = node.swim?.records ?? []
            let alive = Set(view.filter { $0.status == .alive }.map(\.node))
            let seeming = Set(view.filter { $0.status.isPresent }.map(\.node))
            if alive != present || seeming != present {
                return "node \(node.number) sees alive \(alive.sorted().map(SimulatedNode.number))"
            }
        }
        let liveness = Dictionary(
            uniqueKeysWithValues: present.map { ($0, Coordinator.Liveness(isAlive: true, since: .zero)) })
        let commands = coordinator.nextCommands(state: metadata, liveness: liveness, now: tick)
        if let next = commands.first { return "the coordinator would \(next)" }
        if let moving = metadata.partitions.firstIndex(where: { $0.move != nil }) {
            return "partition \(moving) is being moved: \(metadata.partitions[moving])"
        }
        let leaders = metadata.partitions.indices.map { index in
            living.first { $0.raft.isLeader(of: GroupID(PartitionID(UInt32(index)))) }?.id
        }
        return LeaderPlacement.isUneven(leaders: leaders, eligible: present)
            && !coordinator.leaderTransfers(state: metadata, leaders: leaders, liveness: liveness).isEmpty
            ? "leaders are uneven" : nil
    }

    private func whatIsMissing(_ group: GroupID, _ living: [SimulatedNode]) -> String? {
        let hosts = living.compactMap { node in
            node.raft.status(of: group).map { (node: node, status: $0) }
        }
        let leaders = hosts.filter { $0.status.isLeader }
        guard leaders.count == 1, let leader = leaders.first?.status else {
            return "\(leaders.count) leaders of "
                + "\(hosts.map { "\($0.node.number) \($0.status.role) \($0.status.term)" })"
        }
        guard leader.commit == leader.lastIndex, !leader.isConfigurationInFlight else {
            return "committed \(leader.commit) of \(leader.lastIndex), \(leader.progress)"
        }
        let wanted: Configuration
        if let partition = group.partition {
            wanted = Configuration(voters: checker.metadata.assignment(of: partition)?.voters ?? [])
        } else {
            wanted = checker.metadata.desiredMetadataConfiguration(current: leader.configuration)
        }
        guard leader.configuration == wanted,
            Set(hosts.map { $0.node.id }) == Set(wanted.everyone.map(\.node))
        else { return "\(leader.configuration) on \(hosts.map { $0.node.number })" }
        for host in hosts where host.status.applied != leader.commit {
            return "node \(host.node.number) has applied \(host.status.applied) of \(leader.commit)"
        }
        return nil
    }

    /// What a reader finds on every replica is what clients were told.
    func checkEnd() {
        let living = nodes.filter { $0.life != .gone }
        for group in groups {
            let hosts = living.filter { $0.replicas[group] != nil }
            let hashes = Set(
                hosts.map { node in
                    node.store.stateHash(group: group, generation: node.replicas[group]?.generation ?? 0)
                })
            if hashes.count > 1 {
                checker.fail("group \(group): the replicas' states differ at the end (L3)")
            }
        }
        for conversation in checker.model.conversations {
            let group = GroupID(PartitionID.of(conversation, count: plan.partitions))
            for node in living where node.replicas[group] != nil {
                if !isAsModelled(conversation, group: group, on: node) {
                    checker.fail("node \(node.number) has another history of \(conversation)")
                }
            }
        }
        for sent in checker.model.acknowledged {
            let stored = checker.model.messages[sent.conversation] ?? []
            let place = Int(sent.seq.raw) - 1
            if place >= stored.count || stored[place] != sent.message {
                checker.fail("\(sent.message.id) was acknowledged and is not there once")
            }
        }
        checkChatAtEnd()
    }

    private func isAsModelled(_ conversation: ConversationID, group: GroupID, on node: SimulatedNode) -> Bool
    {
        let sent = checker.model.messages[conversation] ?? []
        let ledger = chat.checker.ledger[conversation]
        let gone = Int(ledger?.gone.raw ?? 0)
        let expected = sent.enumerated().dropFirst(gone).map { place, message in
            var now = message
            if let known = ledger?.message(Seq(UInt64(place) + 1)) {
                now.content = known.isGone(for: sent[0].sender) ? "" : known.currentContent
            }
            return now
        }
        let view = node.store.view(group: group, generation: node.replicas[group]?.generation ?? 0)
        var found: [ConversationModel.Message] = []
        var position = ConversationPosition.start
        while let user = sent.first?.sender {
            let query = CatchUpQuery(conversation: conversation, user: user, after: position, limit: 100)
            guard case .success(let page) = ChatReader(view).catchUp(query) else { return false }
            for message in page.messages {
                guard message.seq == Seq(UInt64(gone + found.count) + 1) else { return false }
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
