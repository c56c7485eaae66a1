import Vocabulary
import Wire

/// Devices block people, let them speak again, and turn read receipts off and on (F11).
extension Simulation {
    func changePrivacy(_ number: Int, on id: UInt64) {
        let user = chat.devices[number].viewer.user
        let others = chat.plan.users.filter { $0 != user }
        guard let peer = others.randomElement(using: &chat.devices[number].random) else { return }
        let request: PrivacyRequest
        switch Int.random(in: 0..<10, using: &chat.devices[number].random) {
        case 0..<4: request = .block(user, peer: peer, isBlocked: true)
        case 4..<8: request = .block(user, peer: peer, isBlocked: false)
        default:
            var change = SettingsChange()
            change.readReceipts = chat.devices[number].random.chance(percent: 50)
            request = .change(user, change)
        }
        call(.privacy(request), .privacy(request), floor: .zero, number, on: id)
    }
}

extension ChatChecker {
    /// An acknowledged block is in the log.
    func acknowledged(_ request: PrivacyRequest) {
        guard case .block(let user, let peer, let isBlocked) = request else { return }
        blocksTold += 1
        if !ledger.privacy.was(ChatLedger.Privacy.Block(user: user, peer: peer), isBlocked) {
            fail("\(user)'s block of \(peer) (\(isBlocked)) was acknowledged and is not in the log")
        }
    }

    /// What conversations must know of their members when all is quiet.
    func privacyDiffers() -> String? {
        for (id, known) in ledger.conversations.sorted(by: { $0.key < $1.key })
        where !known.isGroup && !known.users.contains(where: ledger.isErased) {
            if let differs = ledger.privacy.differs(id, of: known.users) { return differs }
        }
        return nil
    }
}
