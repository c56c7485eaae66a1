import Chat
import Vocabulary
import Wire

extension ChatLedger {
    /// Blocks and read receipts that are off: as the users' partitions have them, and as conversations know of them.
    struct Privacy {
        struct Block: Hashable {
            var user: UserID
            var peer: UserID
        }

        private(set) var blocks: Set<Block> = []
        /// Blocks that stood at some time, and those that were taken back at some time.
        private var everSet: Set<Block> = []
        private var everLifted: Set<Block> = []
        /// Users who have read receipts off.
        private(set) var hiding: Set<UserID> = []
        private var known: [ConversationID: [UserID: MemberFlags]] = [:]
        /// Direct conversations that knew of a block, or of anything, at some time.
        private(set) var everBlocked: Set<ConversationID> = []
        private(set) var everFlagged: Set<ConversationID> = []

        /// A block is one, and repeating it changes nothing.
        mutating func committed(_ command: PrivacyCommand, _ outcome: PrivacyOutcome) -> String? {
            guard case .success = outcome.result else { return nil }
            switch command {
            case .block(let command):
                let block = Block(user: command.user, peer: command.peer)
                let isNews = blocks.contains(block) != command.isBlocked
                if outcome.isChange != isNews { return "\(block) is \(isNews ? "no" : "a") change" }
                if command.isBlocked {
                    blocks.insert(block)
                    everSet.insert(block)
                } else {
                    blocks.remove(block)
                    everLifted.insert(block)
                }
            case .change(let user, let change):
                if change.readReceipts == false { hiding.insert(user) }
                if change.readReceipts == true { hiding.remove(user) }
            case .flagsDelivered: break
            }
            return nil
        }

        mutating func committed(_ update: MemberFlagsUpdate) {
            let before = known[update.conversation]?[update.user] ?? MemberFlags()
            guard update.flags.version > before.version else { return }
            known[update.conversation, default: [:]][update.user] = update.flags
            if update.flags.isBlocking { everBlocked.insert(update.conversation) }
            if update.flags.isBlocking || update.flags.hidesReads { everFlagged.insert(update.conversation) }
        }

        func isBlocked(_ conversation: ConversationID) -> Bool {
            known[conversation]?.values.contains { $0.isBlocking } ?? false
        }

        func was(_ block: Block, _ isBlocked: Bool) -> Bool {
            isBlocked ? everSet.contains(block) : everLifted.contains(block) || !everSet.contains(block)
        }

        /// L4: what a direct conversation still does not know, or knows wrongly.
        func differs(_ id: ConversationID, of pair: [UserID]) -> String? {
            for (user, peer) in zip(pair, pair.reversed()) {
                let flags = known[id]?[user] ?? MemberFlags()
                let isBlocking = blocks.contains(Block(user: user, peer: peer))
                if flags.isBlocking != isBlocking {
                    return "\(id) says that \(user) blocks: \(flags.isBlocking)"
                }
                if flags.hidesReads != hiding.contains(user) {
                    return "\(id) says that \(user) hides reads: \(flags.hidesReads)"
                }
            }
            return nil
        }
    }
}
