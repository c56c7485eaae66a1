import NIOConcurrencyHelpers
import NIOCore
import Vocabulary

/// Users this node has seen to exist. An account can be deleted, so what was seen is believed for a minute; for a while
/// longer it is remembered, for when nobody can be asked.
package final class KnownUsers: Sendable {
    private static let countMax = 200_000
    /// A belief lasts for one to two of these.
    package static let generation = TimeAmount.seconds(30)
    /// A memory lasts for so many of these: half an hour.
    private static let generationsMax = 60

    private struct State {
        /// From the youngest on; the first two are believed.
        var generations: [Set<UserID>] = [[], []]
        var count = 0
        var youngSince = NIODeadline.now()

        mutating func turn(_ now: NIODeadline) {
            let age = now - youngSince
            guard age >= KnownUsers.generation else { return }
            let passed = min(
                Int(age.nanoseconds / KnownUsers.generation.nanoseconds), KnownUsers.generationsMax)
            generations.insert(contentsOf: repeatElement([], count: passed), at: 0)
            while generations.count > KnownUsers.generationsMax { count -= generations.removeLast().count }
            youngSince = now
        }

        mutating func makeRoom() {
            while count >= KnownUsers.countMax, generations.count > 2 {
                count -= generations.removeLast().count
            }
            guard count >= KnownUsers.countMax else { return }
            let place = generations[1].isEmpty ? 0 : 1
            if generations[place].popFirst() != nil { count -= 1 }
        }
    }

    private let state = NIOLockedValueBox(State())

    package init() {}

    /// Seen lately.
    package func contains(_ user: UserID, now: NIODeadline = .now()) -> Bool {
        state.withLockedValue { state in
            state.turn(now)
            return state.generations[0].contains(user) || state.generations[1].contains(user)
        }
    }

    /// Seen at some time in the last half hour.
    package func remembers(_ user: UserID, now: NIODeadline = .now()) -> Bool {
        state.withLockedValue { state in
            state.turn(now)
            return state.generations.contains { $0.contains(user) }
        }
    }

    package func insert(_ user: UserID, now: NIODeadline = .now()) {
        state.withLockedValue { state in
            state.turn(now)
            guard !state.generations[0].contains(user) else { return }
            state.makeRoom()
            state.generations[0].insert(user)
            state.count += 1
        }
    }

    /// Known not to exist any more.
    package func forget(_ user: UserID) {
        state.withLockedValue { state in
            for index in state.generations.indices where state.generations[index].remove(user) != nil {
                state.count -= 1
            }
        }
    }
}
