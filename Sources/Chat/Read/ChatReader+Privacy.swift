import Vocabulary
import Wire

extension ChatReader {
    package func settings(of user: UserID) -> UserSettings { view.privacy(user)?.settings ?? UserSettings() }

    /// Whether `user` has blocked `peer`.
    package func isBlocked(_ peer: UserID, by user: UserID) -> Bool {
        guard let record = view.privacy(user), record.blockCount > 0 else { return false }
        return view.isBlocked(peer, by: user)
    }

    package func hasBlocks(_ user: UserID) -> Bool { view.privacy(user)?.blockCount ?? 0 > 0 }

    package func blocks(of user: UserID, after: UserID?, limit: Int) -> BlocksPage {
        let pairs = view.pairs(in: Tables.blocks(user, after: after), limit: limit + 1)
        let blocks = pairs.prefix(limit).map { pair in
            view.decoded(pair) { (bytes) throws(DecodingFailure) in
                guard let user = Tables.user(ofKey: pair.key)?.rest else { throw .truncated }
                var reader = ByteReader(bytes)
                return BlocksPage.Block(
                    user: UserID(unchecked: String(decoding: user, as: UTF8.self)), at: try reader.timestamp()
                )
            }
        }
        return BlocksPage(blocks: blocks, hasMore: pairs.count > limit)
    }

    /// What the viewer's own settings let it see of others.
    package func sights(of users: [UserID], for viewer: UserID) -> [PresenceSight] {
        let record = view.privacy(viewer) ?? PrivacyRecord()
        return users.map { user in
            PresenceSight(
                lastSeen: record.settings.lastSeen, online: record.settings.online,
                isBlocking: record.blockCount > 0 && view.isBlocked(user, by: viewer))
        }
    }

    /// What of a user's presence the viewer is shown: an audience holds both ways, and behind a block everybody
    /// looks offline.
    package func shown(_ state: PresenceState, to viewer: UserID, _ sight: PresenceSight) -> PresenceState {
        let user = state.user
        if viewer == user { return state }
        let hidden = PresenceState(user: user, online: false, lastSeen: nil)
        let record = view.privacy(user) ?? PrivacyRecord()
        #if MUTANTS
        let asksBlocks = Mutant.active != .presencePastBlock
        #else
        let asksBlocks = true
        #endif
        if asksBlocks, sight.isBlocking || record.blockCount > 0 && view.isBlocked(viewer, by: user) {
            return hidden
        }
        func shows(_ own: PrivacyAudience, _ viewers: PrivacyAudience) -> Bool {
            // Contacts are so for both.
            view.admits(own, viewer, of: user) && view.admits(viewers, viewer, of: user)
        }
        return PresenceState(
            user: user, online: state.online && shows(record.settings.online, sight.online),
            lastSeen: shows(record.settings.lastSeen, sight.lastSeen) ? state.lastSeen : nil)
    }

    /// What the conversation between both is to know of `user` now.
    package func flags(of user: UserID, toward peer: UserID) -> MemberFlags {
        view.flags(of: user, toward: peer)
    }

    /// Whether the conversation has these flags, or later ones.
    package func hasFlags(_ update: MemberFlagsUpdate) -> Bool {
        let known: UInt64?
        if let record = view.conversation(update.conversation) {
            known = record.sides.first { $0.user == update.user }?.flags.version
        } else {
            known = view.flagsAhead(update.user, of: update.conversation)?.version
        }
        return known ?? 0 >= update.flags.version
    }

    /// What conversations may not have been told.
    package func flagsDue() -> [FlagsDue] {
        view.pairs(in: Tables.allFlagsDue).map { pair in
            view.decoded(pair) { (_) throws(DecodingFailure) in try Self.flagsDue(pair) }
        }
    }

    private static func flagsDue(_ pair: StatePair) throws(DecodingFailure) -> FlagsDue {
        guard let (user, rest) = Tables.user(ofKey: pair.key) else { throw .truncated }
        var value = ByteReader(pair.value)
        var key = ByteReader(rest)
        let id = try key.identity(ConversationID.self)
        let mark = FlagsMark(
            user: user, conversation: id == .zero ? nil : id, version: try value.varint())
        return FlagsDue(mark: mark, peer: try ChatCodec.optionalUser(from: &value))
    }

    /// The direct conversations of a user after one of them, in the order of their ids, with the other user.
    package func directConversations(
        of user: UserID, after: ConversationID?, limit: Int
    ) -> (found: [(id: ConversationID, peer: UserID)], last: ConversationID?) {
        let all = KeyRange(prefix: Tables.inboxPrefix(user))
        let lower = after.map { Tables.inbox(user, $0) + [0] } ?? all.lower
        let pairs = view.pairs(from: lower, to: all.upper, limit: limit, reverse: false)
        let ids = pairs.compactMap { Tables.conversation(atEndOf: $0.key) }
        let found = ids.compactMap { id -> (ConversationID, UserID)? in
            guard let row = view.inboxRow(user, id), row.kind == .direct, let peer = row.peer else {
                return nil
            }
            return (id, peer)
        }
        return (found, pairs.count < limit ? nil : ids.last)
    }
}
