import Logging

/// The names of all structured log data. A log message is a constant sentence; what varies goes here.
///
/// Message bodies and secrets are never logged. Keys marked sensitive name people: an operator may filter
/// them.
package enum LogKey: String, CaseIterable, Sendable {
    case clusterID = "cluster.id"
    case clusterName = "cluster.name"
    case epoch = "cluster.epoch"
    case nodeID = "node.id"
    case nodeName = "node.name"
    case nodeNumber = "node.number"
    case bootEpoch = "node.boot_epoch"
    case peerID = "peer.id"
    case peerAddress = "peer.address"
    case address = "net.address"
    case partition = "partition"
    case group = "group"
    case replica = "replica"
    case term = "raft.term"
    case index = "raft.index"
    case leader = "raft.leader"
    case digest = "raft.digest"
    case otherDigest = "raft.other_digest"
    case stage = "move.stage"
    case memberState = "member.state"
    case path = "file.path"
    case bytes = "bytes"
    case count = "count"
    case duration = "duration_ms"
    case limit = "limit"
    case key = "config.key"
    case signal = "signal"
    case error = "error"
    case reason = "reason"
    case httpMethod = "http.method"
    case httpPath = "http.path"
    case httpStatus = "http.status"
    case sessionID = "session.id"
    /// Sensitive.
    case userID = "user.id"
    /// Sensitive.
    case deviceID = "device.id"
    /// Sensitive.
    case conversationID = "conversation.id"

    /// Whether the value names a person or what they do.
    package var isSensitive: Bool {
        switch self {
        case .userID, .deviceID, .conversationID: true
        default: false
        }
    }
}

extension Logger.Metadata {
    /// `[.nodeID: "...", .term: "7"]` as metadata.
    package init(keyed pairs: [LogKey: Logger.MetadataValue]) {
        self.init(minimumCapacity: pairs.count)
        for (key, value) in pairs { self[key.rawValue] = value }
    }
}

extension Logger {
    /// Data that goes with everything this logger says from now on.
    package subscript(key: LogKey) -> Logger.MetadataValue? {
        get { self[metadataKey: key.rawValue] }
        set { self[metadataKey: key.rawValue] = newValue }
    }

    /// A logger that also says these.
    package func adding(_ pairs: [LogKey: Logger.MetadataValue]) -> Logger {
        var logger = self
        for (key, value) in pairs { logger[key] = value }
        return logger
    }
}
