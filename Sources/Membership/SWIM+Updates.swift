import Vocabulary
import Wire

/// How what others say changes this node's view (SWIM, section 4.2, with incarnations as the only order).
extension SWIM {
    /// Takes in one update that `teller` sent.
    mutating func merge(
        _ update: GossipUpdate, from teller: NodeID, now: Tick, _ orders: inout [SWIMDirective]
    ) {
        let record = update.record
        if record.node == own.node {
            mergeOwn(record, &orders)
            return
        }
        guard let known = members[record.node] else {
            adopt(update, from: teller, now: now, &orders)
            return
        }
        if record.supersedes(known.record) {
            replace(known, with: update, from: teller, now: now, &orders)
        } else if record.status == .suspect, record.incarnation == known.record.incarnation {
            confirm(known, update)
        }
    }

    /// Suspects a member that did not answer this node.
    mutating func accuse(_ node: NodeID, now: Tick, _ orders: inout [SWIMDirective]) {
        guard let known = members[node], known.record.status.isPresent else { return }
        var record = known.record
        record.status = .suspect
        merge(GossipUpdate(record: record, accuser: own.node), from: own.node, now: now, &orders)
    }

    /// Gives up the suspects whose time has passed.
    mutating func expireSuspicions(now: Tick, _ orders: inout [SWIMDirective]) {
        for member in members.all {
            guard let suspicion = member.suspicion, now >= suspicion.deadline else { continue }
            counters.deaths += 1
            var record = member.record
            record.status = .dead
            replace(member, with: GossipUpdate(record: record), from: own.node, now: now, &orders)
        }
    }

    /// Forgets the dead and the departed of long ago.
    mutating func bury(now: Tick) {
        for member in members.all where !member.record.status.isPresent {
            if now.since(member.since) >= settings.tombstoneMilliseconds {
                members.remove(member.record.node)
            }
        }
    }

    private mutating func adopt(
        _ update: GossipUpdate, from teller: NodeID, now: Tick, _ orders: inout [SWIMDirective]
    ) {
        store(update, from: teller, since: now, now: now)
        if update.record.status.isPresent {
            let place = Int(jitter(UInt64(probeOrder.count + 1)))
            probeOrder.insert(update.record.node, at: place)
            broadcasts.push(update)
        }
        orders.append(.memberChanged(update.record, was: nil))
    }

    private mutating func replace(
        _ known: Member, with update: GossipUpdate, from teller: NodeID, now: Tick,
        _ orders: inout [SWIMDirective]
    ) {
        let old = known.record
        let record = update.record
        countFalseAlarm(old, record)
        let isSameStatus = old.status == record.status
        store(update, from: teller, since: isSameStatus ? known.since : now, now: now)
        broadcasts.push(update)
        if !record.status.isPresent && isAlone { hurrySeedContact(now: now) }
        orders.append(.memberChanged(record, was: old.status))
    }

    private mutating func store(_ update: GossipUpdate, from teller: NodeID, since: Tick, now: Tick) {
        let record = update.record
        if members[record.node]?.suspicion != nil { suspects -= 1 }
        var member = Member(record: record, since: since)
        if record.status == .suspect {
            suspects += 1
            counters.suspicions += 1
            member.suspicion = suspicion(of: record.node, by: update.accuser ?? teller, now: now)
        }
        members.set(member)
    }

    private func suspicion(of node: NodeID, by accuser: NodeID, now: Tick) -> Suspicion {
        // Everybody but the suspect and its first accuser could confirm; this node is not in the table.
        let others = members.present.count { $0.record.node != node }
        return Suspicion(
            accuser: accuser, at: now,
            minMilliseconds: settings.suspicionMinMilliseconds * health.multiplier,
            maxMilliseconds: settings.suspicionMaxMilliseconds * health.multiplier,
            possibleAccusers: others)
    }

    /// A further accuser shortens the suspect's time, and is news to the others (Lifeguard, section IV-B).
    private mutating func confirm(_ known: Member, _ update: GossipUpdate) {
        guard var suspicion = known.suspicion, let accuser = update.accuser else { return }
        guard suspicion.confirm(by: accuser) else { return }
        var member = known
        member.suspicion = suspicion
        members.set(member)
        broadcasts.push(GossipUpdate(record: known.record, accuser: accuser))
    }

    private mutating func countFalseAlarm(_ old: MemberRecord, _ new: MemberRecord) {
        guard new.status == .alive, old.status == .suspect || old.status == .dead else { return }
        guard old.incarnation.bootEpoch == new.incarnation.bootEpoch else { return }
        counters.falseAlarms += 1
        if old.status == .dead { counters.falseDeaths += 1 }
    }
}
