import Consensus
import NIOConcurrencyHelpers
import Vocabulary

/// What every part of the node may read at any time: the committed metadata and whether the node serves.
package final class NodeState: Sendable {
    package enum Service: String, Sendable { case serving, draining, drained, leaving, left }

    private struct Values {
        var metadata = ClusterMetadata()
        var service = Service.serving
        var drainDeadline: Tick?
        var groupsServing: Set<GroupID> = []
    }

    private let values = NIOLockedValueBox(Values())

    package init() {}

    package var metadata: ClusterMetadata { values.withLockedValue { $0.metadata } }
    package var partitionCount: Int { values.withLockedValue { $0.metadata.partitionCount } }
    package var service: Service { values.withLockedValue { $0.service } }
    package var drainDeadline: Tick? { values.withLockedValue { $0.drainDeadline } }

    /// Takes a newer metadata state.
    package func adopt(_ metadata: ClusterMetadata) {
        values.withLockedValue { values in
            if metadata.epoch >= values.metadata.epoch { values.metadata = metadata }
        }
    }

    package func set(service: Service, deadline: Tick? = nil) {
        values.withLockedValue {
            $0.service = service
            $0.drainDeadline = deadline
        }
    }
}
