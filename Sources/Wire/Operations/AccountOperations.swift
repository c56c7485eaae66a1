import Vocabulary

/// A change or a reading of what belongs to one user, on the leader of its partition.
package struct AccountRequest: Hashable, Sendable {
    package enum Ask: Hashable, Sendable {
        /// Goes through the log.
        case change(AccountChange)
        /// The user's devices, with where each is connected.
        case devices
        /// What is left of a device's keys.
        case keyStock(DeviceID)
        /// How a sender's list of the user's devices differs from the truth.
        case compareDevices([DeviceID])
        /// One row of the conversation list.
        case row(ConversationID)
        /// Rows in the order of their conversations' ids, which no activity changes.
        case rows(after: ConversationID?, limit: Int)
        /// Whether a token that is bound to the device holds: no revocation came after it was issued.
        case deviceToken(DeviceID, issued: Timestamp)
    }
    package var user: UserID
    package var ask: Ask

    package init(user: UserID, ask: Ask) {
        self.user = user
        self.ask = ask
    }

    package var isChange: Bool {
        if case .change = ask { return true }
        return false
    }
}

/// One change of what belongs to a user. Each is safe to repeat.
package enum AccountChange: Hashable, Sendable {
    case renameDevice(DeviceID, name: String)
    /// Removes the device with its position, push registration and keys.
    case revokeDevice(DeviceID)
    /// `registeredAt` is stamped by the leader.
    case setPush(DeviceID, PushRegistration)
    /// Removes a push registration; with a time only when it is not newer than that.
    case removePush(DeviceID, registeredUpTo: Timestamp?)
    case uploadKeys(DeviceID, KeyUpload)
    /// Takes one one-time key of each device.
    case takeKeys(KeyFetchID)
    /// `pending` is what the leader has merged for the row and not yet committed.
    case settings(ConversationID, RowSettingsChange, pending: InboxRow?)
    /// The account ends: its devices, keys and settings at once, what it wrote conversation by conversation.
    case erase
    /// A conversation has forgotten the erased user.
    case forgotten(ConversationID)
}

/// The answer to an `AccountRequest`.
package enum AccountResult: Hashable, Sendable {
    case done
    case devices([DeviceState])
    case keyStock(KeyStock)
    case keys([DeviceKeyBundle])
    /// Devices that a sender's list lacks, and those it names that are none.
    case deviceDifference(missing: [DeviceID], extra: [DeviceID])
    case rows(ConversationsPage)
    /// A row after its change.
    case row(InboxRow)
    /// To an `EraseMemberRequest`: where to go on; `nil` when nothing is left.
    case erased(next: Seq?)
}

/// A device as its owner sees it.
package struct DeviceState: Hashable, Sendable {
    package var device: DeviceID
    /// Empty when it has none.
    package var name: String
    package var createdAt: Timestamp
    /// To the minute.
    package var usedAt: Timestamp
    /// The node of its live session; `nil` when it is not connected.
    package var node: NodeID?
    package var push: PushRegistration?
    package var oneTimePrekeys: Int?

    package init(
        device: DeviceID, name: String, createdAt: Timestamp, usedAt: Timestamp, node: NodeID? = nil,
        push: PushRegistration? = nil, oneTimePrekeys: Int? = nil
    ) {
        self.device = device
        self.name = name
        self.createdAt = createdAt
        self.usedAt = usedAt
        self.node = node
        self.push = push
        self.oneTimePrekeys = oneTimePrekeys
    }
}
