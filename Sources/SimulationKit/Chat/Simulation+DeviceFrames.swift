import Vocabulary
import Wire

/// What devices make of the frames they get. They read JSON as any client would.
extension Simulation {
    func receive(_ frame: DeviceBound, on id: UInt64) {
        guard let connection = chat.connections[id], chat.devices[connection.device].connection == id else {
            return
        }
        let number = connection.device
        chat.devices[number].heardAt = now
        switch frame {
        case .answer(let ticket, let result): answered(number, ticket, result)
        case .close(let code):
            note("device \(number) is closed with \(code)")
            chat.connections[id]?.isCut = true
            deviceLost(id)
        case .text(let text):
            guard case .object(let object)? = try? JSONReader.parse(text),
                case .string(let type)? = object["type"]
            else { return chat.checker.fail("a frame is no JSON object: \(text)") }
            note("device \(number) gets \(String(decoding: text.prefix(300), as: UTF8.self))")
            read(object, type: type, number, on: id)
        }
    }

    private func read(_ object: JSONObject, type: String, _ number: Int, on id: UInt64) {
        let viewer = chat.devices[number].viewer
        switch type {
        case "welcome": chat.devices[number].isWelcome = true
        case "message", "group":
            guard let message = ShownMessage(object, isSystem: type == "group") else {
                return chat.checker.fail("a message lacks fields: \(object)")
            }
            chat.checker.shown(message, to: viewer, on: id)
            chat.devices[number].lastMessage[message.conversation] = object.text("message_id").map {
                (message.seq, $0)
            }
        case "gone": chat.checker.gone(object, to: viewer, on: id)
        case "typing": chat.checker.typing(object, to: viewer, at: now)
        case "presence":
            noteWhoIsThere()
            chat.checker.presence(object, to: viewer, on: id, at: now)
        case "conversation": chat.checker.row(object, to: viewer, on: id)
        case "update": chat.checker.updated(object, to: viewer)
        case "status":
            guard let conversation = object.conversation, let seq = object.number("seq"),
                let user = object.text("user_id"), let word = object.text("status")
            else { return chat.checker.fail("a status lacks fields: \(object)") }
            let key = ChatChecker.StatusKey(user: UserID(unchecked: user), isRead: word == "read")
            chat.checker.status(key, seq: seq, in: conversation, to: viewer, on: id)
        case "sync_done", "cursor":
            chat.devices[number].cursor = object.text("cursor")
            scenario?.cursorTold(self, number)
            guard type == "sync_done" else { return }
            chat.devices[number].isSynced = true
            chat.devices[number].wasSynced = true
            chat.isWarm = chat.isWarm || chat.devices.allSatisfy { $0.wasSynced || $0.viewer.isLate }
        case "sent": sent(object, number, on: id)
        case "error": refused(object, number)
        case "history": history(object, number)
        case "ok":
            guard let ref = object.text("ref"),
                let receipt = chat.devices[number].receipts.removeValue(forKey: ref)
            else { return }
            chat.checker.acknowledgedReceipt(
                Seq(receipt.seq), isRead: receipt.isRead, by: viewer.user, in: receipt.conversation)
        default: break
        }
    }

    /// G1, G4, and G5: what one connection pipelines keeps its order.
    private func sent(_ object: JSONObject, _ number: Int, on id: UInt64) {
        guard let name = object.text("client_message_id"), let conversation = object.conversation,
            let seq = object.number("seq")
        else { return chat.checker.fail("a sent lacks fields: \(object)") }
        guard let place = chat.devices[number].sends.firstIndex(where: { $0.id.text == name }) else {
            if chat.devices[number].mismatches.contains(name) {
                chat.checker.fail("\(name) was acknowledged with another payload")
            }
            return
        }
        let send = chat.devices[number].sends.remove(at: place)
        chat.checker.acknowledged(
            send, by: chat.devices[number].viewer, seq: Seq(seq), in: conversation)
        chat.checker.noteSent(send, seq: seq, by: chat.devices[number].viewer)
        guard send.attempts == 1, send.connection == id else { return }
        chat.devices[number].stored.append((send.id, send.recipient))
        if chat.devices[number].stored.count > 8 { chat.devices[number].stored.removeFirst() }
        let user = chat.devices[number].viewer.user
        // Refused for a block that is lifted since, and asked again because that answer was lost on the way.
        if chat.checker.ledger.wasBlockedOnce(send.id, by: user, in: conversation) { return }
        // An earlier attempt stored it. Of those sent beside it one may be stored anew, since retention has taken its
        // first place.
        if chat.plan.retention > 0, object.boolean("duplicate") == true { return }
        var known = chat.devices[number].pipeline[conversation] ?? []
        known.removeAll { $0.connection != id }
        for other in known where (other.number < send.number) != (other.seq < Seq(seq)) {
            // A refusal that was lost on the way, and would not be given now, is none.
            let since = min(other.floor, send.floor)
            guard chat.checker.wasMember(user, of: conversation, from: since, to: max(other.seq, Seq(seq)))
            else { continue }
            chat.checker.fail(
                "\(send.id) has seq \(seq), send \(other.number) of its connection \(other.seq)")
        }
        chat.devices[number].pipeline[conversation] =
            known.suffix(16) + [(id, send.number, send.floor, Seq(seq))]
    }

