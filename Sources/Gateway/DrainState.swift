import Synchronization

/// Whether this client port is leaving service.
final class DrainState: Sendable {
    private let draining = Atomic<Bool>(false)

    var isDraining: Bool { draining.load(ordering: .relaxed) }

    func begin() { draining.store(true, ordering: .relaxed) }
    func end() { draining.store(false, ordering: .relaxed) }
}
