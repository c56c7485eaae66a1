import Vocabulary

/// Answers and frames about a user's devices, keys and conversation settings.
extension RestAnswer {
    /// - Parameter own: the device that asks, where its token names one.
    package static func devices(_ devices: [DeviceState], own: DeviceID?) -> [UInt8] {
        object { json in
            json.key("devices")
            json.beginArray()
            for device in devices {
                json.beginObject()
                json.deviceFields(device, isOwn: device.device == own)
                json.endObject()
            }
            json.endArray()
        }
    }

    package static func device(_ device: DeviceID) -> [UInt8] { object { $0.field("device_id", device) } }

    package static func keyStock(_ stock: KeyStock, of device: DeviceID) -> [UInt8] {
        object { json in
            json.field("device_id", device)
            json.field("signed_prekey_id", Int(stock.signedPrekeyID))
            json.field("one_time_prekeys", stock.oneTimePrekeys)
            if let highest = stock.highestID { json.field("highest_key_id", Int(highest)) }
        }
    }

    package static func keys(_ bundles: [DeviceKeyBundle], of user: UserID) -> [UInt8] {
        object { json in
            json.field("user_id", user)
            json.key("devices")
            json.beginArray()
            for bundle in bundles {
                json.beginObject()
                json.field("device_id", bundle.device)
                json.field("identity_key", bundle.identityKey)
                json.key("signed_prekey")
                json.prekey(bundle.signedPrekey)
                if let prekey = bundle.oneTimePrekey {
                    json.key("one_time_prekey")
                    json.prekey(prekey)
                }
                json.endObject()
            }
            json.endArray()
        }
    }

    /// The account is no more; what it wrote goes within moments.
    package static func erased(_ user: UserID) -> [UInt8] {
        object { json in
            json.field("user_id", user)
            json.field("deleted", true)
        }
    }

    /// The conversation is out of the user's list; what others have of it stays.
    package static func cleared(_ conversation: ConversationID) -> [UInt8] {
        object { json in
            json.field("conversation_id", conversation)
            json.field("deleted", true)
        }
    }

    /// One row of the conversation list.
    package static func conversation(_ row: InboxRow) -> [UInt8] { object { $0.rowFields(row) } }
}

extension ServerFrame {
    /// The row as the list shows it.
    package static func conversation(_ row: InboxRow) -> [UInt8] {
        frame("conversation") { $0.rowFields(row) }
    }
}

extension JSONWriter {
    mutating func rowFields(_ row: InboxRow) {
        field("conversation_id", row.conversation)
        field("kind", row.kind.word)
        field("title", row.title.isEmpty ? row.peer?.text ?? "" : row.title)
        if let peer = row.peer { field("peer_id", peer) }
        field("last_seq", row.head)
        field("last_message_at", row.lastAt)
        field("last_message_preview", row.isListed ? row.preview : "")
        field("unread_count", row.unread)
        field("marked_unread", row.settings.isMarkedUnread)
        if let until = row.settings.mutedUntil { field("muted_until", until) }
        field("pinned", row.settings.isPinned)
        field("archived", row.settings.isArchived)
        if row.cleared > .zero { field("cleared_seq", row.cleared) }
        if !row.isListed { field("deleted", true) }
    }

    mutating func deviceFields(_ device: DeviceState, isOwn: Bool) {
        field("device_id", device.device)
        field("name", device.name)
        field("created_at", device.createdAt)
        field("last_active_at", device.usedAt)
        field("connected", device.node != nil)
        if let node = device.node { field("node_id", node) }
        field("current", isOwn)
        if let push = device.push {
            key("push")
            beginObject()
            field("provider", push.provider)
            field("content", push.content.rawValue)
            field("registered_at", push.registeredAt)
            endObject()
        }
        if let count = device.oneTimePrekeys { field("one_time_prekeys", count) }
    }

    fileprivate mutating func prekey(_ prekey: Prekey) {
        beginObject()
        field("key_id", Int(prekey.id))
        field("public_key", prekey.publicKey)
        if let signature = prekey.signature { field("signature", signature) }
        endObject()
    }
}
