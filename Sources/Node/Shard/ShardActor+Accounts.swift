import Chat
import Vocabulary
import Wire

/// What belongs to one user: devices, keys, conversation settings.
extension ShardActor {
    func change(_ request: AccountRequest, origin: RequestOrigin, in leading: LeadingPartition) {
        let token = leading.token(for: origin)
        let command = AccountCommand(request, token: token, at: clock.timestamp()) { conversation in
            leading.inbox.row(of: request.user, in: conversation)
        }
        if let command { propose(.account(command), in: leading) }
    }

    func answer(_ request: AccountRequest, in leading: LeadingPartition) -> OperationResult {
        let now = clock.timestamp()
        let actor = leading.users[request.user]
        let pending = leading.inbox.rows(of: request.user)
        return reader(leading.group).answer(request, pending: pending) { devices in
            actor?.assumeIsolated { $0.connected(devices, now: now) } ?? devices
        }
    }

    func handle(_ outcome: AccountOutcome, in leading: LeadingPartition) {
        leading.acks.forget(outcome.revoked, of: outcome.user)
        if outcome.isErased { leading.erasure.noted() }
        let result: OperationResult =
            switch outcome.result {
            case .success(let result): .account(result)
            case .failure(let refusal): .refused(refusal)
            }
        perform([.reply(outcome.token, result)], in: leading)
        leading.push.note(
            outcome.pushes.map { PushKey(user: outcome.user, conversation: $0) }, now: clock.tick())
        guard let actor = leading.users[outcome.user] else { return }
        let now = moment()
        perform(actor.assumeIsolated { $0.applied(outcome, now: now) }, in: leading)
    }
}
