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

    /// Takes a wish to set the conversation's disappearing time.
    package mutating func setDisappearing(
        _ token: UInt64, _ request: DisappearingRequest, now: Moment
    ) -> [ChatDirective] {
        lastUsed = now.tick
        let isProposed = disappearing[request] != nil
        disappearing[request, default: []].append(token)
        return isProposed ? [] : [.propose(.setDisappearing(request, at: now.wall))]
    }

    package mutating func applied(_ outcome: DisappearingOutcome) -> [ChatDirective] {
        answer(outcome.request, outcome.refusal.map { .refused($0) } ?? .ok)
    }

    package mutating func refused(_ request: DisappearingRequest, _ refusal: Refusal) -> [ChatDirective] {
        answer(request, .refused(refusal))
    }

    private mutating func answer(_ request: DisappearingRequest, _ result: OperationResult) -> [ChatDirective]
    {
        (disappearing.removeValue(forKey: request) ?? []).map { .reply($0, result) }
    }
}
