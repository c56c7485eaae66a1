import Vocabulary
import Wire

/// What a system message says; its `content` is this in JSON.
struct SystemEvent: Hashable, Sendable {
    enum Event: String, Hashable, Sendable {
        case created
        case membersAdded = "members_added"
        case memberRemoved = "member_removed"
        case memberLeft = "member_left"
        case renamed
    }
    var event: Event
    var actor: UserID
    var users: [UserID] = []
    var name: String?
    /// Who became owner because the last admin left.
    var promoted: UserID?

    /// Without insignificant white space, fields in fixed order: the same bytes on every replica.
    var json: String {
        // User ids and event words need no escapes.
        var text = "{\"event\":\"\(event.rawValue)\",\"actor\":\"\(actor.text)\""
        if !users.isEmpty {
            text += ",\"user_ids\":[" + users.map { "\"\($0.text)\"" }.joined(separator: ",") + "]"
        }
        if let name { text += ",\"name\":\"\(escaped(name))\"" }
        if let promoted { text += ",\"promoted\":\"\(promoted.text)\"" }
        return text + "}"
    }
}

/// RFC 8259, section 7.
private func escaped(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": result += "\\\""
        case "\\": result += "\\\\"
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case _ where scalar.value < 0x20:
            let hex = String(scalar.value, radix: 16)
            result += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: result.unicodeScalars.append(scalar)
        }
    }
    return result
}
