import Vocabulary
import Wire

/// What a user's live sessions have been sent of one conversation.
struct LiveConversation: Hashable, Sendable {
    var position: ConversationPosition
    /// The receipts sent, by the rev of the latest of each.
    var statuses: [StatusKey: Rev] = [:]
    /// The rev of the counts sent last.
    var countedRev = Rev.zero
}

/// One event for one session, with its place among the events of the same item.
package struct LivePush: Hashable, Sendable {
    package var node: NodeID
    package var addressee: SessionPush.Addressee
    package var event: SessionPush.Event
    package var place: Int
}

extension UserMachine {
    /// Sends an item's news to all sessions, without waiting for a disk.
    ///
    /// A device does not get its own messages: those are answered with `sent`. When the item shows a head, a rev or
    /// a message whose body, or that of one before it, this leader never had, sessions are told to read what lacks: the
    /// message itself would show the gap to every device but the one that sent it.
    /// - Parameter before: the user's row before this item, committed or not; asked once per conversation.
    package mutating func receive(
        _ item: FanoutItem, _ target: FanoutItem.Target, before: () -> InboxRow?, positions: Positions
    ) -> [LivePush] {
        guard sessionCount > 0 else { return [] }
        var known =
            live.removeValue(forKey: item.conversation)
            ?? LiveConversation(position: before()?.position ?? .start)
        let statuses = item.statuses.filter { known.isNews($0, for: target) }
        let messages = item.messages.filter { $0.seq >= target.first && $0.seq <= target.head }
        let updates = item.updates.filter { known.isNews($0, for: target) }
        var pushes: [LivePush] = []
        for (place, event) in events(messages, statuses, updates, item.rev).enumerated() {
            pushes += push(event, item.conversation, place: place, positions)
        }
        if var counts = target.counts, target.isMember, counts.rev > known.countedRev {
            known.countedRev = counts.rev
            // The last event of the item: everything up to its rev was sent before.
            counts.rev = item.rev
            pushes += push(.counts(counts), item.conversation, place: .max - 1, positions)
        }
        let head = ConversationPosition(seq: target.head, rev: item.rev)
        #if MUTANTS
        let isForgotten = Mutant.active == .lostBodyForgotten
        #else
        let isForgotten = false
        #endif
        if !isForgotten, known.lacks(head, target.first, messages, isBare: item.isBare) {
            pushes += push(
                .advanced(item.conversation, head: head), item.conversation, place: .max, positions)
        }
        known.position = known.position.merged(with: head)
        for status in statuses { known.statuses[StatusKey(status)] = status.rev }
        live[item.conversation] = known
        return pushes
    }

    /// Rows are committed: everything up to `version` was pushed before.
    package func committed(_ outcome: InboxOutcome) -> [LivePush] {
        let events = outcome.changed.map { SessionPush.Event.settings($0) } + [.version(outcome.version)]
        return events.enumerated().flatMap { place, event in
            sessions.map { session in
                LivePush(
                    node: session.key.node,
                    addressee: SessionPush.Addressee(session: session.key.number, position: .start),
                    event: event, place: place)
            }
        }
    }

    /// Puts messages, receipts and changes in an order in which the rev of each event is true: whoever has the
    /// event has every receipt and change up to it.
    private func events(
        _ messages: [MessageRecord], _ statuses: [StatusEvent], _ updates: [UpdateEvent], _ rev: Rev
    ) -> [SessionPush.Event] {
        var others: [(rev: Rev, event: SessionPush.Event)] = statuses.map { ($0.rev, .status($0)) }
        others += updates.map { ($0.rev, .update($0)) }
        if !statuses.isEmpty && !updates.isEmpty { others.sort { $0.rev < $1.rev } }
        guard let first = others.first, let last = others.last else {
            return messages.map { .message($0, rev: rev) }
        }
        let before = first.rev.previous
        // A message must come before its own changes.
        let isLastChanged = updates.contains { $0.seq == messages.last?.seq }
        let endsWithMessage = rev > last.rev && !isLastChanged
        let early = endsWithMessage ? messages.dropLast() : messages[...]
        var events: [SessionPush.Event] = early.map { .message($0, rev: before) }
        events += others.map(\.event)
        if endsWithMessage, let last = messages.last { events.append(.message(last, rev: rev)) }
        return events
    }

    private mutating func push(
        _ event: SessionPush.Event, _ conversation: ConversationID, place: Int, _ positions: Positions
    ) -> [LivePush] {
        var pushes: [LivePush] = []
        for index in sessions.indices where !event.isOwn(of: user, sessions[index].device) {
            let position = position(index, conversation, positions)
            let key = sessions[index].key
            pushes.append(
                LivePush(
                    node: key.node,
                    addressee: SessionPush.Addressee(session: key.number, position: position), event: event,
                    place: place))
        }
        return pushes
    }
}

extension LiveConversation {
    /// A member's own `delivered` is no news for it, nor is anything of a conversation one has left.
    fileprivate func isNews(_ status: StatusEvent, for target: FanoutItem.Target) -> Bool {
        let isOwn = status.user == target.user
        guard target.isMember, isOwn ? status.status == .read : !status.isPrivate else { return false }
        return status.rev > statuses[StatusKey(status)] ?? .zero
    }

    /// Items carry every change that is not acknowledged, so the rev of the last item says what was sent.
    fileprivate func isNews(_ update: UpdateEvent, for target: FanoutItem.Target) -> Bool {
        target.isMember && update.seq >= target.first && update.seq <= target.head
            && update.concerns(target.user)
            && update.rev > position.rev
    }

    fileprivate func lacks(
        _ head: ConversationPosition, _ first: Seq, _ messages: [MessageRecord], isBare: Bool
    ) -> Bool {
        var sent = max(position.seq, first.previous)
        for message in messages where message.seq == sent.next { sent = message.seq }
        return head.seq > sent || isBare && head.rev > position.rev
    }
}

extension FanoutItem {
    /// Rows are repaired, and nobody knows what sessions lack. Counts stay away from such an item.
    fileprivate var isBare: Bool {
        messages.isEmpty && statuses.isEmpty && updates.isEmpty && !targets.contains { $0.counts != nil }
    }
}

extension SessionPush.Event {
    fileprivate func isOwn(of user: UserID, _ device: DeviceID) -> Bool {
        guard case .message(let message, _) = self else { return false }
        return message.sender == user && message.senderDevice == device && message.type != .system
    }
}

extension [LivePush] {
    /// Pushes to one node with the same event become one, in the order of the events.
    package var merged: [ChatDirective] {
        if count == 1 {
            return map { .push($0.node, SessionPush(addressees: [$0.addressee], event: $0.event)) }
        }
        var groups: [(node: NodeID, place: Int, push: SessionPush)] = []
        for push in self {
            let same = groups.firstIndex {
                $0.node == push.node && $0.place == push.place && $0.push.event == push.event
            }
            if let same {
                groups[same].push.addressees.append(push.addressee)
            } else {
                groups.append(
                    (push.node, push.place, SessionPush(addressees: [push.addressee], event: push.event)))
            }
        }
        // A session has at most one event of a place, so the order within a place does not matter.
        return groups.sorted { $0.place < $1.place }.map { .push($0.node, $0.push) }
    }
}