    private func refused(_ object: JSONObject, _ number: Int) {
        guard let code = object.text("code") else {
            return chat.checker.fail("an error lacks its code: \(object)")
        }
        if let ref = object.text("ref") {
            if chat.devices[number].receipts.removeValue(forKey: ref) != nil { return }
            if chat.devices[number].histories.removeValue(forKey: ref) != nil { return }
        }
        guard let name = object.text("client_message_id") else { return }
        if chat.devices[number].mismatches.remove(name) != nil { return }
        guard let place = chat.devices[number].sends.firstIndex(where: { $0.id.text == name }) else {
            return
        }
        let send = chat.devices[number].sends[place]
        switch code {
        case "unknown", "unavailable", "overloaded", "draining", "rate_limited", "storage_full":
            if code != "unknown" && send.attempts == 1 {
                chat.checker.refused(send, code, user: chat.devices[number].viewer.user)
            }
            chat.devices[number].sends[place].retryAt =
                now + UInt64.random(in: 50_000...600_000, using: &chat.devices[number].random)
        case "not_member", "recipient_unknown", "not_found", "blocked", "gone":
            chat.devices[number].sends.remove(at: place)
            chat.checker.refused(send, code, user: chat.devices[number].viewer.user)
        default: chat.checker.fail("\(send.id) was refused: \(object)")
        }
    }

    private func history(_ object: JSONObject, _ number: Int) {
        guard let ref = object.text("ref"),
            let asked = chat.devices[number].histories.removeValue(forKey: ref),
            case .array(let values)? = object["messages"]
        else { return }
        var messages: [ShownMessage] = []
        for case .object(let value) in values {
            let isSystem = value.text("message_type") == "system"
            guard let message = ShownMessage(value, isSystem: isSystem) else {
                return chat.checker.fail("a message of a page lacks fields: \(value)")
            }
            messages.append(message)
        }
        chat.checker.page(
            messages, of: asked.conversation, newest: asked.before == nil, floor: asked.floor,
            deletions: asked.deletions, to: chat.devices[number].viewer)
    }

    private func answered(_ number: Int, _ ticket: UInt64, _ result: OperationResult) {
        guard let call = chat.devices[number].calls.removeValue(forKey: ticket) else { return }
        let viewer = chat.devices[number].viewer
        switch (call.what, result) {
        case (.list, .conversations(let page)): chat.devices[number].rows = page.rows
        case (.group(let request), .group(let result)):
            chat.checker.changed(request, result, floor: call.floor)
            if case .create = request.change, !chat.groups.contains(request.group) {
                chat.groups.append(request.group)
            }
        case (.group(let request), .refused(let refusal)):
            chat.checker.refused(
                refusal.code.word, user: viewer.user, in: request.group, floor: call.floor)
            // It may have come to be: then it is one to send to.
            if case .create = request.change, refusal.code == .unknown, !chat.groups.contains(request.group) {
                chat.groups.append(request.group)
            }
        case (.change(let request, _, _), .messageChanged(let event)):
            chat.checker.acknowledged(request, event)
        case (.change(let request, let seq, let conversation), .refused(let refusal)):
            chat.checker.refused(request, refusal, of: seq, in: conversation, floor: call.floor)
        case (.privacy(let request), .privacy): chat.checker.acknowledged(request)
        case (.row(let conversation, let change), .account(.row(let row))):
            chat.checker.acknowledged(change, row, by: viewer, in: conversation)
        case (.registerPush, .account(.done)): chat.devices[number].isRegistered = true
        case (.erase, .account(.done)): chat.checker.acknowledgedErasure(of: viewer.user)
        case (.registerPush, .refused), (.erase, .refused): break
        case (.row, .refused(let refusal)): chat.checker.refused(refusal, of: call.what, by: viewer)
        case (.list, .refused), (.privacy, .refused): break
        default: chat.checker.fail("the answer to \(call.what) is \(result)")
        }
    }
}

extension JSONObject {
    func text(_ name: String) -> String? {
        if case .string(let text)? = self[name] { text } else { nil }
    }

    func boolean(_ name: String) -> Bool? {
        if case .bool(let value)? = self[name] { value } else { nil }
    }

    func number(_ name: String) -> UInt64? {
        if case .integer(let number)? = self[name], number >= 0 { UInt64(number) } else { nil }
    }

    var conversation: ConversationID? { text("conversation_id").flatMap { ConversationID($0) } }
}
