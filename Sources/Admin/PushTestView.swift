/// `POST /push/test`: what each of a user's devices that are registered for push was answered with by its provider.
package struct PushTestView: Codable, Hashable, Sendable {
    package struct Device: Codable, Hashable, Sendable {
        package var deviceID: String
        package var provider: String
        /// `delivered` (the provider took it), `dead` (the registration has ended), `retry` or `failed`.
        package var result: String
        /// The provider's words, where it gave a reason.
        package var reason: String?

        package init(deviceID: String, provider: String, result: String, reason: String?) {
            self.deviceID = deviceID
            self.provider = provider
            self.result = result
            self.reason = reason
        }

        enum CodingKeys: String, CodingKey {
            case deviceID = "device_id"
            case provider
            case result
            case reason
        }
    }
    package var devices: [Device]

    package init(devices: [Device]) { self.devices = devices }
}
