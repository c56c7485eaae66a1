import Vocabulary
import Wire

/// What conversations send the users of this partition: live sessions at once, rows for the next batch.
extension UserPartition {
    /// Takes an item of fan-out: live sessions at once, rows for the next batch.
    package mutating func received<View: StateView>(
        _ item: FanoutItem, now: Moment, reader: ChatReader<View>, live: inout LiveBatch
    ) -> [ChatDirective] {
        var query: MemberQuery?
        let expanded = snapshots.expand(item, now: now.tick, query: &query)
        let directives = expanded.map { take($0, now, reader, &live) } ?? []
        return directives + (query.map { [.askMembers($0)] } ?? [])
    }

    /// Takes who the members of a large group are; items have waited for it.
    package mutating func received<View: StateView>(
        _ snapshot: MemberSnapshot, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        var query: MemberQuery?
        var live = LiveBatch()
        var directives: [ChatDirective] = []
        for item in snapshots.take(snapshot, now: now.tick, query: &query) {
            directives += take(item, now, reader, &live)
        }
        return live.take() + directives + (query.map { [.askMembers($0)] } ?? [])
    }

    private mutating func take<View: StateView>(
        _ item: FanoutItem, _ now: Moment, _ reader: ChatReader<View>, _ live: inout LiveBatch
    ) -> [ChatDirective] {
        var pushes: [LivePush] = []
        for target in item.targets {
            guard users[target.user] != nil else { continue }
            let before = row(of: target.user, in: item.conversation, reader)
            let positions = positions(of: target.user, reader)
            pushes +=
                users[target.user]?.change {
                    $0.receive(item, target, before: before, positions: positions)
                } ?? []
        }
        live.add(pushes, of: item)
        inbox.merge(item, now: now.tick)
        privacy.met(item, reader)
        #if MUTANTS
        if Mutant.active == .rowsAckedEarly {
            let ack = FanoutAck(
                partition: item.partition, conversation: item.conversation, rev: item.rev)
            return [.acknowledge(ack)]
        }
        #endif
        return []
    }

    /// Somebody writes in a conversation of these users: live sessions only, and not past a block.
    package func received<View: StateView>(
        _ item: TypingItem, reader: ChatReader<View>
    ) -> [ChatDirective] {
        item.targets.flatMap { user -> [LivePush] in
            guard let machine = users[user] else { return [] }
            #if MUTANTS
            if Mutant.active == .typingPastBlock { return machine.read { $0.typing(item.event) } }
            #endif
            if reader.isBlocked(item.event.user, by: user) { return [] }
            return machine.read { $0.typing(item.event) }
        }.merged
    }
}
