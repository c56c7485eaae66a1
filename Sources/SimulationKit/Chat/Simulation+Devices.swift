import Chat
import Vocabulary
import Wire

/// What devices do: mostly send and acknowledge, sometimes read, change groups, hang up or stop reading.
extension Simulation {
    private static let silence: UInt64 = 20_000_000
    private static let pingInterval: UInt64 = 8_000_000

    func act(_ number: Int) {
        if chat.devices[number].isGone { return }
        if chat.devices[number].connection == nil,
            chat.checker.ledger.isErased(chat.devices[number].viewer.user)
        {
            chat.devices[number].isGone = true
            return
        }
        let pace = isEnding ? 100_000 : chat.plan.pace * 1_000
        schedule(
            .chat(.act(device: number)),
            after: UInt64.random(in: pace / 4...pace * 2, using: &chat.devices[number].random))
        guard let id = chat.devices[number].connection else {
            guard now >= chat.devices[number].reconnectAt || isEnding else { return }
            return connect(
                number, toHost: Int.random(in: 1...plan.hosts, using: &chat.devices[number].random))
        }
        if now - chat.devices[number].heardAt > Self.silence { return hangUp(number) }
        guard chat.devices[number].isWelcome else { return }
        if now - max(chat.devices[number].pingedAt, chat.devices[number].heardAt) > Self.pingInterval {
            chat.devices[number].pingedAt = now
            send(.text(Array("{\"type\":\"ping\"}".utf8)), up: id)
        }
        if let until = chat.devices[number].stalledUntil, now >= until || isEnding {
            chat.devices[number].stalledUntil = nil
            send(.writable(true), up: id)
        }
        repeatSends(number, on: id)
        guard chat.isWarm else { return }
        if isEnding { return finishUp(number, on: id) }
        if erases(number, on: id) { return }
        if goesAway(number) || wantsPush(number, on: id) { return }
        doSomething(number, on: id)
    }

    private func draw(_ number: Int, percent: Double) -> Bool {
        chat.devices[number].random.chance(percent: percent)
    }

    private func doSomething(_ number: Int, on id: UInt64) {
        if areFaultsOn {
            if draw(number, percent: chat.plan.disconnects) { return hangUp(number) }
            if draw(number, percent: chat.plan.stalls), chat.devices[number].stalledUntil == nil {
                chat.devices[number].stalledUntil = now + 1_500_000
                return send(.writable(false), up: id)
            }
        }
        if draw(number, percent: chat.plan.groupChanges) { return changeGroup(number, on: id) }
        if chat.plan.privacyChanges > 0, draw(number, percent: chat.plan.privacyChanges) {
            return changePrivacy(number, on: id)
        }
        if chat.plan.types, draw(number, percent: 8) { return type(number, on: id) }
        if chat.plan.wakesDevices, draw(number, percent: 1) { return changeQuiet(number, on: id) }
        if chat.plan.rowChanges > 0, draw(number, percent: chat.plan.rowChanges) {
            return changeRow(number, on: id)
        }
        switch Int.random(in: 0..<100, using: &chat.devices[number].random) {
        case 0..<50:
            let count = draw(number, percent: 25) ? 3 : 1
            for _ in 0..<count { beginSend(number, on: id) }
        case 50..<75: acknowledge(number, on: id)
        case 75..<83: readHistory(number, on: id)
        case 83..<87: list(number, on: id)
        case 87..<90: misuse(number, on: id)
        case 90..<97 where chat.plan.changesMessages: changeMessage(number, on: id)
        default: break
        }
    }

    // MARK: Sends

    func beginSend(_ number: Int, on id: UInt64) {
        guard chat.devices[number].sends.count < 6 else { return }
        let user = chat.devices[number].viewer.user
        let groups = chat.groups.filter { chat.checker.ledger[$0]?.stays[user] != nil }
        let recipient: Recipient
        if !groups.isEmpty, draw(number, percent: 50),
            let group = groups.randomElement(using: &chat.devices[number].random)
        {
            recipient = .group(group)
        } else {
            recipient = .user(
                chat.plan.users.randomElement(using: &chat.devices[number].random) ?? user)
        }
        send(to: recipient, by: number, on: id)
    }

