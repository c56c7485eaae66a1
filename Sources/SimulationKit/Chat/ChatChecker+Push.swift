import Chat
import Vocabulary
import Wire

/// Notifications, as the provider gets them: of a message one notification for each device, whose repeats collapse, and
/// none that its user does not want; whoever is away is told of everything at last.
extension ChatChecker {
    /// One leadership of a user's partition.
    struct PushLeader: Hashable {
        var node: NodeID
        var boot: UInt64
        var term: Term
    }

    struct Notification: Hashable {
        var device: ChatLedger.Standing.Device
        var conversation: ConversationID
        var seq: Seq
    }

    /// What the provider has been told.
    struct PushBook {
        /// The id that shows a message on a device, and what each id shows.
        fileprivate var ids: [Notification: String] = [:]
        fileprivate var shown: [String: Notification] = [:]
        fileprivate var confirmed: [Notification: Set<PushLeader>] = [:]
        /// Devices that are away for good, by the count of commands then.
        var gone: [ChatLedger.Standing.Device: Int] = [:]
        fileprivate(set) var notifications = 0
        fileprivate(set) var clears = 0
    }

    /// A call reaches the provider.
    func provider(gets call: ProviderCall) {
        let device = ChatLedger.Standing.Device(user: call.job.key.user, device: call.device.id)
        let id = call.job.key.conversation
        guard let shown = call.shown else {
            pushBook.clears += 1
            if (ledger[id]?.watermarks[device.user]?.read ?? .zero) < call.job.through {
                fail("\(device) is to clear \(id) up to \(call.job.through), which it has not read")
            }
            return
        }
        pushBook.notifications += 1
        let name = "\(device) is told of \(shown.seq) of \(id)"
        guard let known = ledger[id], let message = known.message(shown.seq),
            message.messageID == shown.message, known.shows(shown.seq, to: device.user)
        else { return fail("\(name), which is not there for it") }
        if message.isSystem || message.sender == device.user { return fail("\(name), which is no news") }
        let bodies = [message.content] + message.fate.edits
        if !bodies.contains(where: { shown.body == $0 || shown.body == "\(message.sender): \($0)" }) {
            fail("\(name) as \(shown.body)")
        }
        if let why = ledger.standing.forbids(message, in: id, device: device, at: call.applied, call.at) {
            fail("\(name) and \(why)")
        }
        let notification = Notification(device: device, conversation: id, seq: shown.seq)
        if let before = pushBook.ids[notification], before != shown.id { fail("\(name) under two ids") }
        if let other = pushBook.shown[shown.id], other != notification {
            fail("\(name) under the id of \(other)")
        }
        pushBook.ids[notification] = shown.id
        pushBook.shown[shown.id] = notification
        if pushBook.confirmed[notification]?.contains(call.leader) == true {
            fail("\(name) again by the leader that knows it was told")
        }
    }

    /// The leader learns that the provider has it.
    func confirmed(_ call: ProviderCall) {
        guard let shown = call.shown else { return }
        let device = ChatLedger.Standing.Device(user: call.job.key.user, device: call.device.id)
        let notification = Notification(
            device: device, conversation: call.job.key.conversation, seq: shown.seq)
        pushBook.confirmed[notification, default: []].insert(call.leader)
    }

    /// What a device that is away was not told of; nobody read it elsewhere, or wanted not to be told.
    func wasNotTold() -> String? {
        for (device, gone) in pushBook.gone.sorted(by: { "\($0.key)" < "\($1.key)" }) {
            guard let registered = ledger.standing.registrations[device] else { continue }
            for (id, known) in ledger.conversations.sorted(by: { $0.key < $1.key }) {
                guard let stay = known.stays[device.user]?.last, stay.to == nil else { continue }
                let lastSent = known.lastSent[device.user] ?? .zero
                for message in known.messages where message.command > max(gone, registered) {
                    guard stay.includes(message.seq), message.seq > lastSent, !message.isSystem,
                        !message.isGone(for: device.user),
                        !ledger.standing.mayHaveForbidden(message, in: id, user: device.user)
                    else { continue }
                    let notification = Notification(device: device, conversation: id, seq: message.seq)
                    if pushBook.ids[notification] == nil {
                        return "\(device) was not told of \(message.seq) of \(id)"
                    }
                }
            }
        }
        return nil
    }
}
