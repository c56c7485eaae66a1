import Chat
import Vocabulary
import Wire

/// Devices that want to be woken, some of which go away for good, and the provider that wakes them.
extension Simulation {
    /// Before anything else a device says where it is to be told. True when it has something to do about it.
    func wantsPush(_ number: Int, on id: UInt64) -> Bool {
        guard chat.plan.wakesDevices, !chat.devices[number].isRegistered else { return false }
        guard chat.devices[number].calls.values.allSatisfy({ $0.what.isPush != true }) else { return false }
        let viewer = chat.devices[number].viewer
        let registration = PushRegistration(
            target: .fcm(token: "\(viewer.user)/\(viewer.device)"), content: .full, registeredAt: .zero)
        let request = AccountRequest(user: viewer.user, ask: .change(.setPush(viewer.device, registration)))
        call(.account(request), .registerPush, floor: .zero, number, on: id)
        return true
    }

    /// Some devices are switched off for ever: what comes then must be told by push.
    func goesAway(_ number: Int) -> Bool {
        guard chat.plan.wakesDevices, chat.devices[number].isRegistered, areFaultsOn,
            chat.devices.count(where: { !$0.isGone }) > 2,
            chat.devices[number].random.chance(percent: 1.5)
        else { return false }
        let viewer = chat.devices[number].viewer
        note("device \(number) goes away for good")
        chat.devices[number].isGone = true
        let device = ChatLedger.Standing.Device(user: viewer.user, device: viewer.device)
        chat.checker.pushBook.gone[device] = chat.checker.ledger.commands
        hangUp(number)
        return true
    }

    func changeQuiet(_ number: Int, on id: UInt64) {
        let user = chat.devices[number].viewer.user
        var change = SettingsChange()
        change.quietHours =
            chat.devices[number].random.chance(percent: 40)
            ? .hours(QuietHours(startMinute: 0, endMinute: 1, timeZone: "UTC")) : SettingsChange.Quiet.none
        let request = PrivacyRequest.change(user, change)
        call(.privacy(request), .privacy(request), floor: .zero, number, on: id)
    }

    /// Who has refused so often in a row takes the next call: after the sixth refusal a leader waits for five minutes,
    /// and no simulation is that long.
    private static let refusalsMax = 4

    /// The provider takes a call, or not, or takes it and its answer is lost.
    func ask(_ provider: ProviderCall, from node: SimulatedNode) {
        let device = ChatLedger.Standing.Device(user: provider.job.key.user, device: provider.device.id)
        let route = ChatLedger.Standing.Position(device: device, conversation: provider.job.key.conversation)
        var dice = areFaultsOn ? Int.random(in: 0..<100, using: &chat.random) : 100
        if chat.refusals[route, default: 0] >= Self.refusalsMax { dice = 100 }
        chat.refusals[route] = dice < 20 ? chat.refusals[route, default: 0] + 1 : 0
        let isTaken = dice >= 10
        let isAnswered = dice >= 20
        if isTaken {
            chat.checker.provider(gets: provider)
            if let shown = provider.shown {
                note(
                    "\(provider.job.key.user)/\(provider.device.id) is told of \(shown.seq) by \(node.number)"
                )
            }
        }
        let ending: PushJobResult.Ending =
            isAnswered ? .done : .retry(afterMilliseconds: dice < 5 ? 400 : nil)
        schedule(
            .chat(.providerSaid(provider, ending, node: node.number, boot: node.boots)),
            after: UInt64.random(in: 2_000...200_000, using: &chat.random))
    }

    func providerSaid(_ ending: PushJobResult.Ending, to call: ProviderCall, on node: SimulatedNode) {
        if ending == .done { chat.checker.confirmed(call) }
        step(node) { $0.providerSaid(ending, to: call.push) }
    }
}