    func send(to recipient: Recipient, by number: Int, on id: UInt64) {
        let viewer = chat.devices[number].viewer
        chat.devices[number].sent += 1
        let name = "\(viewer.user)-\(viewer.device)-\(chat.devices[number].sent)"
        let conversation = ConversationID.conversation(of: viewer.user, with: recipient)
        chat.devices[number].sends.append(
            SimulatedSend(
                number: chat.devices[number].sent, id: ClientMessageID(unchecked: name), recipient: recipient,
                conversation: conversation,
                content: "body of \(name)", replyTo: repliedTo(by: number, in: conversation),
                floor: chat.checker.head(conversation), connection: id))
        write(chat.devices[number].sends.count - 1, of: number, on: id)
    }

    private func write(_ place: Int, of number: Int, on id: UInt64) {
        chat.devices[number].sends[place].attempts += 1
        chat.devices[number].sends[place].lastConnection = id
        chat.devices[number].sends[place].writtenAt = now
        chat.devices[number].sends[place].retryAt = nil
        let send = chat.devices[number].sends[place]
        self.send(.text(Self.frame(send.id, send.recipient, send.content, replyTo: send.replyTo)), up: id)
    }

    private static func frame(
        _ id: ClientMessageID, _ recipient: Recipient, _ content: String, replyTo: MessageID? = nil
    ) -> [UInt8] {
        var json = JSONWriter()
        json.beginObject()
        json.field("type", "send")
        json.field("client_message_id", id)
        switch recipient {
        case .user(let user):
            json.field("recipient_id", user)
            json.field("recipient_type", "user")
        case .group(let group):
            json.field("recipient_id", group)
            json.field("recipient_type", "group")
        }
        json.field("message_type", "text")
        json.field("content", content)
        json.field("timestamp", 1)
        if let replyTo { json.field("reply_to", replyTo) }
        json.endObject()
        return json.bytes
    }

    /// Under the same id: what a lost connection carried, and what was refused for the moment.
    private func repeatSends(_ number: Int, on id: UInt64) {
        for place in chat.devices[number].sends.indices {
            let send = chat.devices[number].sends[place]
            if send.lastConnection != id || send.retryAt.map({ $0 <= now }) ?? false {
                write(place, of: number, on: id)
            } else if send.retryAt == nil, now - send.writtenAt > Self.silence {
                return hangUp(number)
            }
        }
    }

    /// An id that is stored, with another payload: 409.
    private func misuse(_ number: Int, on id: UInt64) {
        guard let stored = chat.devices[number].stored.randomElement(using: &chat.devices[number].random),
            // What is gone may be sent again with any payload.
            chat.plan.retention == 0
        else { return }
        chat.devices[number].mismatches.insert(stored.id.text)
        send(.text(Self.frame(stored.id, stored.recipient, "something else")), up: id)
    }

    // MARK: Receipts

    private func acknowledge(_ number: Int, on id: UInt64) {
        let screens = chat.checker.screens[number] ?? [:]
        let open = screens.filter { id, screen in
            screen.shown > chat.devices[number].delivered[id] ?? 0
                || screen.shown > chat.devices[number].read[id] ?? 0
        }
        guard let conversation = open.keys.sorted().randomElement(using: &chat.devices[number].random),
            let shown = screens[conversation]?.shown
        else { return }
        receipt(
            conversation, upTo: shown, isRead: draw(number, percent: 40),
            isAnswered: draw(number, percent: 25), number, on: id)
    }

    func receipt(
        _ conversation: ConversationID, upTo seq: UInt64, isRead: Bool, isAnswered: Bool, _ number: Int,
        on id: UInt64
    ) {
        var json = JSONWriter()
        json.beginObject()
        json.field("type", "status")
        json.field("status", isRead ? "read" : "delivered")
        let last = chat.devices[number].lastMessage[conversation]
        if let last, last.seq == seq, draw(number, percent: 30) {
            json.field("message_id", last.id)
        } else {
            json.field("conversation_id", conversation)
            json.field("up_to_seq", Int(seq))
        }
        if isAnswered {
            let ref = chat.devices[number].ref()
            chat.devices[number].receipts[ref] = (conversation, seq, isRead)
            json.field("ref", ref)
        }
        json.endObject()
        send(.text(json.bytes), up: id)
        chat.devices[number].delivered[conversation] = seq
        if isRead { chat.devices[number].read[conversation] = seq }
    }

