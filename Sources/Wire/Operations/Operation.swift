import Vocabulary

/// What a node asks of the leader of a partition, on behalf of a client. Every case is safe to repeat.
package enum Operation: Hashable, Sendable {
    // On the conversation's partition.
    case send(SendRequest)
    case receipt(ReceiptRequest)
    case history(HistoryQuery)
    /// What a device lacks of one conversation: messages after a seq, then receipts after a rev.
    case catchUp(CatchUpQuery)
    case group(GroupRequest)
    case changeMessage(MessageChangeRequest)
    case messageInfo(InfoQuery)
    case setDisappearing(DisappearingRequest)

    // On the user's partition.
    /// Commits that the user exists (a user exists from its first authenticated request).
    case ensureUser(UserID)
    /// Which of these users, all of one partition, exist.
    case usersExist([UserID])
    case openSession(OpenSession)
    case closeSession(user: UserID, session: SessionKey)
    /// Keeps sessions of one partition alive; answers which of them the leader does not know.
    case refreshSessions([SessionRefresh])
    /// Moves devices' positions; merged and committed lazily, answered at once.
    case deviceAcks([DeviceAck])
    case conversations(ConversationsQuery)
    /// A client asks about users of any partitions; the router asks each leader `presenceOf`.
    case presence(viewer: UserID, users: [UserID])
    /// The user's devices, and where each is connected.
    case devices(UserID)

    /// On the group's partition.
    case groupQuery(GroupQuery)
    /// On the users' partition: which of them, all of one partition, `actor` may add to a group.
    case mayAdd(actor: UserID, users: [UserID])
    /// Devices, keys, conversation settings: what belongs to one user.
    case account(AccountRequest)
    case privacy(PrivacyRequest)
    case presenceOf([PresenceQuery], viewer: UserID)
    /// The node that holds the session keeps it up by `watchPresence`.
    case subscribePresence(PresenceSubscription)
    /// Users of one partition; each new watch is answered by a push.
    case watchPresence([PresenceWatch])
    /// On the conversation's partition, all of one: answered when committed.
    case memberFlags([MemberFlagsUpdate])
    /// On the conversation's partition.
    case typing(TypingRequest)
    /// On the conversation's partition: a step of forgetting what an erased user wrote.
    case eraseMember(EraseMemberRequest)
    /// On the conversation's partition: a member takes it out of its own list.
    case clear(ClearRequest)
}

/// The answer to an operation.
package enum OperationResult: Hashable, Sendable {
    case sent(SentResult)
    case ok
    case history(HistoryPage)
    case caughtUp(CatchUpPage)
    case group(GroupResult)
    case usersExist([Bool])
    case opened(SessionOpened)
    case unknownSessions([SessionKey])
    case conversations(ConversationsPage)
    case presence([PresenceState])
    case devices([DeviceLocation])
    case privacy(PrivacyAnswer)
    case refused(Refusal)
    case messageChanged(UpdateEvent)
    case messageInfo(MessageInfo)
    case groupAnswer(GroupAnswer)
    /// For each user asked about: `added` where nothing is in the way.
    case mayAdd([MemberResult])
    case account(AccountResult)
}

/// A definite answer of no, or that the outcome is unknown; carried to the client as it stands.
package struct Refusal: Error, Hashable, Sendable {
    package var code: RefusalCode
    package var message: String
    package var retryAfterMilliseconds: UInt64?
    /// Further fields of the error object: `max`, `field`.
    package var details: [RefusalDetail]

    package init(
        _ code: RefusalCode, _ message: String, retryAfterMilliseconds: UInt64? = nil,
        details: [RefusalDetail] = []
    ) {
        self.code = code
        self.message = message
        self.retryAfterMilliseconds = retryAfterMilliseconds
        self.details = details
    }
}

/// One further field of an error object.
package struct RefusalDetail: Hashable, Sendable {
    package enum Value: Hashable, Sendable {
        case text(String)
        case number(Int64)
        case texts([String])
    }
    package var name: String
    package var value: Value
    package init(_ name: String, _ value: Value) {
        self.name = name
        self.value = value
    }
}

/// The codes of the client protocol, with their HTTP status. Raw values never change: they travel between nodes.
package enum RefusalCode: UInt8, Hashable, Sendable, CaseIterable {
    case invalidRequest = 1, messageTooLong, badCursor, missingField
    case unauthenticated = 10
    case forbidden = 20, blocked, notMember, groupSendRestricted, senderMismatch
    case notFound = 30, recipientUnknown
    case duplicateMismatch = 40, staleDevices
    case gone = 50
    case frameTooLarge = 60
    case rateLimited = 70
    case unavailable = 80, overloaded, draining
    case unknown = 90
    case storageFull = 100

    /// The word in the client protocol's `code` field.
    package var word: String {
        switch self {
        case .invalidRequest: "invalid_request"
        case .messageTooLong: "message_too_long"
        case .badCursor: "bad_cursor"
        case .missingField: "missing_field"
        case .unauthenticated: "unauthenticated"
        case .forbidden: "forbidden"
        case .blocked: "blocked"
        case .notMember: "not_member"
        case .groupSendRestricted: "group_send_restricted"
        case .senderMismatch: "sender_mismatch"
        case .notFound: "not_found"
        case .recipientUnknown: "recipient_unknown"
        case .duplicateMismatch: "duplicate_mismatch"
        case .staleDevices: "stale_devices"
        case .gone: "gone"
        case .frameTooLarge: "frame_too_large"
        case .rateLimited: "rate_limited"
        case .unavailable: "unavailable"
        case .overloaded: "overloaded"
        case .draining: "draining"
        case .unknown: "unknown"
        case .storageFull: "storage_full"
        }
    }

    /// The HTTP status, also the `status` of an `error` frame.
    package var status: Int {
        switch self {
        case .invalidRequest, .messageTooLong, .badCursor, .missingField: 400
        case .unauthenticated: 401
        case .forbidden, .blocked, .notMember, .groupSendRestricted, .senderMismatch: 403
        case .notFound, .recipientUnknown: 404
        case .duplicateMismatch, .staleDevices: 409
        case .gone: 410
        case .frameTooLarge: 413
        case .rateLimited: 429
        case .unavailable, .overloaded, .draining: 503
        case .unknown: 504
        case .storageFull: 507
        }
    }
}
