import Vocabulary
import Wire

/// What a system message says; its `content` is this in JSON.
struct SystemEvent: Hashable, Sendable {
    enum Event: String, Hashable, Sendable {
        case created, added, removed, left, joined, role, owner, renamed, described, settings, deleted
        /// Several of name, description and settings at once.
        case changed
        case disappearing
    }
    var event: Event
    var actor: UserID
    var users: [UserID] = []
    var name: String?
    var description: String?
    var settings: GroupSettings?
    var role: GroupRole?
    /// Who became owner because the owner left.
    var promoted: UserID?
    /// After how long messages disappear from now on; zero: never.
    var disappearingMilliseconds: UInt64?

    /// Without insignificant white space, fields in fixed order: the same bytes on every replica.
    var json: String {
        var json = JSONWriter()
        json.beginObject()
        json.field("event", event.rawValue)
        json.field("actor", actor)
        if users.count > ChatRules.eventUsersMax {
            json.field("user_count", users.count)
        } else if !users.isEmpty {
            json.key("user_ids")
            json.beginArray()
            for user in users { json.string(user.text) }
            json.endArray()
        }
        if let name { json.field("name", name) }
        if let description { json.field("description", description) }
        if let settings {
            json.key("settings")
            json.groupSettings(settings)
        }
        if let role { json.field("role", role.rawValue) }
        if let promoted { json.field("promoted", promoted) }
        if let disappearingMilliseconds { json.field("disappearing_ms", Int(disappearingMilliseconds)) }
        json.endObject()
        return String(decoding: json.bytes, as: UTF8.self)
    }
}
