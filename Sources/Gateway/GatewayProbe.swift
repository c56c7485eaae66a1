import Observability
import Wire

/// What the client port counts, in verbs.
struct GatewayProbe: Sendable {
    private let metrics: NodeMetrics

    init(_ metrics: NodeMetrics) { self.metrics = metrics }

    var sessions: Int { Int(metrics.sessions.value) }

    func accepted() { metrics.connections.add(1) }
    func closed() { metrics.connections.add(-1) }
    func sessionOpened() { metrics.sessions.add(1) }
    func sessionClosed() { metrics.sessions.add(-1) }
    func received(frames: Int) { metrics.framesIn.add(frames) }
    func wrote(frames: Int) { metrics.framesOut.add(frames) }
    func refused(_ code: RefusalCode) { metrics.refusals.add(code.word) }
}
