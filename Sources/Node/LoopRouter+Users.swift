import NIOCore
import Vocabulary
import Wire

/// Questions that concern users of several partitions, and the recipient check before a direct message.
extension LoopRouter {
    /// How long the check of a recipient who was seen before may hold a send up.
    private static let recipientCheckMax = TimeAmount.milliseconds(200)

    /// Sends to `recipient` once it is known to exist and its devices are compared with those that the sender names;
    /// sends to the same recipient that come meanwhile queue behind it, so that order is kept.
    func perform(
        _ request: SendRequest, group: GroupID, recipient: UserID, known: KnownUsers, partitionCount: Int,
        completion: @escaping Completion
    ) {
        if waitingForRecipient[recipient] == nil, request.claimedDevices == nil, known.contains(recipient) {
            return perform(.send(request), group: group, completion: completion)
        }
        let send = RecipientWait(request: request, group: group, completion: completion)
        if waitingForRecipient[recipient] != nil {
            waitingForRecipient[recipient]?.sends.append(send)
            return
        }
        waitingForRecipient[recipient] = RecipientQueue(sends: [send])
        checkNext(recipient, known, partitionCount)
    }

    /// Sends what needs no question any more; asks for the first that does.
    private func checkNext(_ recipient: UserID, _ known: KnownUsers, _ partitionCount: Int) {
        while let first = waitingForRecipient[recipient]?.sends.first {
            if let devices = first.request.claimedDevices {
                let question = newQuestion(of: recipient)
                let ask = AccountRequest(user: recipient, ask: .compareDevices(devices))
                return perform(.account(ask), group: .of(recipient, partitionCount)) { [weak self] result in
                    self?.assumeIsolated {
                        guard $0.isOpen(question, of: recipient) else { return }
                        $0.compared(recipient, result, known, partitionCount)
                    }
                }
            }
            guard known.contains(recipient) else {
                let question = newQuestion(of: recipient)
                goAheadLater(recipient, question, known, partitionCount)
                return usersExist([recipient], known: known, partitionCount: partitionCount) {
                    [weak self] result in
                    self?.assumeIsolated {
                        guard $0.isOpen(question, of: recipient) else { return }
                        $0.recipientChecked(recipient, result, known, partitionCount)
                    }
                }
            }
            sendFirst(to: recipient)
        }
        waitingForRecipient[recipient] = nil
    }

    /// The answer to an earlier question is none to this one.
    private func newQuestion(of recipient: UserID) -> UInt64 {
        recipientQuestions += 1
        waitingForRecipient[recipient]?.question = recipientQuestions
        return recipientQuestions
    }

    private func isOpen(_ question: UInt64, of recipient: UserID) -> Bool {
        waitingForRecipient[recipient]?.question == question
    }

    private func sendFirst(to recipient: UserID) {
        guard let first = waitingForRecipient[recipient]?.sends.first else { return }
        waitingForRecipient[recipient]?.sends.removeFirst()
        perform(.send(first.request), group: first.group, completion: first.completion)
    }

    /// A conversation must not stand still because another partition, its recipient's, has no leader right now: who
    /// was seen to exist is taken to exist still when the answer does not come.
    private func goAheadLater(
        _ recipient: UserID, _ question: UInt64, _ known: KnownUsers, _ partitionCount: Int
    ) {
        guard known.remembers(recipient) else { return }
        _ = loop.scheduleTask(in: Self.recipientCheckMax) { [weak self] in
            self?.assumeIsolated { router in
                guard router.isOpen(question, of: recipient) else { return }
                known.insert(recipient)
                router.checkNext(recipient, known, partitionCount)
            }
        }
    }

    private func recipientChecked(
        _ recipient: UserID, _ result: Result<Set<UserID>, Refusal>, _ known: KnownUsers,
        _ partitionCount: Int
    ) {
        switch result {
        case .success(let existing) where existing.contains(recipient):
            // Not by `known`, which may have forgotten it again.
            sendFirst(to: recipient)
            checkNext(recipient, known, partitionCount)
        case .success:
            known.forget(recipient)
            refuseWaiting(
                for: recipient, Refusal(.recipientUnknown, "There is no user \(recipient)."))
        case .failure(let refusal): refuseWaiting(for: recipient, refusal)
        }
    }

