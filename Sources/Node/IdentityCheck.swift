import Logging
import NIOCore
import PeerTransport
import Vocabulary
import Wire

/// Asks the seeds, before this node says anything of itself, whether the cluster takes it back (rule M4): gossip of
/// a copied data directory would lead others to it.
struct IdentityCheck: Sendable {
    let transport: PeerTransport
    let seeds: [PeerAddress]
    let loop: any EventLoop
    let logger: Logger

    private static let rounds = 15

    /// Returns when a seed takes this node, or none answers: then there is nobody to ask.
    func run() async throws {
        for round in 1...Self.rounds {
            let refusals = try await ask(isFirst: round == 1)
            guard let refusal = refusals.max(by: { $0.gravity < $1.gravity }) else { return }
            switch refusal {
            case .removed: throw NodeFailure.removed
            case .staleBoot: throw NodeFailure.fenced(refusal.reason)
            case .duplicateNode where round < Self.rounds:
                // Perhaps this node's own last process, whose connections are not closed yet.
                try await Task.sleep(for: .milliseconds(200))
            case .duplicateNode: throw NodeFailure.fenced(refusal.reason)
            default: throw NodeFailure.refused(refusal.reason)
            }
        }
    }

    /// Why the seeds that answered refuse this node; empty when one takes it and none says that it is a copy.
    private func ask(isFirst: Bool) async throws -> [HandshakeRefusal] {
        let answers = await withTaskGroup(of: HandshakeRefusal??.self) { tasks in
            for seed in seeds { tasks.addTask { await self.ask(seed, isFirst: isFirst) } }
            return await tasks.reduce(into: [HandshakeRefusal?]()) { answers, answer in
                if let answer { answers.append(answer) }
            }
        }
        try Task.checkCancellation()
        let refusals = answers.compactMap(\.self)
        let isTaken = refusals.count < answers.count
        return refusals.filter { $0 != .notInCluster && $0 != .wrongNode && (!isTaken || $0.isAboutIdentity) }
    }

    /// `nil`: no answer; `.some(nil)`: it takes this node.
    ///
    /// - Parameter isFirst: what the first round says aloud, the others repeat.
    private func ask(_ seed: PeerAddress, isFirst: Bool) async -> HandshakeRefusal?? {
        do {
            _ = try await transport.call(.fullSync([]), at: seed, on: loop, timeout: .seconds(1)).get()
            return .some(nil)
        } catch PeerCallFailure.refused(let refusal) {
            logger.log(
                level: isFirst ? .warning : .debug, "a seed refuses this node",
                metadata: ["join.seed": "\(seed)", "join.reason": "\(refusal.reason)"])
            return refusal
        } catch { return nil }
    }
}

extension HandshakeRefusal {
    /// Said of this node's identity, whatever other seeds say.
    fileprivate var isAboutIdentity: Bool { [.removed, .staleBoot, .duplicateNode].contains(self) }

    fileprivate var gravity: Int {
        switch self {
        case .removed: 3
        case .staleBoot: 2
        case .duplicateNode: 0
        default: 1
        }
    }
}
