/// The services that wake a device; the raw value is the word of the client protocol and of metrics.
package enum PushProvider: String, Hashable, Sendable, CaseIterable {
    case apns, fcm, webpush, webhook
}
