import Vocabulary
import Wire

extension ChatReader {
    /// One page of what the user may see of a conversation.
    package func history(_ query: HistoryQuery) -> Result<HistoryPage, Refusal> {
        guard let record = view.conversation(query.conversation) else { return .failure(.noSuchConversation) }
        guard let member = view.member(query.user, of: query.conversation, record) else {
            return .failure(.notMember)
        }
        let newest = member.lastVisible(head: record.head)
        let gone = min(record.gone, newest)
        let first = max(member.firstVisible, record.gone.next)
        let visible = first..<max(first, newest.next)
        var range = visible
        if let around = query.around {
            guard let middle = around.seq(in: record) else { return .failure(.noSuchMessage) }
            range = visible.page(around: middle, limit: query.limit)
        } else if let bound = query.bound {
            switch query.order {
            case .descending: range = range.clamped(to: Seq.zero..<bound)
            case .ascending: range = range.clamped(to: bound.next..<Seq(.max))
            }
        }
        let messages = messages(
            query.conversation, record, in: range, limit: query.limit, reverse: query.order == .descending)
        var page = HistoryPage(
            messages: messages.map { shown($0, to: member, record) },
            hasMore: range.upperBound.distance(after: range.lowerBound) > messages.count, newest: newest,
            links: query.proof ? view.chainLinks(of: messages, in: query.conversation) : [])
        if gone >= max(member.firstVisible, Seq(1)) { page.gone = gone }
        if query.around != nil {
            let (isOlder, isNewer) = (
                range.lowerBound > visible.lowerBound, range.upperBound < visible.upperBound
            )
            page.hasMore = query.order == .descending ? isOlder : isNewer
            page.hasPrevious = query.order == .descending ? isNewer : isOlder
        }
        return .success(page)
    }

    /// A page from this replica, whoever leads; `nil` when it has not come as far as the query wants, or knows
    /// nothing of the user: then the leader has to be asked.
    package func staleHistory(_ query: HistoryQuery) -> HistoryPage? {
        guard let record = view.conversation(query.conversation),
            record.head >= max(query.minSeq, query.bound ?? .zero, query.around?.seq(in: record) ?? .zero)
        else { return nil }
        return try? history(query).get()
    }

    /// What a device lacks: messages after its position, without gaps; with the last page the receipts after
    /// its rev.
    ///
    /// - Parameter roster: the members of a large group, asked only where senders are told counts.
    package func catchUp(
        _ query: CatchUpQuery, roster: () -> GroupRoster? = { nil }
    ) -> Result<CatchUpPage, Refusal> {
        guard let record = view.conversation(query.conversation) else { return .failure(.noSuchConversation) }
        guard let member = view.member(query.user, of: query.conversation, record) else {
            return .failure(.notMember)
        }
        let newest = member.lastVisible(head: record.head)
        let wanted = max(query.after.seq.next, member.firstDelivered, Seq(1))
        let first = max(wanted, record.gone.next)
        let messages = messages(
            query.conversation, record, in: first..<max(first, newest.next), limit: query.limit,
            reverse: false)
        let reached = messages.last?.seq ?? max(query.after.seq, newest)
        var page = CatchUpPage(
            messages: messages.map { shown($0, to: member, record) }, statuses: [],
            position: ConversationPosition(seq: reached, rev: query.after.rev), hasMore: true)
        page.form = record.rev
        let gone = min(record.gone, newest)
        if wanted <= gone { page.gone = wanted...gone }
        if reached < newest { return .success(page) }
        let (updates, end) = updates(query.conversation, record, for: member, query)
        page.updates = updates
        page.position.rev = max(query.after.rev, end)
        page.hasMore = end < record.rev
        // With a cut page only what came before the cut: the rest comes with the next one.
        page.statuses = statuses(query.conversation, record, for: member, after: query.after.rev)
            .filter { $0.rev <= end }
        let isCounted = record.kind == .group && record.memberCount > ChatRules.statusMembersMax
        if isCounted, !page.hasMore, record.rev > query.after.rev, member.isMember, member.lastSent > .zero {
            page.counts = roster().flatMap {
                ReceiptTally($0.members.values).counts(for: member, in: query.conversation, rev: record.rev)
            }
        }
        return .success(page)
    }

    /// Receipts after `rev` that concern `member`: others' when it has sent something, and its own `read`.
    private func statuses(
        _ id: ConversationID, _ record: ConversationRecord, for member: ConversationMember, after rev: Rev
    ) -> [StatusEvent] {
        guard record.rev > rev else { return [] }
        var events = member.statuses(id, record, after: rev).filter { $0.status == .read }
        let toldOfOthers = record.memberCount <= ChatRules.statusMembersMax
        if toldOfOthers && member.isMember && member.lastSent > .zero {
            for other in view.members(of: id, record) where other.user != member.user && other.isMember {
                events += other.statuses(id, record, after: rev).filter { !$0.isPrivate }
            }
        }
        return events.sorted { $0.rev < $1.rev }
    }

    private func messages(
        _ id: ConversationID, _ record: ConversationRecord, in range: Range<Seq>, limit: Int, reverse: Bool
    ) -> [MessageRecord] {
        if range.isEmpty || limit <= 0 { return [] }
        // The commonest catch-up lacks exactly one message: a get is cheaper than a scan.
        if range.lowerBound.next == range.upperBound {
            return view.message(id, range.lowerBound, hash60: record.hash60).map { [$0] } ?? []
        }
        let pairs = view.pairs(
            from: Tables.message(id, range.lowerBound), to: Tables.message(id, range.upperBound),
            limit: limit,
            reverse: reverse)
        return pairs.map { pair in
            view.decoded(pair) { (bytes) throws(DecodingFailure) in
                guard let seq = Tables.seq(atEndOf: pair.key) else { throw .truncated }
                return try StoredMessage.decode(bytes, conversation: id, hash60: record.hash60, seq: seq)
            }
        }
    }
}

extension HistoryQuery.Around {
    /// `nil` for a message of another conversation.
    fileprivate func seq(in record: ConversationRecord) -> Seq? {
        switch self {
        case .seq(let seq): return seq
        case .message(let message):
            return message.isWellFormed && message.hash60 == record.hash60 ? message.seq : nil
        }
    }
}

extension Range<Seq> {
    /// At most `limit` seqs with `middle` in the middle, where there are as many on both sides.
    fileprivate func page(around middle: Seq, limit: Int) -> Range<Seq> {
        let half = UInt64(Swift.max(limit, 1) / 2)
        let wanted = middle.raw > half ? Seq(middle.raw - half) : .zero
        let latest = upperBound.raw > UInt64(limit) ? Seq(upperBound.raw - UInt64(limit)) : .zero
        let lower = Swift.max(lowerBound, Swift.min(wanted, latest))
        return lower..<Swift.max(lower, Swift.min(upperBound, lower.advanced(by: limit)))
    }
}
