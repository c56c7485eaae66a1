import Vocabulary
import Wire

extension ConversationMachine {
    /// Takes a wish to change a message. Who may is judged by the log, with the time stamped here.
    package mutating func change(
        _ token: UInt64, _ request: MessageChangeRequest, limits: Limits, now: Moment
    ) -> [ChatDirective] {
        lastUsed = now.tick
        if changes[request] != nil {
            changes[request]?.append(token)
            return []
        }
        changes[request] = [token]
        return [
            .propose(
                .changeMessage(
                    MessageChangeCommand(
                        conversation: conversation, request: request,
                        editWindowMilliseconds: limits.editWindowMilliseconds,
                        deleteWindowMilliseconds: limits.deleteWindowMilliseconds, at: now.wall)))
        ]
    }

    /// A change was applied, whoever proposed it.
    package mutating func applied(_ outcome: MessageChangeOutcome) -> [ChatDirective] {
        let result = OperationResult(outcome.result) { .messageChanged($0) }
        return (changes.removeValue(forKey: outcome.request) ?? []).map { .reply($0, result) }
    }

    /// A change was not proposed after all.
    package mutating func refused(_ change: MessageChangeCommand, _ refusal: Refusal) -> [ChatDirective] {
        (changes.removeValue(forKey: change.request) ?? []).map { .reply($0, .refused(refusal)) }
    }
}
