import Admin
import Foundation
import Push
import Vocabulary
import Wire

extension NodeAdmin {
    /// Sends one test notification to each device, by this node's own settings and the same senders as any other. It
    /// is no message: it takes no place in the outbox, changes no badge and removes no registration.
    func testPush(user text: String, device: String?) async throws(AdminRefusal) -> PushTestView {
        let parts = try parts()
        guard let user = UserID(text) else { throw .invalid("'\(text)' is not a user id") }
        if let device, DeviceID(device) == nil { throw .invalid("'\(device)' is not a device id") }
        guard let push = parts.push else {
            throw .refused("this node has no push provider set up: see push.* of its configuration")
        }
        let loop = parts.shards[0].loop
        let ask = AccountRequest(user: user, ask: .devices)
        let result = await withCheckedContinuation { continuation in
            parts.dispatcher.perform(.account(ask), on: loop) { continuation.resume(returning: $0) }
        }
        switch result {
        case .account(.devices(let devices)):
            let wanted = devices.filter { device == nil || $0.device.text == device }
            guard !wanted.isEmpty else {
                throw .notFound(device.map { "\(user) has no device \($0)" } ?? "\(user) has no device")
            }
            let registered = wanted.compactMap { device in device.push.map { (device.device, $0) } }
            guard !registered.isEmpty else {
                throw .notFound("no device of \(user) that was asked for is registered for push")
            }
            var answers: [PushTestView.Device] = []
            for (device, registration) in registered { answers.append(await push.test(device, registration)) }
            return PushTestView(devices: answers)
        case .refused(let refusal) where refusal.code.status == 503 || refusal.code.status == 504:
            throw .unavailable("the leader of the user's partition did not answer: \(refusal.message)")
        case .refused(let refusal):
            throw AdminRefusal(
                status: refusal.code.status, code: refusal.code.word, message: refusal.message)
        default: throw .unavailable("the leader of the user's partition did not answer")
        }
    }
}

extension PushService {
    /// One attempt, whose answer is shown and changes nothing.
    fileprivate func test(_ device: DeviceID, _ registration: PushRegistration) async -> PushTestView.Device {
        let target = PushTarget(registration.target)
        var notification = PushNotification(
            id: UUID().uuidString.lowercased(),
            alert: .init(title: "Martlet", body: "This is a test notification."), badge: nil,
            conversation: ConversationID(high: 0, low: 0), message: MessageID(high: 0, low: 0), seq: .zero)
        notification.isTest = true
        let outcome = await send(notification, to: target)
        return PushTestView.Device(
            deviceID: device.text, provider: target.provider.rawValue, result: outcome.word,
            reason: outcome.reason)
    }
}
