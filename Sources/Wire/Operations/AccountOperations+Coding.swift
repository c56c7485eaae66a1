import Vocabulary

extension ByteWriter {
    mutating func accountRequest(_ value: AccountRequest) {
        text(value.user)
        switch value.ask {
        case .change(let change):
            u8(0)
            accountChange(change)
        case .devices: u8(1)
        case .keyStock(let device):
            u8(2)
            text(device)
        case .compareDevices(let devices):
            u8(3)
            list(devices) { $0.text($1) }
        case .row(let conversation):
            u8(4)
            identity(conversation)
        case .rows(let after, let limit):
            u8(5)
            optional(after) { $0.identity($1) }
            varint(limit)
        case .deviceToken(let device, let issued):
            u8(6)
            text(device)
            timestamp(issued)
        }
    }

    /// Also what the log keeps: codes are never given a second meaning.
    mutating func accountChange(_ value: AccountChange) {
        switch value {
        case .renameDevice(let device, let name):
            u8(1)
            text(device)
            text(name)
        case .revokeDevice(let device):
            u8(2)
            text(device)
        case .setPush(let device, let registration):
            u8(3)
            text(device)
            pushRegistration(registration)
        case .removePush(let device, let time):
            u8(4)
            text(device)
            optional(time) { $0.timestamp($1) }
        case .uploadKeys(let device, let upload):
            u8(5)
            text(device)
            optional(upload.identityKey) { $0.text($1) }
            optional(upload.signedPrekey) { $0.prekey($1) }
            list(upload.oneTimePrekeys) { $0.prekey($1) }
        case .takeKeys(let id):
            u8(6)
            identity(id)
        case .settings(let conversation, let change, let pending):
            u8(7)
            identity(conversation)
            rowSettingsChange(change)
            optional(pending) { ChatCodec.write($1, into: &$0) }
        case .erase: u8(8)
        case .forgotten(let conversation):
            u8(9)
            identity(conversation)
        }
    }

    mutating func accountResult(_ value: AccountResult) {
        switch value {
        case .done: u8(0)
        case .devices(let devices):
            u8(1)
            list(devices) { $0.deviceState($1) }
        case .keyStock(let stock):
            u8(2)
            varint(UInt64(stock.signedPrekeyID))
            varint(stock.oneTimePrekeys)
            optional(stock.highestID) { $0.varint(UInt64($1)) }
        case .keys(let bundles):
            u8(3)
            list(bundles) { $0.deviceKeyBundle($1) }
        case .deviceDifference(let missing, let extra):
            u8(4)
            list(missing) { $0.text($1) }
            list(extra) { $0.text($1) }
        case .rows(let page):
            u8(5)
            list(page.rows) { $0.inboxRow($1) }
            bool(page.hasMore)
        case .row(let row):
            u8(6)
            inboxRow(row)
        case .erased(let next):
            u8(7)
            optional(next) { $0.counter($1) }
        }
    }

    package mutating func prekey(_ value: Prekey) {
        varint(UInt64(value.id))
        text(value.publicKey)
        optional(value.signature) { $0.text($1) }
    }

    package mutating func deviceKeyBundle(_ value: DeviceKeyBundle) {
        text(value.device)
        text(value.identityKey)
        prekey(value.signedPrekey)
        optional(value.oneTimePrekey) { $0.prekey($1) }
    }

    private mutating func deviceState(_ value: DeviceState) {
        text(value.device)
        text(value.name)
        timestamp(value.createdAt)
        timestamp(value.usedAt)
        optional(value.node) { $0.identity($1) }
        optional(value.push) { $0.pushRegistration($1) }
        optional(value.oneTimePrekeys) { $0.varint($1) }
    }
}

