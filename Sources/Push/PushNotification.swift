import Vocabulary

/// What wakes a device, whoever carries it there.
package struct PushNotification: Hashable, Sendable {
    /// What a person sees; `nil` makes it silent: it clears what was shown and sets the badge.
    package struct Alert: Hashable, Sendable {
        package var title: String
        package var body: String

        package init(title: String, body: String) {
            self.title = title
            self.body = body
        }
    }
    /// A UUID derived from device and message: a repeated notification has the same one.
    package var id: String
    package var alert: Alert?
    /// Unread messages of conversations that are not muted; `nil` leaves what is shown.
    package var badge: Int?
    package var conversation: ConversationID
    /// The message it tells of; of a silent one the last that was read.
    package var message: MessageID
    package var seq: Seq
    /// An operator tries the provider out: there is no message.
    package var isTest = false

    package init(
        id: String, alert: Alert?, badge: Int?, conversation: ConversationID, message: MessageID, seq: Seq
    ) {
        self.id = id
        self.alert = alert
        self.badge = badge
        self.conversation = conversation
        self.message = message
        self.seq = seq
    }
}

extension PushNotification {
    /// The word of its kind, for apps.
    var kind: String { isTest ? "test" : alert == nil ? "clear" : "message" }
}

/// Where one device is reached.
package enum PushTarget: Hashable, Sendable {
    /// The device token in hexadecimal; a topic of its own when the app has several.
    case apns(token: String, topic: String?, isSandbox: Bool = false)
    case fcm(token: String)
    /// RFC 8030 and 8291: the push service's address and the browser's keys in base64url.
    case webPush(endpoint: String, p256dh: String, auth: String)
    /// A receiver of the operator's choice; `secret` signs what is sent, `nil` uses the one of the settings.
    case webhook(url: String, secret: String?)

    package var provider: PushProvider {
        switch self {
        case .apns: .apns
        case .fcm: .fcm
        case .webPush: .webpush
        case .webhook: .webhook
        }
    }
}

/// How one attempt ended.
package enum PushOutcome: Hashable, Sendable {
    case delivered
    /// The device is gone: its token is to be forgotten.
    case dead(String)
    /// Try again, not before so many milliseconds when the provider said so.
    case retry(String, afterMilliseconds: UInt64?)
    /// Trying again is of no use: the request or this server's credentials are wrong.
    case failed(String)

    /// What the provider said, where it did not take the notification.
    package var reason: String? {
        switch self {
        case .delivered: nil
        case .dead(let reason), .retry(let reason, _), .failed(let reason): reason
        }
    }

    /// The word of the metric.
    package var word: String {
        switch self {
        case .delivered: "delivered"
        case .dead: "dead"
        case .retry: "retry"
        case .failed: "failed"
        }
    }
}
