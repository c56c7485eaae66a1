/// Every bound that a client or operator can meet, with its default. One value, handed to whoever enforces it.
package struct Limits: Hashable, Sendable {
    /// Characters (Unicode scalars) of a text message.
    package var textScalarsMax = 65_536
    /// Bytes of a frame or request body.
    package var frameBytesMax = 1_000_000
    /// Bytes of a reference message's metadata (image, video, audio, file, location, contact, custom).
    package var metadataBytesMax = 16_384
    /// Members of a group.
    package var groupMembersMax = 1_024
    /// Bytes of UTF-8 of a group's name.
    package var groupNameBytesMax = 256
    /// Bytes of UTF-8 of a group's description.
    package var groupDescriptionBytesMax = 2_048
    /// Devices of a user.
    package var devicesMax = 10
    /// Bytes of UTF-8 of a device's name.
    package var deviceNameBytesMax = 128
    /// Messages in one page of history, and the default.
    package var historyPageMax = 100
    package var historyPageDefault = 50
    /// Users in one presence query; users in one connection's subscriptions.
    package var presenceQueryMax = 100
    package var presenceSubscriptionsMax = 200
    /// Sessions that watch one user; more are told the state once.
    package var presenceWatchersMax = 10_000
    /// Users that one user blocks.
    package var blocksMax = 10_000
    /// Mentions of one message.
    package var mentionsMax = 256
    /// Unacknowledged sends of one connection; at that many its socket is no longer read.
    package var sendsInFlightMax = 64
    /// Proposals and bytes waiting in one partition; more is `overloaded`.
    package var proposalsMax = 4_096
    package var proposalBytesMax = 8 << 20
    /// Bytes waiting for one peer.
    package var peerQueueBytesMax = 16 << 20
    /// Token bucket of sends, per user: burst, and per second.
    package var sendBurst = 60
    package var sendRatePerSecond = 20
    /// Token bucket of sends to one group, of all its members together.
    package var groupSendBurst = 200
    package var groupSendRatePerSecond = 100
    /// Token bucket of all other frames, per connection.
    package var frameBurst = 1_000
    package var frameRatePerSecond = 500
    /// A client's heartbeat interval, and the silence after which it is offline and after which it is closed.
    package var heartbeatMilliseconds: UInt64 = 10_000
    package var presenceMilliseconds: UInt64 = 30_000
    package var silenceMilliseconds: UInt64 = 60_000
    /// How long a node holds a send while its partition has no leader.
    package var sendHoldMilliseconds: UInt64 = 10_000
    /// How long a drain waits for clients.
    package var drainMilliseconds: UInt64 = 60_000
    /// Groups of at most this many members are fanned out by name.
    package var fanoutDirectMax = 100
    /// Milliseconds without use after which an actor is evicted.
    package var actorIdleMilliseconds: UInt64 = 30_000

    /// How long a sender may edit a message, and delete it for everyone.
    package var editWindowMilliseconds: UInt64 = 15 * 60_000
    package var deleteWindowMilliseconds: UInt64 = 60 * 3_600_000
    /// The longest `expires_in_ms` of a message.
    package var expiryMillisecondsMax: UInt64 = 90 * 86_400_000
    /// How long messages are kept; zero: for ever.
    package var retentionMilliseconds: UInt64 = 0
    /// Bytes of UTF-8 of a reaction.
    package var reactionBytesMax = 64

    package init() {}
}
