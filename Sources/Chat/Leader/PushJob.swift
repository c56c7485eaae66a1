import Sealing
import Vocabulary
import Wire

/// What a leader asks to be sent for one row of the outbox; the shell reads the messages and talks to the providers.
package struct PushJob: Hashable, Sendable {
    package struct Device: Hashable, Sendable {
        package var id: DeviceID
        package var registration: PushRegistration
        /// The device has, or was told of, everything up to here.
        package var after: Seq
    }
    package var partition: PartitionID
    package var key: PushKey
    package var kind: ConversationKind
    package var title: String
    package var devices: [Device]
    package var through: Seq
    package var badge: Int
    /// Only mentions of the user are told.
    package var isMuted: Bool
    /// What is shown is to be cleared, and nothing told.
    package var isClear: Bool
    /// In a group the senders have to be asked about first: `sightsToAsk`, then `take`.
    package var mayHaveBlocked = false
    /// Senders whom the user has blocked: of theirs nothing is told.
    package private(set) var blocked: Set<UserID> = []

    /// Everything that some device lacks comes after this.
    package var after: Seq { devices.map(\.after).min() ?? through }
}

/// How a job ended, by device.
package struct PushJobResult: Hashable, Sendable {
    package enum Ending: Hashable, Sendable {
        /// Told up to `through`, or never to be.
        case done
        case dead
        case retry(afterMilliseconds: UInt64?)
    }
    package struct Device: Hashable, Sendable {
        package var id: DeviceID
        package var registeredAt: Timestamp
        package var ending: Ending
        /// The last message told.
        package var told: Seq

        package init(id: DeviceID, registeredAt: Timestamp, ending: Ending, told: Seq) {
            self.id = id
            self.registeredAt = registeredAt
            self.ending = ending
            self.told = told
        }
    }
    package var key: PushKey
    package var through: Seq
    package var isClear: Bool
    package var devices: [Device]

    package init(key: PushKey, through: Seq, isClear: Bool, devices: [Device]) {
        self.key = key
        self.through = through
        self.isClear = isClear
        self.devices = devices
    }
}

/// One notification of one message for one device, before a provider's words.
package struct PlannedNotification: Hashable, Sendable {
    /// A UUIDv8 of device and message: the same whenever it is made, so that providers collapse repeats.
    package var id: String
    package var title: String
    package var body: String
    /// Shows nothing: the app decides.
    package var isSilent: Bool
    package var message: MessageID
    package var seq: Seq
}

extension PushJob {
    /// Bytes of a notification's text: providers take 4 KiB in all.
    static let bodyBytesMax = 1_024

    /// What of `messages` one device is told, in order. None of the user's own, of system messages, of what was
    /// deleted; of a muted conversation only what mentions the user.
    package func notifications(for device: Device, of messages: [MessageRecord]) -> [PlannedNotification] {
        messages.filter { $0.seq > device.after && $0.seq <= through && isTold($0) }.map { message in
            PlannedNotification(
                id: Self.id(device.id, of: key.user, message.messageID), title: title(of: message),
                body: device.registration.content == .full ? body(of: message) : "New message",
                isSilent: device.registration.content == .silent, message: message.messageID,
                seq: message.seq)
        }
    }

    /// How far the job is done once this page of messages is told; what is beyond is told by the next job. The page can
    /// hold messages that came after the job was ordered: of those nobody is told yet.
    package func through(_ page: HistoryPage) -> Seq {
        page.hasMore ? min(through, page.messages.last?.seq ?? through) : through
    }

    /// Which of the senders of `messages` the user has blocked is a question to the user's partition; `nil` when there
    /// is nothing to ask.
    package func sightsToAsk(for messages: [MessageRecord]) -> Operation? {
        let senders = senders(of: messages)
        if !mayHaveBlocked || senders.isEmpty { return nil }
        return .privacy(.sights(viewer: key.user, of: senders))
    }

    /// Takes the answer; false when it is none, and the job is to be tried again.
    package mutating func take(_ result: OperationResult, for messages: [MessageRecord]) -> Bool {
        let senders = senders(of: messages)
        guard case .privacy(.sights(let sights)) = result, sights.count == senders.count else { return false }
        blocked = Set(zip(senders, sights).filter(\.1.isBlocking).map(\.0))
        return true
    }

    private func senders(of messages: [MessageRecord]) -> [UserID] {
        Set(messages.map(\.sender)).subtracting([key.user]).sorted()
    }

    private func isTold(_ message: MessageRecord) -> Bool {
        message.type != .system && message.sender != key.user && message.amendments.deletedAt == nil
            && !blocked.contains(message.sender)
            && (!isMuted || message.mentions.contains(key.user))
    }

    private func title(of message: MessageRecord) -> String {
        kind == .direct || title.isEmpty ? message.sender.text : title
    }

    private func body(of message: MessageRecord) -> String {
        let text = message.type == .text ? message.content : "[\(message.type.rawValue)]"
        let all = kind == .direct ? text : "\(message.sender.text): \(text)"
        if all.utf8.count <= Self.bodyBytesMax { return all }
        var cut = ""
        var bytes = 0
        for character in all {
            bytes += character.utf8.count
            if bytes > Self.bodyBytesMax { break }
            cut.append(character)
        }
        return cut + "…"
    }

    package static func id(_ device: DeviceID, of user: UserID, _ message: MessageID) -> String {
        var writer = ByteWriter(capacity: 160)
        writer.text(user)
        writer.text(device)
        writer.identity(message)
        var hash = Array(SHA256.hash(writer.bytes).prefix(16))
        hash[6] = 0x80 | hash[6] & 0x0F
        hash[8] = 0x80 | hash[8] & 0x3F
        let digits = hash.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
        let ends = [4, 6, 8, 10, 16]
        return zip([0] + ends, ends).map { digits[$0..<$1].joined() }.joined(separator: "-")
    }
}
