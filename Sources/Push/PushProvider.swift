import AsyncHTTPClient
import Vocabulary

/// The services that wake a device; the raw value is the word of the client protocol and of metrics.
package enum PushProvider: String, Hashable, Sendable, CaseIterable {
    case apns, fcm, webpush, webhook

    /// APNs speaks HTTP/2 only; the others are asked for it and may answer in HTTP/1.1.
    package var httpVersion: HTTPClient.Configuration.HTTPVersion { .automatic }
}