extension ByteReader {
    mutating func accountRequest() throws(DecodingFailure) -> AccountRequest {
        let user: UserID = try textIdentity()
        let ask: AccountRequest.Ask
        switch try u8() {
        case 0: ask = .change(try accountChange())
        case 1: ask = .devices
        case 2: ask = .keyStock(try textIdentity())
        case 3: ask = .compareDevices(try deviceIDs())
        case 4: ask = .row(try identity())
        case 5:
            ask = .rows(
                after: try optional { r throws(DecodingFailure) in try r.identity() }, limit: try length())
        case 6: ask = .deviceToken(try textIdentity(), issued: try timestamp())
        case let tag: throw .unknown(field: "account request", value: UInt64(tag))
        }
        return AccountRequest(user: user, ask: ask)
    }

    mutating func accountChange() throws(DecodingFailure) -> AccountChange {
        switch try u8() {
        case 1: return .renameDevice(try textIdentity(), name: try text())
        case 2: return .revokeDevice(try textIdentity())
        case 3: return .setPush(try textIdentity(), try pushRegistration())
        case 4:
            return .removePush(
                try textIdentity(),
                registeredUpTo: try optional { r throws(DecodingFailure) in try r.timestamp() })
        case 5:
            return .uploadKeys(
                try textIdentity(),
                KeyUpload(
                    identityKey: try optional { r throws(DecodingFailure) in try r.text() },
                    signedPrekey: try optional { r throws(DecodingFailure) in try r.prekey() },
                    oneTimePrekeys: try list { r throws(DecodingFailure) in try r.prekey() }))
        case 6: return .takeKeys(try identity())
        case 7:
            return .settings(
                try identity(), try rowSettingsChange(),
                pending: try optional { r throws(DecodingFailure) in try ChatCodec.inboxRow(from: &r) })
        case 8: return .erase
        case 9: return .forgotten(try identity())
        case let tag: throw .unknown(field: "account change", value: UInt64(tag))
        }
    }

    mutating func accountResult() throws(DecodingFailure) -> AccountResult {
        switch try u8() {
        case 0: return .done
        case 1: return .devices(try list { r throws(DecodingFailure) in try r.deviceState() })
        case 2:
            return .keyStock(
                KeyStock(
                    signedPrekeyID: try varint32(), oneTimePrekeys: try length(),
                    highestID: try optional { r throws(DecodingFailure) in try r.varint32() }))
        case 3: return .keys(try list { r throws(DecodingFailure) in try r.deviceKeyBundle() })
        case 4: return .deviceDifference(missing: try deviceIDs(), extra: try deviceIDs())
        case 5:
            return .rows(
                ConversationsPage(
                    rows: try list { r throws(DecodingFailure) in try r.inboxRow() }, hasMore: try bool()))
        case 6: return .row(try inboxRow())
        case 7:
            return .erased(next: try optional { r throws(DecodingFailure) in try r.counter(Seq.self) })
        case let tag: throw .unknown(field: "account result", value: UInt64(tag))
        }
    }

    package mutating func deviceIDs() throws(DecodingFailure) -> [DeviceID] {
        try list { r throws(DecodingFailure) in try r.textIdentity(DeviceID.self) }
    }

    package mutating func prekey() throws(DecodingFailure) -> Prekey {
        Prekey(
            id: try varint32(), publicKey: try text(),
            signature: try optional { r throws(DecodingFailure) in try r.text() })
    }

    package mutating func deviceKeyBundle() throws(DecodingFailure) -> DeviceKeyBundle {
        DeviceKeyBundle(
            device: try textIdentity(), identityKey: try text(), signedPrekey: try prekey(),
            oneTimePrekey: try optional { r throws(DecodingFailure) in try r.prekey() })
    }

    private mutating func deviceState() throws(DecodingFailure) -> DeviceState {
        DeviceState(
            device: try textIdentity(), name: try text(), createdAt: try timestamp(), usedAt: try timestamp(),
            node: try optional { r throws(DecodingFailure) in try r.identity(NodeID.self) },
            push: try optional { r throws(DecodingFailure) in try r.pushRegistration() },
            oneTimePrekeys: try optional { r throws(DecodingFailure) in try r.length() })
    }
}
