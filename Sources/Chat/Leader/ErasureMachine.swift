import Vocabulary
import Wire

/// Drives the erasure of one led partition's users through their conversations, at least once, a few at a time. What
/// it owes stands in the state, so a new leader takes it up again.
package struct ErasureMachine: Sendable {
    private static let inFlightMax = 8
    /// An answer that does not come is asked for again after this long.
    private static let patienceMilliseconds: UInt64 = 15_000
    private static let retryMilliseconds: UInt64 = 1_000
    private static let lookMilliseconds: UInt64 = 10_000

    private struct Place: Hashable, Sendable {
        var user: UserID
        var conversation: ConversationID
    }

    /// When each that is under way may be asked again.
    private var asked: [Place: Tick] = [:]
    private var nextLook: Tick = .zero

    package init() {}

    package var isQuiet: Bool { asked.isEmpty }

    /// An account was erased here.
    package mutating func noted() { nextLook = .zero }

    /// What to ask now; call now and then.
    package mutating func take<View: StateView>(now: Tick, reader: ChatReader<View>) -> [ChatDirective] {
        guard now >= nextLook else { return [] }
        asked = asked.filter { $0.value > now }
        let owed = reader.erasures(limit: Self.inFlightMax + asked.count)
        nextLook = now + (owed.isEmpty ? Self.lookMilliseconds : Self.retryMilliseconds)
        var directives: [ChatDirective] = []
        for (user, conversation) in owed where asked.count < Self.inFlightMax {
            let place = Place(user: user, conversation: conversation)
            guard asked[place] == nil else { continue }
            asked[place] = now + Self.patienceMilliseconds
            directives.append(
                .eraseMember(EraseMemberRequest(user: user, conversation: conversation, from: Seq(1))))
        }
        return directives
    }

    /// A conversation's answer.
    package mutating func answered(
        _ request: EraseMemberRequest, _ result: OperationResult, now: Moment
    ) -> [ChatDirective] {
        let place = Place(user: request.user, conversation: request.conversation)
        asked[place] = now.tick + Self.patienceMilliseconds
        #if MUTANTS
        let result =
            if Mutant.active == .erasureOneStep, case .account(.erased) = result {
                OperationResult.account(.erased(next: nil))
            } else { result }
        #endif
        switch result {
        case .account(.erased(let next?)):
            var following = request
            following.from = next
            return [.eraseMember(following)]
        case .account(.erased(nil)):
            nextLook = .zero
            let change = AccountChange.forgotten(request.conversation)
            // Nobody waits: no token is zero.
            return [
                .propose(
                    .account(AccountCommand(user: request.user, change: change, at: now.wall, token: 0)))
            ]
        default:
            asked[place] = now.tick + Self.retryMilliseconds
            return []
        }
    }
}
