import NIOCore
import Synchronization
import Vocabulary
import Wire

/// Makes sure that a user exists before it is welcomed or answered; remembers whom it has asked about.
final class UserDirectory: Sendable {
    private let dispatcher: any Dispatcher
    /// When each was asked about. Not for ever: an account may have been deleted since.
    private let known = Mutex(Generations<UserID, Tick>(limit: 200_000))
    private static let knownMilliseconds: UInt64 = 60_000

    init(dispatcher: any Dispatcher) { self.dispatcher = dispatcher }

    /// `completion` runs on `loop`, at once when the user is known; with a refusal the user may not exist.
    func ensure(
        _ user: UserID, on loop: any EventLoop, completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        let now = GatewayClock.tick
        if let asked = known.withLock({ $0[user] }), now.since(asked) < Self.knownMilliseconds {
            return completion(nil)
        }
        dispatcher.perform(.ensureUser(user), on: loop) { [self] result in
            guard case .ok = result else { return completion(refusal(of: result)) }
            known.withLock { $0[user] = now }
            completion(nil)
        }
    }

    /// The account was deleted here.
    func forget(_ user: UserID) { known.withLock { $0[user] = nil } }

    private func refusal(of result: OperationResult) -> Refusal {
        if case .refused(let refusal) = result { return refusal }
        return Refusal(.unavailable, "the user could not be looked up")
    }
}
