import Consensus
import Vocabulary
import Wire

/// Courses of events that chance hardly ever hits, told step by step: each is one that a known mistake does not
/// survive (docs/mutants.md). The seed decides who is quicker where the story leaves it open.
package enum RaftScenario: String, CaseIterable, Sendable {
    /// Ongaro's thesis, figure 3.7: an entry of an old term is on a majority, and is replaced all the same.
    case figure8 = "figure-8"
    /// A follower does not hear its leader; everybody else does.
    case deafFollower = "deaf-follower"
    /// Ongaro on raft-dev, July 2015: two leaders change the members by one, each without the other's knowledge.
    case twoChanges = "two-changes"
    /// Who is to go has the only log that can be elected (thesis, section 4.2.2).
    case leftOut = "left-out"

    /// Runs it; `happened` is false when the story could not be told.
    package func run(seed: UInt64) -> (result: SimulationResult, happened: Bool) {
        var settings = RaftSettings()
        // One entry in a message, so that a script can stop between two.
        settings.appendEntriesMax = 1
        let cluster = ScriptedCluster(
            voters: voters, others: self == .twoChanges ? [5] : [], seed: seed, settings: settings)
        let happened: Bool =
            switch self {
            case .figure8: cluster.figure8()
            case .deafFollower: cluster.deafFollower()
            case .twoChanges: cluster.twoChanges()
            case .leftOut: cluster.leftOut()
            }
        let hash = cluster.messages.hashedWith(cluster.now.raw)
        let result = SimulationResult(
            seed: seed, violations: cluster.checker.violations, hash: hash, milliseconds: cluster.now.raw,
            messages: cluster.messages, sends: 0, reads: 0, faults: [:], history: [])
        return (result, happened)
    }

    private var voters: [Int] {
        switch self {
        case .figure8, .deafFollower: [1, 2, 3]
        case .twoChanges: [1, 2, 3, 4]
        case .leftOut: [1, 2]
        }
    }
}

extension Int {
    fileprivate func hashedWith(_ other: UInt64) -> UInt64 { UInt64(self) &* 0x9E37_79B9_7F4A_7C15 ^ other }
}

extension ScriptedCluster {
    /// `heir` leads, and everybody has its whole log.
    private func begin(with heir: Int) -> Bool {
        let everybody = 1...5
        guard run(20_000, until: { everybody.contains { leads($0) } }) else { return false }
        run(1_000)
        if let leader = everybody.first(where: { leads($0) }), leader != heir {
            on(leader) { _ = $0.transferLeadership(group: Self.group, to: Self.node(heir)) }
        }
        return run(5_000) {
            guard leads(heir), let status = status(heir) else { return false }
            return status.commit == status.lastIndex && status.progress.allSatisfy { $0.lag == 0 }
        }
    }

    /// One of these leads, and no entry has left it since.
    private func electSilently(_ numbers: [Int]) -> Int? {
        connect(numbers)
        lets = { message, _, _ in !message.isAppend }
        _ = run(20_000) { numbers.contains { leads($0) } }
        return numbers.first { leads($0) }
    }

    fileprivate func figure8() -> Bool {
        guard begin(with: 1) else { return false }
        // 1 has an entry that nobody else has.
        connect([1])
        propose(1, on: 1)
        let old = last(1)
        crash(1)
        // Another leads a later term, and the entry that opens it is on its disk only.
        guard let later = electSilently([2, 3]), last(later) == old else { return false }
        let third = later == 2 ? 3 : 2
        crash(later)
        // 1 leads again: the old entry comes to the third and so is on a majority, what 1 opens its term with is not.
        restart(1)
        connect([1, third])
        lets = { [unowned self] message, from, _ in
            from != 1 || last(third) < old || !message.carries(after: old)
        }
        guard run(20_000, until: { leads(1) && last(third) == old }) else { return false }
        run(100)
        crash(1)
        // The other has the later term in its log, so the third votes for it, and the old entry goes.
        restart(later)
        lets = { _, _, _ in true }
        connect([later, third])
        run(20_000) { leads(later) || leads(third) }
        run(1_000)
        return endQuietly()
    }

    fileprivate func deafFollower() -> Bool {
        guard begin(with: 1) else { return false }
        run(1_000)
        let term = term(1)
        // 3 hears everybody but its leader, whom 1 and 2 hear; it has the whole log.
        cut = [[1, 3]]
        run(10_000)
        if !leads(1) || self.term(2) != term {
            checker.fail("1 led with a majority that heard it, and was deposed by one who did not (rule L2)")
        }
        return endQuietly()
    }

    fileprivate func twoChanges() -> Bool {
        guard begin(with: 1) else { return false }
        // 1 adds 5, and only 5 hears of it.
        connect([1, 5])
        change(to: [1, 2, 3, 4, 5], on: 1)
        guard run(2_000, until: { last(5) == last(1) }) else { return false }
        // Another leads a later term and takes 1 out; one hears of that and of the entry that opens the term, one not.
        guard let later = electSilently([2, 3, 4]) else { return false }
        let rest = [2, 3, 4].filter { $0 != later }
        lets = { message, _, to in to != rest[0] || !message.isAppend }
        change(to: [2, 3, 4], on: later)
        run(500)
        // 1 needs 5 and the one who knows nothing.
        lets = { _, _, _ in true }
        connect([1, 5, rest[0]])
        run(10_000) { leads(1) || leads(5) }
        run(500)
        return endQuietly()
    }

    fileprivate func leftOut() -> Bool {
        guard begin(with: 2) else { return false }
        // 2 takes itself out, and stops before 1 hears of it.
        connect([2])
        change(to: [1], on: 2)
        crash(2)
        guard status(1)?.configuration.voters.count == 2 else { return false }
        restart(2)
        return endQuietly()
    }

    /// Everybody runs and hears everybody: there is one leader, and nothing is under way any more.
    private func endQuietly() -> Bool {
        heal()
        for number in 1...5 { restart(number) }
        let isSettled = run(20_000) {
            let leading = (1...5).filter { leads($0) }
            guard leading.count == 1, let status = status(leading[0]) else { return false }
            return status.commit == status.lastIndex && !status.isConfigurationInFlight
        }
        if !isSettled && checker.violations.isEmpty { checker.fail("nobody leads, or nothing commits (L1)") }
        return true
    }
}

extension RaftMessage {
    fileprivate var isAppend: Bool { if case .append = body { true } else { false } }

    fileprivate func carries(after index: LogIndex) -> Bool {
        if case .append(_, let entries, _) = body { return entries.contains { $0.index > index } }
        return false
    }
}
