import Vocabulary

extension SettingsChange {
    /// The body of `PATCH /v1/users/me/settings`; fields that are absent or null stay, but for `quiet_hours`: null
    /// ends them. Whether the time zone exists is the caller's to ask.
    package init(body: [UInt8]) throws(Refusal) {
        self.init()
        let json: JSONObject
        do throws(JSONFailure) {
            guard case .object(let object) = try JSONReader.parse(body) else {
                throw JSONFailure(reason: .truncated, offset: 0)
            }
            json = object
        } catch {
            throw Refusal(.invalidRequest, "not a JSON object: \(error.reason) at byte \(error.offset)")
        }
        lastSeen = try Self.audience("last_seen", in: json)
        online = try Self.audience("online", in: json)
        groupAdd = try Self.audience("group_add", in: json)
        readReceipts = try Self.receipts(in: json)
        quietHours = try Self.quiet(in: json)
    }

    private static func bad(_ field: String, _ reason: String) -> Refusal {
        Refusal(.invalidRequest, "\(field) \(reason)", details: [.init("field", .text(field))])
    }

    private static func audience(
        _ field: String, in json: JSONObject
    ) throws(Refusal) -> PrivacyAudience? {
        switch json[field] {
        case nil, .null: return nil
        case .string(let word):
            if let audience = PrivacyAudience(rawValue: word) { return audience }
            fallthrough
        default: throw bad(field, "must be everyone, contacts or nobody")
        }
    }

    /// In a direct conversation everybody is a contact: as an audience it is on, or `nobody`.
    private static func receipts(in json: JSONObject) throws(Refusal) -> Bool? {
        switch json["read_receipts"] {
        case nil, .null: return nil
        case .bool(let flag): return flag
        case .string(let word):
            if let audience = PrivacyAudience(rawValue: word) { return audience != .nobody }
            fallthrough
        default: throw bad("read_receipts", "must be true or false")
        }
    }

    private static func quiet(in json: JSONObject) throws(Refusal) -> Quiet? {
        switch json["quiet_hours"] {
        case nil: return nil
        case .null: return Quiet.none
        case .object(let hours):
            let start = try minute("start", in: hours)
            let end = try minute("end", in: hours)
            guard start != end else { throw bad("quiet_hours", "must not start and end at the same time") }
            guard case .string(let zone) = hours["time_zone"], !zone.isEmpty, zone.utf8.count <= 64 else {
                throw bad("quiet_hours", "needs a time_zone such as Europe/Berlin")
            }
            return .hours(QuietHours(startMinute: start, endMinute: end, timeZone: zone))
        default: throw bad("quiet_hours", "must be an object or null")
        }
    }

    /// `HH:MM`, 00:00 to 23:59.
    private static func minute(_ field: String, in json: JSONObject) throws(Refusal) -> Int {
        if case .string(let text) = json[field] {
            let digits = Array(text.utf8)
            if digits.count == 5, digits[2] == UInt8(ascii: ":"), let hour = number(digits[0], digits[1]),
                let minute = number(digits[3], digits[4]), hour < 24, minute < 60
            {
                return hour * 60 + minute
            }
        }
        throw bad("quiet_hours", "needs \(field) as HH:MM")
    }

    private static func number(_ tens: UInt8, _ ones: UInt8) -> Int? {
        let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
        guard digits.contains(tens), digits.contains(ones) else { return nil }
        return Int(tens - digits.lowerBound) * 10 + Int(ones - digits.lowerBound)
    }
}
