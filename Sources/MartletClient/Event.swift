/// What a client hears from the cluster, in the order in which it arrived.
public enum Event: Hashable, Sendable {
    /// A connection is up; what was missed follows, then ``caughtUp(cursor:)``.
    case connected(Welcome)
    /// The connection ended. Unless `isFinal`, the client connects again by itself.
    case disconnected(reason: String, isFinal: Bool)
    /// Everything that this device had missed was given out; from here on it is live.
    case caughtUp(cursor: String)
    /// The place from which `connect(cursor:)` resumes; keep the last one.
    case cursor(String)
    /// A message for this user, once, in the order of its conversation.
    case message(Message)
    /// Someone has received or read everything up to `seq`.
    case receipt(Receipt)
    case presence(Presence)
    case typing(Typing)
    /// Members, roles, name or settings of a group changed; takes a place in the conversation.
    case group(GroupChange)
    /// A message was edited, deleted or reacted to; a conversation's settings changed; or a frame newer than
    /// this client. `json` is the frame as it came.
    case other(type: String, json: String)
    /// The server refused something that was not a `send`.
    case refused(Refusal)
}

/// The server's first frame on a connection.
public struct Welcome: Hashable, Sendable {
    public var userID: String
    public var deviceID: String
    public var nodeID: String
    public var sessionID: String
    /// Milliseconds between the pings that the server asks for.
    public var heartbeatMilliseconds: Int
    /// Milliseconds since 1970.
    public var serverTime: Int64
}

/// One message of a conversation.
public struct Message: Hashable, Sendable {
    public var conversationID: String
    public var messageID: String
    /// The place in the conversation: 1, 2, 3, ...
    public var seq: UInt64
    public var senderID: String
    public var recipientID: String
    public var isGroup: Bool
    public var messageType: String
    public var content: String
    /// Milliseconds since 1970, the server's.
    public var timestamp: Int64
    public var clientMessageID: String?
    public var replyTo: String?
}

/// A cumulative receipt: everything up to `seq`.
public struct Receipt: Hashable, Sendable {
    public enum Status: String, Hashable, Sendable { case delivered, read }
    public var conversationID: String
    public var messageID: String
    public var seq: UInt64
    public var userID: String
    public var status: Status
    public var timestamp: Int64
}

public struct Presence: Hashable, Sendable {
    public var userID: String
    public var isOnline: Bool
    /// Milliseconds since 1970; `nil` when online or hidden.
    public var lastSeen: Int64?
}

public struct Typing: Hashable, Sendable {
    public var conversationID: String
    public var userID: String
    public var hasStarted: Bool
}

public struct GroupChange: Hashable, Sendable {
    public var groupID: String
    /// `created`, `member_added`, `renamed`, ... as the server names it.
    public var event: String
    public var seq: UInt64
    /// The whole frame.
    public var json: String
}

/// The cluster's word that a message is durable: on the fsynced disks of a majority, with its place for ever.
public struct Sent: Hashable, Sendable {
    public var messageID: String
    public var conversationID: String
    public var seq: UInt64
    /// Milliseconds since 1970, the server's.
    public var timestamp: Int64
    /// True when an earlier attempt had already been committed.
    public var isDuplicate: Bool
}

/// Who gets a message.
public enum Recipient: Hashable, Sendable {
    case user(String)
    case group(String)
}
