import Vocabulary
import Wire

/// Admits what a router sends to a group only in the order it was sent, without gaps.
///
/// A node that declines a request (it does not lead, or not any more) may lead a moment later; what the router had
/// sent behind it must not be taken then, or it would overtake it (guarantee G5). So a stream with a declined
/// request is closed: the router sends everything again, in order, as a new stream.
package struct StreamGate: Sendable {
    /// One router of a node, towards one group.
    package struct Source: Hashable, Sendable {
        var node: NodeID
        var router: UInt64
        var group: GroupID

        package init(node: NodeID, request id: UInt64, group: GroupID) {
            self.node = node
            router = OperationRouter.index(of: id)
            self.group = group
        }
    }

    private struct Stream: Sendable {
        var number: UInt64
        var next: UInt64
        var isClosed = false
    }

    private var streams: [Source: Stream] = [:]

    package init() {}

    /// Whether the request may be taken; it is not when something before it was not.
    package mutating func admits(_ place: StreamPlace, from source: Source) -> Bool {
        #if MUTANTS
        if Mutant.active == .pipelineReorders { return true }
        #endif
        var stream = Stream(number: place.stream, next: 0)
        if let known = streams[source] {
            // Late: everything in it was sent again.
            if place.stream < known.number { return false }
            if place.stream == known.number { stream = known }
        }
        guard !stream.isClosed, place.position == stream.next else {
            stream.isClosed = true
            streams[source] = stream
            return false
        }
        stream.next += 1
        streams[source] = stream
        return true
    }

    /// A request of the source was declined after all.
    package mutating func declined(_ source: Source) { streams[source]?.isClosed = true }
}
