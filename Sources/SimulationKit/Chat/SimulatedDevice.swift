import Vocabulary
import Wire

/// A send of a device, repeated under its id until it is answered.
struct SimulatedSend {
    /// Counts the sends of its device.
    var number: Int
    var id: ClientMessageID
    var recipient: Recipient
    var conversation: ConversationID
    var content: String
    var replyTo: MessageID?
    /// The highest seq told of before it began.
    var floor: Seq
    /// The connection of its first attempt.
    var connection: UInt64
    /// The connection of its last attempt.
    var lastConnection: UInt64 = 0
    var attempts = 0
    var writtenAt: UInt64 = 0
    /// Not before this moment again.
    var retryAt: UInt64?
}

/// A page of history that was asked for.
struct SimulatedHistory {
    var conversation: ConversationID
    var before: UInt64?
    var floor: Seq
    /// Deletions that were told of before.
    var deletions: Int
}

/// A request over REST that is not answered yet.
struct DeviceCall {
    enum What {
        case list
        case group(GroupRequest)
        case privacy(PrivacyRequest)
        case change(MessageChangeRequest, seq: Seq, in: ConversationID)
        case row(ConversationID, RowSettingsChange)
        case registerPush
        case erase

        var isPush: Bool {
            if case .registerPush = self { true } else { false }
        }
    }
    var what: What
    var floor: Seq
    var since: UInt64
}

/// A socket as its two ends and the way between see it.
struct DeviceConnection {
    let device: Int
    /// The process at the other end: the node, and which of its lives.
    let node: Int
    let boot: Int
    /// Nothing passes any more.
    var isCut = false
    var lastUp: UInt64 = 0
    var lastDown: UInt64 = 0
}

/// One device: what it is connected to, and what it waits for.
struct SimulatedDevice {
    let number: Int
    let viewer: ChatChecker.Viewer
    var random: SeededGenerator
    var connection: UInt64?
    var isWelcome = false
    var isSynced = false
    var wasSynced = false
    var heardAt: UInt64 = 0
    var pingedAt: UInt64 = 0
    /// When it connects again.
    var reconnectAt: UInt64 = 0
    /// The last one it was given.
    var cursor: String?
    var sends: [SimulatedSend] = []
    var calls: [UInt64: DeviceCall] = [:]
    var histories: [String: SimulatedHistory] = [:]
    /// Receipts that wait for their `ok`, by ref.
    var receipts: [String: (conversation: ConversationID, seq: UInt64, isRead: Bool)] = [:]
    var sent = 0
    var refs = 0
    /// Sends that one connection carried once and that were acknowledged, in the order of the acknowledgements.
    var pipeline: [ConversationID: [(connection: UInt64, number: Int, floor: Seq, seq: Seq)]] = [:]
    var delivered: [ConversationID: UInt64] = [:]
    var read: [ConversationID: UInt64] = [:]
    /// The socket is not read until then.
    var stalledUntil: UInt64?
    /// The list as it was last answered.
    var rows: [InboxRow]?
    /// Sends that were stored at once; used again with another payload they must be refused.
    var stored: [(id: ClientMessageID, recipient: Recipient)] = []
    var mismatches: Set<String> = []
    var lastMessage: [ConversationID: (seq: UInt64, id: String)] = [:]

    /// Its user's partition knows where to tell it.
    var isRegistered = false
    /// Switched off for ever.
    var isGone = false

    var isIdle: Bool { sends.isEmpty && calls.isEmpty && receipts.isEmpty }

    mutating func ref() -> String {
        refs += 1
        return "r\(refs)"
    }

    /// The socket is gone: what it carried is asked again on the next one, or was not important.
    mutating func disconnected(at now: UInt64, pause: UInt64) {
        connection = nil
        isWelcome = false
        isSynced = false
        stalledUntil = nil
        histories = [:]
        receipts = [:]
        calls = [:]
        mismatches = []
        reconnectAt = now + pause
    }
}

/// Who talks with whom in one simulation.
struct ChatPlan {
    var users: [UserID] = []
    var devices: [(user: UserID, device: DeviceID, isLate: Bool)] = []
    /// Milliseconds between two things that a device does, on average.
    var pace: UInt64 = 300
    /// How often, in percent of what it does.
    var disconnects = 0.0
    var stalls = 0.0
    var groupChanges = 0.0
    var privacyChanges = 0.0
    var rowChanges = 0.0
    /// Devices are told by push of what they have not seen, and some go away for good.
    var wakesDevices = false
    /// Devices tell when somebody writes.
    var types = false
    /// Devices watch who is there: chance of its own, `nil` where they do not.
    var presence: SeededGenerator?
    /// Milliseconds that messages are kept; zero: for ever.
    var retention: UInt64 = 0
    /// A user ends its account.
    var erasesAccounts = false
    /// Messages are edited, deleted, reacted and replied to.
    var changesMessages = false
    /// Groups with more members are fanned out by their epoch.
    var directMax = 100

    /// Nobody.
    init() {}

    init(_ random: inout SeededGenerator) {
        pace = UInt64.random(in: 150...600, using: &random)
        disconnects = Double.random(in: 0...8, using: &random)
        stalls = random.chance(percent: 40) ? Double.random(in: 0...3, using: &random) : 0
        directMax = [1, 2, 100].randomElement(using: &random) ?? 100
        groupChanges = Double.random(in: 2...15, using: &random)
        for number in 0..<Int.random(in: 2...5, using: &random) {
            let user = UserID(unchecked: "person\(number)")
            users.append(user)
            for device in 0..<Int.random(in: 1...3, using: &random) {
                devices.append(
                    (user, DeviceID(unchecked: "device\(device)"), device > 0 && random.chance(percent: 15)))
            }
        }
    }
}
