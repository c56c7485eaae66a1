import NIOCore
import Synchronization
import Vocabulary
import Wire

/// Whether a token that is bound to a device still holds: revoking the device ends it, within a second on every
/// node. Sockets are closed by a push; requests ask the leader of the user's partition, which each node believes
/// for half a second.
final class DeviceTokens: Sendable {
    private struct Key: Hashable, Sendable {
        var user: UserID
        var device: DeviceID
        var issued: Timestamp
    }

    private let dispatcher: any Dispatcher
    /// When each was last known to hold.
    private let known = Mutex(Generations<Key, Tick>(limit: 65_536))
    private static let freshMilliseconds: UInt64 = 500
    /// While the leader does not answer, what was known goes on for this long: a partition without a leader cannot
    /// revoke anything, and must not stop what other partitions serve.
    private static let staleMilliseconds: UInt64 = 30_000
    private static let patience = TimeAmount.milliseconds(400)

    init(dispatcher: any Dispatcher) { self.dispatcher = dispatcher }

    /// `completion` runs once, on `loop`; with a refusal the token holds no more.
    func check(
        _ caller: Caller, on loop: any EventLoop, completion: @escaping @Sendable (Refusal?) -> Void
    ) {
        guard let device = caller.device else { return completion(nil) }
        let key = Key(user: caller.user, device: device, issued: caller.issued)
        let now = GatewayClock.tick
        let asked = known.withLock { $0[key] }
        if let asked, now.since(asked) < Self.freshMilliseconds { return completion(nil) }
        let isStaleEnough = asked.map { now.since($0) < Self.staleMilliseconds } ?? false
        let once = Once(completion)
        if isStaleEnough { loop.scheduleTask(in: Self.patience) { once(nil) } }
        let ask = AccountRequest(user: caller.user, ask: .deviceToken(device, issued: caller.issued))
        dispatcher.perform(.account(ask), on: loop) { [self] result in
            switch result {
            case .account:
                known.withLock { $0[key] = now }
                once(nil)
            case .refused(let refusal) where refusal.code.isPassing && isStaleEnough: once(nil)
            case .refused(let refusal):
                if !refusal.code.isPassing { known.withLock { $0[key] = nil } }
                once(refusal)
            default: once(RestCluster.wrongKind)
            }
        }
    }

    /// The first of two who end it.
    private final class Once: Sendable {
        private let completion: Mutex<(@Sendable (Refusal?) -> Void)?>

        init(_ completion: @escaping @Sendable (Refusal?) -> Void) { self.completion = Mutex(completion) }

        func callAsFunction(_ refusal: Refusal?) {
            let taken = completion.withLock { completion in
                defer { completion = nil }
                return completion
            }
            taken?(refusal)
        }
    }
}

extension RefusalCode {
    /// Says nothing of the token: nobody could be asked just now.
    fileprivate var isPassing: Bool {
        switch self {
        case .unavailable, .unknown, .overloaded, .draining: true
        default: false
        }
    }
}