    // MARK: Reads

    private func readHistory(_ number: Int, on id: UInt64) {
        let user = chat.devices[number].viewer.user
        let joined = chat.checker.ledger.conversations.filter { $0.value.stays[user] != nil }
        guard let conversation = joined.keys.sorted().randomElement(using: &chat.devices[number].random)
        else { return }
        let head = chat.checker.head(conversation)
        let ref = chat.devices[number].ref()
        let before: UInt64? =
            draw(number, percent: 40)
            ? UInt64.random(in: 1...(head.raw + 1), using: &chat.devices[number].random) : nil
        chat.devices[number].histories[ref] = SimulatedHistory(
            conversation: conversation, before: before, floor: head,
            deletions: chat.checker.deletionsTold.count)
        var json = JSONWriter()
        json.beginObject()
        json.field("type", "history")
        json.field("ref", ref)
        json.field("conversation_id", conversation)
        if let before { json.field("before", Int(before)) }
        json.field("limit", Int.random(in: 1...40, using: &chat.devices[number].random))
        json.endObject()
        send(.text(json.bytes), up: id)
    }

    private func list(_ number: Int, on id: UInt64) {
        let query = ConversationsQuery(user: chat.devices[number].viewer.user, before: nil, limit: 100)
        call(.conversations(query), .list, floor: .zero, number, on: id)
    }

    func call(
        _ operation: Operation, _ what: DeviceCall.What, floor: Seq, _ number: Int, on id: UInt64
    ) {
        chat.lastTicket += 1
        chat.devices[number].calls[chat.lastTicket] = DeviceCall(what: what, floor: floor, since: now)
        send(.call(operation, ticket: chat.lastTicket), up: id)
    }

    // MARK: Groups

    private func changeGroup(_ number: Int, on id: UInt64) {
        let user = chat.devices[number].viewer.user
        let others = chat.plan.users.filter { $0 != user }.shuffled(using: &chat.devices[number].random)
        let mine = chat.groups.filter { chat.checker.ledger[$0]?.stays[user] != nil }
        guard let group = mine.randomElement(using: &chat.devices[number].random),
            !(chat.groups.count < 3 && draw(number, percent: 30)), let other = others.first
        else {
            guard chat.groups.count < 6 else { return }
            let id128 = ConversationID(
                high: chat.devices[number].random.next() & ~0xF000 | 0x8000,
                low: chat.devices[number].random.next() & (UInt64.max >> 2) | 1 << 63)
            let count = Int.random(in: 0...others.count, using: &chat.devices[number].random)
            let change = GroupChange.create(
                name: "group of \(user)", members: Array(others.prefix(count)))
            return self.change(GroupRequest(group: id128, actor: user, change: change), number, on: id)
        }
        let change: GroupChange =
            switch Int.random(in: 0..<10, using: &chat.devices[number].random) {
            case 0..<5: .add(Array(others.prefix(2)))
            case 5..<8: .remove(other)
            case 8: .leave
            default: .rename("renamed \(chat.devices[number].refs)")
            }
        self.change(GroupRequest(group: group, actor: user, change: change), number, on: id)
    }

    func change(_ request: GroupRequest, _ number: Int, on id: UInt64) {
        call(
            .group(request), .group(request), floor: chat.checker.head(request.group), number, on: id)
    }

    // MARK: The end

    /// Acknowledges everything that is on the screen, then looks at the list until it is right.
    private func finishUp(_ number: Int, on id: UInt64) {
        guard chat.devices[number].isSynced, chat.devices[number].isIdle else { return }
        let isFirst =
            chat.devices.first { $0.viewer.user == chat.devices[number].viewer.user }?.number == number
        let screens = chat.checker.screens[number] ?? [:]
        for (conversation, screen) in screens.sorted(by: { $0.key < $1.key }) where screen.shown > 0 {
            let reads = isFirst && conversation.raw.low & 1 == 0
            if screen.shown > chat.devices[number].delivered[conversation] ?? 0
                || (reads && screen.shown > chat.devices[number].read[conversation] ?? 0)
            {
                return receipt(
                    conversation, upTo: screen.shown, isRead: reads, isAnswered: true, number, on: id)
            }
        }
        list(number, on: id)
    }
}
