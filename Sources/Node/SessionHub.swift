import Gateway
import NIOConcurrencyHelpers
import NIOCore
import Vocabulary
import Wire

/// The sessions whose sockets this node holds: takes pushes to them, in batches per session.
package final class SessionHub: Sendable {
    private struct State {
        var sessions: [UInt64: SessionRegistration] = [:]
        var counter: UInt64 = 0
        /// Sessions by the group of their user's partition.
        var byGroup: [GroupID: Set<UInt64>] = [:]
        /// Attached before the number of partitions was known.
        var unindexed: Set<UInt64> = []

        mutating func index(_ session: SessionRegistration, partitions: Int) {
            let number = session.session.number
            if partitions > 0 {
                byGroup[.of(session.user, partitions), default: []].insert(number)
            } else {
                unindexed.insert(number)
            }
        }

        mutating func indexRest(partitions: Int) {
            guard partitions > 0, !unindexed.isEmpty else { return }
            let rest = unindexed
            unindexed = []
            for number in rest {
                if let session = sessions[number] { index(session, partitions: partitions) }
            }
        }

        mutating func remove(_ number: UInt64, partitions: Int) {
            guard let session = sessions.removeValue(forKey: number) else { return }
            guard unindexed.remove(number) == nil, partitions > 0 else { return }
            let group = GroupID.of(session.user, partitions)
            byGroup[group]?.remove(number)
            if byGroup[group]?.isEmpty == true { byGroup[group] = nil }
        }
    }

    private let state: NIOLockedValueBox<State>
    private let bootEpoch: UInt64

    package init(bootEpoch: UInt32) {
        self.bootEpoch = UInt64(bootEpoch)
        state = NIOLockedValueBox(State())
    }

    /// A number that no session of this node had before, over restarts.
    package func nextNumber() -> UInt64 {
        state.withLockedValue { state in
            state.counter += 1
            return bootEpoch << 32 | state.counter
        }
    }

    package var count: Int { state.withLockedValue { $0.sessions.count } }

    /// - Parameter partitions: the cluster's number of partitions; 0 while it is not known. It never changes
    ///   once it is known.
    package func attach(_ registration: SessionRegistration, partitions: Int) {
        state.withLockedValue { state in
            state.remove(registration.session.number, partitions: partitions)
            state.sessions[registration.session.number] = registration
            state.index(registration, partitions: partitions)
        }
    }

    package func detach(_ number: UInt64, partitions: Int) {
        state.withLockedValue { $0.remove(number, partitions: partitions) }
    }

    /// The sessions of a partition's users, in the order of their numbers.
    package func sessions(of group: GroupID, partitions: Int) -> [SessionRegistration] {
        let found = state.withLockedValue { state in
            state.indexRest(partitions: partitions)
            return state.byGroup[group]?.compactMap { state.sessions[$0] } ?? []
        }
        return found.sorted { $0.session < $1.session }
    }

    package func registration(_ number: UInt64) -> SessionRegistration? {
        state.withLockedValue { $0.sessions[number] }
    }

    /// Every session, in the order of their numbers.
    package func all() -> [SessionRegistration] {
        state.withLockedValue { $0.sessions.values.sorted { $0.session < $1.session } }
    }

    func deliver(_ pushes: [SessionPush]) {
        var batches: [UInt64: [SessionDelivery]] = [:]
        for push in pushes {
            // Encoded once for all sessions of this node.
            let event = PushedEvent(push.event)
            for addressee in push.addressees {
                batches[addressee.session, default: []].append(
                    SessionDelivery(position: addressee.position, event: event))
            }
        }
        let targets = state.withLockedValue { state in
            batches.compactMap { number, batch in state.sessions[number].map { ($0, batch) } }
        }
        for (session, batch) in targets {
            session.loop.execute { session.sink.receive(batch) }
        }
    }
}