    /// A list that is not the truth goes on to the conversation: an earlier send under the same id has its result.
    private func compared(
        _ recipient: UserID, _ result: OperationResult, _ known: KnownUsers, _ partitionCount: Int
    ) {
        switch result {
        case .account(.deviceDifference(let missing, let extra)):
            known.insert(recipient)
            let isCurrent = missing.isEmpty && extra.isEmpty
            waitingForRecipient[recipient]?.sends[0].request.recipientDevices =
                isCurrent ? nil : .stale(missing: missing, extra: extra)
            sendFirst(to: recipient)
            checkNext(recipient, known, partitionCount)
        case .refused(let refusal): refuseWaiting(for: recipient, refusal)
        default: refuseWaiting(for: recipient, Refusal(.unavailable, "Unexpected answer."))
        }
    }

    private func refuseWaiting(for recipient: UserID, _ refusal: Refusal) {
        for send in waitingForRecipient.removeValue(forKey: recipient)?.sends ?? [] {
            send.completion(.refused(refusal))
        }
    }

    /// Which of `users` exist, asked of every partition concerned.
    func usersExist(
        _ users: [UserID], known: KnownUsers, partitionCount: Int,
        completion: @escaping @Sendable (Result<Set<UserID>, Refusal>) -> Void
    ) {
        let seen = Set(users.filter { known.contains($0) })
        let asked = Set(users).subtracting(seen).sorted()
        guard !asked.isEmpty else { return completion(.success(seen)) }
        let byGroup = Dictionary(grouping: asked) { GroupID.of($0, partitionCount) }
        let gathering = Gathering(count: byGroup.count, loop: loop) {
            (parts: [[UserID]], refusal: Refusal?) in
            if let refusal { return completion(.failure(refusal)) }
            completion(.success(seen.union(parts.flatMap { $0 })))
        }
        for (group, users) in byGroup.sorted(by: { $0.key < $1.key }) {
            perform(.usersExist(users), group: group) { result in
                switch result {
                case .usersExist(let flags) where flags.count == users.count:
                    let existing = zip(users, flags).filter(\.1).map(\.0)
                    for user in existing { known.insert(user) }
                    gathering.add(existing)
                case .refused(let refusal): gathering.fail(refusal)
                default: gathering.fail(Refusal(.unavailable, "Unexpected answer."))
                }
            }
        }
    }
}

/// Sends to one recipient that wait, and the question whose answer they wait for.
struct RecipientQueue {
    var sends: [RecipientWait]
    var question: UInt64 = 0
}

/// A send that waits for the check of its recipient.
struct RecipientWait {
    var request: SendRequest
    let group: GroupID
    let completion: LoopRouter.Completion
}

extension SendRequest {
    fileprivate var claimedDevices: [DeviceID]? {
        guard case .claimed(let devices)? = recipientDevices else { return nil }
        return devices
    }
}

/// Collects answers of several partitions on one loop; reports once, when all are in or one has failed.
final class Gathering<Part: Sendable>: Sendable {
    private struct State {
        var parts: [Part] = []
        var missing: Int
        var report: (@Sendable ([Part], Refusal?) -> Void)?
    }

    private let state: NIOLoopBoundBox<State>

    init(count: Int, loop: any EventLoop, report: @escaping @Sendable ([Part], Refusal?) -> Void) {
        state = NIOLoopBoundBox(State(missing: count, report: report), eventLoop: loop)
    }

    func add(_ part: Part) {
        state.value.parts.append(part)
        state.value.missing -= 1
        if state.value.missing == 0 { finish(nil) }
    }

    func fail(_ refusal: Refusal) { finish(refusal) }

    private func finish(_ refusal: Refusal?) {
        guard let report = state.value.report else { return }
        state.value.report = nil
        report(state.value.parts, refusal)
    }
}
