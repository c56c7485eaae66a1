import Vocabulary
import Wire

// Comparing what replicas made of the same log (rule R4).
extension RaftGroup {
    /// This replica had `mark.digest` when it had applied exactly up to `mark.index`.
    mutating func noteState(_ mark: StateMark, _ effects: inout RaftEffects) {
        marks.append(mark)
        if marks.count > Self.marksMax { marks.removeFirst() }
        if let expected = expectedMark, expected.index <= mark.index { compare(with: expected, &effects) }
    }

    /// The leader's state at one of the indices that all note; compared now or when this replica comes there.
    mutating func compare(with theirs: StateMark, _ effects: inout RaftEffects) {
        guard let own = marks.last(where: { $0.index == theirs.index }) else {
            expectedMark = theirs.index > (marks.last?.index ?? .zero) ? theirs : nil
            return
        }
        expectedMark = nil
        guard own.digest != theirs.digest else { return }
        // The same committed entries led to another state: nothing that this replica says can be trusted.
        isDiverged = true
        effects.output.divergences.append(
            StateDivergence(group: group, index: theirs.index, own: own.digest, leader: theirs.digest))
    }

    /// The leader of this term counts this replica for an entry that is not here. A replica gives up nothing in a
    /// term that it has acknowledged in it, so the disk was set back (rule M4), and no other promise holds either.
    mutating func lostEntries(upTo acknowledged: LogIndex, _ effects: inout RaftEffects) {
        isDiverged = true
        effects.output.lostLogs.append(
            LostLog(group: group, last: log.lastIndex, acknowledged: acknowledged))
    }

    /// Marks that are kept for leaders that are a little behind.
    private static let marksMax = 8
}
