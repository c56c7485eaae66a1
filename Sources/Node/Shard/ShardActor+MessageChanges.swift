import Chat
import Vocabulary
import Wire

extension ShardActor {
    /// - Parameter isConfirmed: leadership is confirmed, so that what is not here does not exist.
    func change(
        _ request: MessageChangeRequest, origin: RequestOrigin, in leading: LeadingPartition,
        isConfirmed: Bool
    ) {
        guard let conversation = reader(leading.group).conversation(of: request.message) else {
            if !isConfirmed {
                return confirmThenServe(.changeMessage(request), group: leading.group, origin: origin)
            }
            let refusal = Refusal(.notFound, "There is no such message.")
            return ports.answer(origin, .result(.refused(refusal)))
        }
        let token = leading.token(for: origin)
        let now = moment()
        let limits = limits
        let orders = conversationActor(conversation, in: leading).assumeIsolated {
            $0.change(token, request, limits: limits, now: now)
        }
        perform(orders, in: leading)
    }

    func clear(_ request: ClearRequest, origin: RequestOrigin, in leading: LeadingPartition) {
        let token = leading.token(for: origin)
        propose(.clear(ClearCommand(request: request, token: token)), in: leading)
    }

    func handle(_ outcome: ClearOutcome, in leading: LeadingPartition) {
        perform([.reply(outcome.token, outcome.refusal.map { .refused($0) } ?? .ok)], in: leading)
        if let change = outcome.change { fanOut(change, in: leading) }
    }

    func setDisappearing(
        _ request: DisappearingRequest, origin: RequestOrigin, in leading: LeadingPartition
    ) {
        let token = leading.token(for: origin)
        let now = moment()
        let orders = conversationActor(request.conversation, in: leading).assumeIsolated {
            $0.setDisappearing(token, request, now: now)
        }
        perform(orders, in: leading)
    }

    func handle(_ outcome: DisappearingOutcome, in leading: LeadingPartition) {
        if let actor = leading.conversations[outcome.request.conversation] {
            perform(actor.assumeIsolated { $0.applied(outcome) }, in: leading)
        }
        if let change = outcome.change { fanOut(change, in: leading) }
    }

    /// This replica answers by itself, leader or not (guarantee G9), when it has come as far.
    func serveStale(_ query: HistoryQuery, group: GroupID, origin: RequestOrigin) {
        guard groups[group] != nil, let page = reader(group).staleHistory(query) else {
            return ports.answer(origin, .notLeader(hint: nil))
        }
        ports.answer(origin, .result(.history(page)))
    }

    func handle(_ outcome: MessageChangeOutcome, in leading: LeadingPartition) {
        if let actor = leading.conversations[outcome.conversation] {
            perform(actor.assumeIsolated { $0.applied(outcome) }, in: leading)
        }
        if let change = outcome.change { fanOut(change, in: leading) }
    }
}
