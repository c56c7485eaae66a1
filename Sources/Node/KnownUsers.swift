import NIOConcurrencyHelpers
import NIOCore
import Vocabulary

/// Users this node has seen to exist lately. An account can be deleted, so what was seen is believed for a minute.
package final class KnownUsers: Sendable {
    private static let countMax = 200_000
    /// An entry lives for one to two of these.
    package static let generation = TimeAmount.seconds(30)

    private struct State {
        var young: Set<UserID> = []
        var old: Set<UserID> = []
        var youngSince = NIODeadline.now()

        mutating func turn(_ now: NIODeadline) {
            let age = now - youngSince
            guard age >= KnownUsers.generation else { return }
            old = age < KnownUsers.generation * 2 ? young : []
            young = []
            youngSince = now
        }
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    package func contains(_ user: UserID, now: NIODeadline = .now()) -> Bool {
        state.withLockedValue { state in
            state.turn(now)
            return state.young.contains(user) || state.old.contains(user)
        }
    }

    package func insert(_ user: UserID, now: NIODeadline = .now()) {
        state.withLockedValue { state in
            state.turn(now)
            state.old.remove(user)
            if state.young.count + state.old.count >= Self.countMax, !state.young.contains(user) {
                if let any = state.old.first {
                    state.old.remove(any)
                } else if let any = state.young.first {
                    state.young.remove(any)
                }
            }
            state.young.insert(user)
        }
    }
}
