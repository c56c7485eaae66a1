import Vocabulary
import Wire

/// Decides who hears that somebody writes: the other members, as hints that nobody keeps.
package struct TypingMachine: Sendable {
    private let partitionCount: Int
    private let membersMax: Int

    package init(partitionCount: Int, limits: Limits) {
        self.partitionCount = partitionCount
        membersMax = limits.fanoutDirectMax
    }

    /// - Parameter roster: a group's members, asked only for groups that are not too large to be told.
    package func handle<View: StateView>(
        _ token: UInt64, _ request: TypingRequest, reader: ChatReader<View>, roster: () -> GroupRoster
    ) -> [ChatDirective] {
        guard let record = reader.conversation(request.conversation) else {
            return [.reply(token, .refused(.noSuchConversation))]
        }
        guard reader.view.member(request.user, of: request.conversation, record)?.isMember == true else {
            return [.reply(token, .refused(.notMember))]
        }
        let answer = ChatDirective.reply(token, .ok)
        // Behind a block nothing is heard, and whoever is blocked is not told so.
        #if MUTANTS
        let isBlocked = record.isBlocked && Mutant.active != .typingPastBlock
        #else
        let isBlocked = record.isBlocked
        #endif
        if isBlocked || record.memberCount > membersMax { return [answer] }
        var items: [TypingItem] = []
        if record.kind == .direct {
            for user in record.sides.map(\.user) where user != request.user {
                let partition = PartitionID.of(user, count: partitionCount)
                items.append(TypingItem(partition: partition, event: request, targets: [user]))
            }
        } else {
            for (partition, users) in roster().byPartition {
                let others = users.filter { $0 != request.user }
                if others.isEmpty { continue }
                items.append(TypingItem(partition: partition, event: request, targets: others))
            }
        }
        return items.isEmpty ? [answer] : [answer, .typing(items)]
    }
}
