import NIOConcurrencyHelpers
import Vocabulary

/// Users this node has seen to exist; a user never stops existing, so an entry never goes stale.
package final class KnownUsers: Sendable {
    private static let countMax = 200_000
    private let users = NIOLockedValueBox<Set<UserID>>([])

    package init() {}

    package func contains(_ user: UserID) -> Bool { users.withLockedValue { $0.contains(user) } }

    package func insert(_ user: UserID) {
        users.withLockedValue { users in
            if users.count >= Self.countMax, let any = users.first { users.remove(any) }
            users.insert(user)
        }
    }
}
