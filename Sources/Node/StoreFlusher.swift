import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import RocksStorage
import Storage

/// Flushes of the state store, which all shards of a node share.
///
/// A flush writes out every group's rows, however few are meant, and what it writes is compacted later: so those who
/// ask within half a second of each other share one. Moves of many partitions would otherwise flush with
/// every replica that comes or goes.
final class StoreFlusher: Sendable {
    private static let spacing = TimeAmount.milliseconds(500)
    private static let patience = TimeAmount.seconds(5)

    enum Haste {
        /// Something waits for it.
        case soon
        /// Any flush of the next seconds will do.
        case patient
    }

    private struct State {
        var waiting: [@Sendable () -> Void] = []
        /// The earliest flush that is scheduled.
        var due: NIODeadline?
        var last: NIODeadline?
    }

    private let store: RocksStateStore
    private let pool: NIOThreadPool
    private let loop: any EventLoop
    private let ending: StorageEnding
    private let state = NIOLockedValueBox(State())

    /// - Parameters:
    ///   - pool: whose threads wait for the disk.
    ///   - loop: keeps the time.
    init(store: RocksStateStore, pool: NIOThreadPool, loop: any EventLoop, ending: StorageEnding) {
        self.store = store
        self.pool = pool
        self.loop = loop
        self.ending = ending
    }

    /// Calls `completion`, on a thread of the pool, once everything written before this call is on disk. A flush that
    /// fails ends the process.
    func flush(_ haste: Haste = .soon, _ completion: @escaping @Sendable () -> Void) {
        let now = NIODeadline.now()
        let due: NIODeadline? = state.withLockedValue { state in
            state.waiting.append(completion)
            let due =
                switch haste {
                case .soon: max(now, state.last.map { $0 + Self.spacing } ?? now)
                case .patient: now + Self.patience
                }
            if let earlier = state.due, earlier <= due { return nil }
            state.due = due
            return due
        }
        guard let due else { return }
        if due <= now { submit() } else { loop.scheduleTask(deadline: due) { self.submit() } }
    }

    private func submit() {
        pool.submit { _ in
            // Taken before the flush begins: whoever comes later may have written what it does not cover.
            let waiting: [@Sendable () -> Void] = self.state.withLockedValue { state in
                guard !state.waiting.isEmpty else { return [] }
                defer { state.waiting = [] }
                state.due = nil
                state.last = .now()
                return state.waiting
            }
            // An earlier one has taken everybody along.
            if waiting.isEmpty { return }
            self.ending.orEnd { () throws(StorageFailure) in try self.store.flush() }
            for completion in waiting { completion() }
        }
    }
}
