import NIOCore
import Synchronization
import Vocabulary
import Wire

/// Makes sure that a user exists before it is welcomed or answered; remembers whom it has asked about.
final class UserDirectory: Sendable {
    private let dispatcher: any Dispatcher
    private let known = Mutex(Generations<UserID, Bool>(limit: 200_000))

    init(dispatcher: any Dispatcher) { self.dispatcher = dispatcher }

    /// `completion` runs on `loop`, at once when the user is known; with a refusal the user may not exist.
    func ensure(
        _ user: UserID, on loop: any EventLoop, completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        if known.withLock({ $0[user] }) == true { return completion(nil) }
        dispatcher.perform(.ensureUser(user), on: loop) { [self] result in
            guard case .ok = result else { return completion(refusal(of: result)) }
            known.withLock { $0[user] = true }
            completion(nil)
        }
    }

    private func refusal(of result: OperationResult) -> Refusal {
        if case .refused(let refusal) = result { return refusal }
        return Refusal(.unavailable, "the user could not be looked up")
    }
}
