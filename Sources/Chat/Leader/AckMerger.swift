import Vocabulary
import Wire

/// Merges what is written down lazily on a user partition: devices' positions, their versions, last seen.
/// Losing it costs a repeated delivery, never a message.
package struct AckMerger: Sendable {
    private var positions: [Key: ConversationPosition] = [:]
    /// Proposed and not yet committed; still counts for whoever asks.
    private var inFlight: [Key: ConversationPosition]?
    private var versions: [VersionKey: InboxVersion] = [:]
    /// Not proposed yet: one user's at most once a minute.
    private var seen: [UserID: Timestamp] = [:]
    /// What was proposed within the last minute, and when.
    private var seenProposed: [UserID: (mark: Timestamp, at: Timestamp)] = [:]

    package static let seenMilliseconds: Int64 = 60_000

    private struct Key: Hashable, Comparable, Sendable {
        var user: UserID
        var device: DeviceID
        var conversation: ConversationID

        static func < (a: Key, b: Key) -> Bool {
            (a.user, a.device, a.conversation) < (b.user, b.device, b.conversation)
        }
    }

    private struct VersionKey: Hashable, Sendable {
        var user: UserID
        var device: DeviceID
    }

    package init() {}

    package var isEmpty: Bool { positions.isEmpty && versions.isEmpty && seen.isEmpty && inFlight == nil }

    package mutating func acknowledge(_ ack: DeviceAck) {
        let key = Key(user: ack.user, device: ack.device, conversation: ack.conversation)
        positions[key] = positions[key]?.merged(with: ack.position) ?? ack.position
    }

    package mutating func cover(_ version: DeviceVersion) {
        let key = VersionKey(user: version.user, device: version.device)
        versions[key] = max(versions[key] ?? .zero, version.version)
    }

    package mutating func see(_ mark: LastSeenMark) {
        seen[mark.user] = max(seen[mark.user] ?? mark.at, mark.at)
    }

    /// When the user was last online, if that may not be committed yet.
    package func lastSeen(_ user: UserID) -> Timestamp? { seen[user] ?? seenProposed[user]?.mark }

    /// Where the device stands, with what is not yet committed.
    package func position(
        of device: DeviceID, of user: UserID, in conversation: ConversationID, committed: ConversationPosition
    ) -> ConversationPosition {
        let key = Key(user: user, device: device, conversation: conversation)
        var position = committed
        if let proposed = inFlight?[key] { position = position.merged(with: proposed) }
        if let waiting = positions[key] { position = position.merged(with: waiting) }
        return position
    }

    /// Forgets what devices that are no more have acknowledged, so that it is no word of a later device of the same
    /// name.
    package mutating func forget(_ devices: [DeviceID], of user: UserID) {
        let isGone = { (key: Key) in key.user == user && devices.contains(key.device) }
        positions = positions.filter { !isGone($0.key) }
        inFlight = inFlight?.filter { !isGone($0.key) }
        versions = versions.filter { $0.key.user != user || !devices.contains($0.key.device) }
    }

    /// What to propose now: at most one batch of positions at a time.
    package mutating func takeCommands(now: Timestamp) -> [Command] {
        var commands: [Command] = []
        if inFlight == nil && !(positions.isEmpty && versions.isEmpty) {
            let acks = positions.keys.sorted().compactMap { key in
                positions[key].map {
                    DeviceAck(
                        user: key.user, device: key.device, conversation: key.conversation, position: $0)
                }
            }
            let covered = versions.map { DeviceVersion(user: $0.user, device: $0.device, version: $1) }
                .sorted { ($0.user, $0.device) < ($1.user, $1.device) }
            commands.append(.deviceAcks(DeviceAckBatch(at: now, acks: acks, versions: covered)))
            inFlight = positions
            positions = [:]
            versions = [:]
        }
        let marks = takeSeen(now: now)
        if !marks.isEmpty { commands.append(.lastSeen(marks)) }
        return commands
    }

    private mutating func takeSeen(now: Timestamp) -> [LastSeenMark] {
        guard !seen.isEmpty else { return [] }
        seenProposed = seenProposed.filter {
            now.milliseconds - $0.value.at.milliseconds < Self.seenMilliseconds
        }
        let due = seen.filter { seenProposed[$0.key] == nil }
        for (user, mark) in due {
            seen[user] = nil
            seenProposed[user] = (mark, now)
        }
        return due.map { LastSeenMark(user: $0, at: $1) }.sorted { $0.user < $1.user }
    }

    /// The positions in flight are committed.
    package mutating func committed() { inFlight = nil }

    /// A batch was not proposed after all; its content waits again.
    package mutating func refused(_ batch: DeviceAckBatch) {
        inFlight = nil
        for ack in batch.acks { acknowledge(ack) }
        for version in batch.versions { cover(version) }
    }
}
