import Logging
import NIOCore
import PeerTransport
import Vocabulary
import Wire

/// Asks the seeds, one after the other and again and again, to be admitted to their cluster.
struct ClusterJoin: Sendable {
    let transport: PeerTransport
    let seeds: [PeerAddress]
    let request: JoinRequest
    let loop: any EventLoop
    let logger: Logger
    /// Told why a seed that answers does not admit this node.
    let onRefusal: @Sendable (String) -> Void

    /// Returns once group 0 has committed this node as a member. Asking again after a crash gets the same answer.
    func run() async throws -> JoinAnswer {
        var attempt = 0
        while true {
            for seed in seeds {
                try Task.checkCancellation()
                do {
                    let reply = try await transport.call(
                        .join(request), at: seed, on: loop, timeout: .seconds(5)
                    ).get()
                    if case .joined(let answer) = reply.answer { return answer }
                    log("a seed did not admit this node", seed, "\(reply.answer)", attempt)
                } catch PeerCallFailure.refused(let refusal) where refusal != .notInCluster {
                    onRefusal("the seed \(seed) refuses this node: \(refusal.reason)")
                    log("a seed refuses this node", seed, refusal.reason, refusedLoudlyFrom)
                } catch let failure as PeerCallFailure {
                    log("a seed did not answer", seed, failure.description, attempt)
                }
            }
            attempt += 1
            try await Task.sleep(for: .milliseconds(min(200 * attempt, 2_000)))
        }
    }

    /// Attempts after which silence is worth a warning; a refusal is at once.
    private let refusedLoudlyFrom = 5

    private func log(_ message: Logger.Message, _ seed: PeerAddress, _ reason: String, _ attempt: Int) {
        let level: Logger.Level = attempt < refusedLoudlyFrom ? .debug : .warning
        logger.log(level: level, message, metadata: ["join.seed": "\(seed)", "join.reason": "\(reason)"])
    }
}
