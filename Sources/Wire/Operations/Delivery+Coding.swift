import Vocabulary

extension ByteWriter {
    /// Items in a row that say the same to several partitions carry it once.
    package mutating func fanoutItems(_ items: [FanoutItem]) {
        varint(items.count)
        var before: FanoutItem?
        for item in items {
            let repeats = before.map { $0.hasContent(of: item) } ?? false
            bool(repeats)
            if !repeats { fanoutContent(item) }
            fanoutAudience(item)
            before = item
        }
    }

    private mutating func fanoutContent(_ value: FanoutItem) {
        identity(value.conversation)
        u8(value.kind.rawValue)
        list(value.pair) { $0.text($1) }
        text(value.title)
        varint(value.memberEpoch)
        counter(value.rev)
        counter(value.headOrdinal)
        timestamp(value.lastAt)
        text(value.preview)
        list(value.messages) { $0.messageRecord($1) }
        list(value.statuses) { $0.statusEvent($1) }
        list(value.updates) { $0.updateEvent($1) }
        counter(value.previewRev)
    }

    private mutating func fanoutAudience(_ value: FanoutItem) {
        varint(UInt64(value.partition.raw))
        optional(value.membersHead) { $0.counter($1) }
        list(value.targets) { writer, target in
            writer.text(target.user)
            writer.counter(target.markOrdinal)
            writer.counter(target.read)
            writer.bool(target.isMember)
            writer.counter(target.head)
            writer.counter(target.first)
            writer.bool(target.isHeadHidden)
            writer.counter(target.cleared)
            writer.optional(target.counts) { $0.receiptCounts($1) }
        }
    }

    package mutating func fanoutAck(_ value: FanoutAck) {
        varint(UInt64(value.partition.raw))
        identity(value.conversation)
        counter(value.rev)
    }

    package mutating func sessionPush(_ value: SessionPush) {
        list(value.addressees) { writer, addressee in
            writer.varint(addressee.session)
            writer.position(addressee.position)
        }
        switch value.event {
        case .message(let record, let rev):
            u8(1)
            messageRecord(record)
            counter(rev)
        case .status(let status):
            u8(2)
            statusEvent(status)
        case .advanced(let conversation, let head):
            u8(3)
            identity(conversation)
            position(head)
        case .version(let version):
            u8(4)
            counter(version)
        case .close(let code, let reason):
            u8(5)
            varint(UInt64(code))
            text(reason)
        case .update(let update):
            u8(40)
            updateEvent(update)
        case .settings(let row):
            u8(90)
            inboxRow(row)
        case .presence(let state):
            u8(80)
            presenceState(state)
        case .typing(let request):
            u8(81)
            request.write(into: &self)
        case .privacyChanged: u8(82)
        case .counts(let counts):
            u8(220)
            receiptCounts(counts)
        }
    }
}

extension ByteReader {
    package mutating func fanoutItems() throws(DecodingFailure) -> [FanoutItem] {
        var before: FanoutItem?
        return try list { r throws(DecodingFailure) in
            let repeats = try r.bool()
            if repeats && before == nil { throw DecodingFailure.unknown(field: "fan-out item", value: 1) }
            var item: FanoutItem
            if repeats, let before { item = before } else { item = try r.fanoutContent() }
            try r.fanoutAudience(&item)
            before = item
            return item
        }
    }

    private mutating func fanoutContent() throws(DecodingFailure) -> FanoutItem {
        var item = FanoutItem(
            partition: PartitionID(0), conversation: try identity(), kind: try bool() ? .group : .direct,
            pair: try userIDs(), title: try text(), memberEpoch: try varint(), rev: try counter(),
            headOrdinal: try counter(), lastAt: try timestamp(), preview: try text(), targets: [],
            messages: try list { r throws(DecodingFailure) in try r.messageRecord() },
            statuses: try list { r throws(DecodingFailure) in try r.statusEvent() })
        item.updates = try list { r throws(DecodingFailure) in try r.updateEvent() }
        item.previewRev = try counter()
        return item
    }

    private mutating func fanoutAudience(_ item: inout FanoutItem) throws(DecodingFailure) {
        item.partition = PartitionID(try varint32())
        item.membersHead = try optional { r throws(DecodingFailure) in try r.counter(Seq.self) }
        item.targets = try list { r throws(DecodingFailure) in
            var target = FanoutItem.Target(
                user: try r.textIdentity(), markOrdinal: try r.counter(), read: try r.counter(),
                isMember: try r.bool(), head: try r.counter())
            target.first = try r.counter()
            target.isHeadHidden = try r.bool()
            target.cleared = try r.counter()
            target.counts = try r.optional { r throws(DecodingFailure) in try r.receiptCounts() }
            return target
        }
    }

    package mutating func fanoutAck() throws(DecodingFailure) -> FanoutAck {
        FanoutAck(partition: PartitionID(try varint32()), conversation: try identity(), rev: try counter())
    }

    package mutating func sessionPush() throws(DecodingFailure) -> SessionPush {
        let addressees = try list { r throws(DecodingFailure) in
            SessionPush.Addressee(session: try r.varint(), position: try r.position())
        }
        let event: SessionPush.Event
        switch try u8() {
        case 1: event = .message(try messageRecord(), rev: try counter())
        case 2: event = .status(try statusEvent())
        case 3: event = .advanced(try identity(), head: try position())
        case 4: event = .version(try counter())
        case 5:
            guard let code = UInt16(exactly: try varint()) else { throw .varintOverflow }
            event = .close(code: code, reason: try text())
        case 40: event = .update(try updateEvent())
        case 90: event = .settings(try inboxRow())
        case 80: event = .presence(try presenceState())
        case 81: event = .typing(try TypingRequest(from: &self))
        case 82: event = .privacyChanged
        case 220: event = .counts(try receiptCounts())
        case let tag: throw .unknown(field: "session push", value: UInt64(tag))
        }
        return SessionPush(addressees: addressees, event: event)
    }
}
