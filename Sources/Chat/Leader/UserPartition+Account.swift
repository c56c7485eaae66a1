import Vocabulary
import Wire

/// Changes of accounts, and reads of them.
extension UserPartition {
    mutating func account<View: StateView>(
        _ token: UInt64, _ request: AccountRequest, _ now: Moment, _ reader: ChatReader<View>
    ) -> [ChatDirective] {
        let user = request.user
        let inbox = inbox
        let command = AccountCommand(request, token: token, at: now.wall) { inbox.row(of: user, in: $0) }
        if let command {
            accounts.insert(token)
            return [.propose(.account(command))]
        }
        let machine = users[user]
        let result = reader.answer(request, pending: inbox.rows(of: user)) { devices in
            machine?.read { $0.connected(devices, now: now.wall) } ?? devices
        }
        return [.reply(token, result)]
    }

    mutating func applied(_ outcome: AccountOutcome, _ now: Moment) -> [ChatDirective] {
        acks.forget(outcome.revoked, of: outcome.user)
        var told: [ChatDirective] = []
        if outcome.isErased {
            erasure.noted()
            told = privacy.forget(outcome.user)
        }
        push.note(outcome.pushes.map { PushKey(user: outcome.user, conversation: $0) }, now: now.tick)
        let answer: [ChatDirective] =
            accounts.remove(outcome.token) == nil
            ? [] : [.reply(outcome.token, OperationResult(outcome.result) { .account($0) })]
        return told + answer + lazily(users[outcome.user]?.change { $0.applied(outcome, now: now) } ?? [])
    }
}
