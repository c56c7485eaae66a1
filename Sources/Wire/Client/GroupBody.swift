import Vocabulary

/// What a client says of a group in a request's body, checked against the limits.
extension ClientFields {
    /// The body of `POST /v1/groups`.
    package func groupCreation(_ limits: Limits) throws(Refusal) -> GroupCreation {
        let name = try groupName(try string(.name), limits)
        return GroupCreation(
            name: name, description: try groupDescription(limits) ?? "", settings: try groupSettings(),
            members: try optionalUsers(.memberIDs, max: limits.groupMembersMax) ?? [])
    }

    /// The body of `PATCH /v1/groups/{id}`; at least one field.
    package func groupEdit(_ limits: Limits) throws(Refusal) -> GroupEdit {
        var edit = GroupEdit(description: try groupDescription(limits), settings: try groupSettings())
        if let name = try optionalString(.name) { edit.name = try groupName(name, limits) }
        if edit == GroupEdit() { throw Self.missing(.name) }
        return edit
    }

    /// The body of `PUT /v1/groups/{id}/members/{user}/role`.
    package func groupRole() throws(Refusal) -> GroupRole {
        guard let role = GroupRole(rawValue: try string(.role)) else {
            throw Self.bad(.role, "must be admin, member or owner")
        }
        return role
    }

    /// The body of `POST /v1/groups/{id}/invites`; `secret` is drawn by the caller.
    package func inviteOffer(_ secret: InviteSecret) throws(Refusal) -> InviteOffer {
        InviteOffer(
            secret: secret,
            lastsMilliseconds: try optionalInteger(.expiresInMilliseconds, in: 1_000...Int64(1) << 40)
                .map { UInt64($0) },
            usesMax: try optionalInteger(.usesMax, in: 1...1_000_000).map { UInt64($0) })
    }

    private func groupName(_ name: String, _ limits: Limits) throws(Refusal) -> String {
        if let refusal = limits.refusal(ofGroupName: name) { throw refusal }
        return name
    }

    private func groupDescription(_ limits: Limits) throws(Refusal) -> String? {
        guard let description = try optionalString(.description) else { return nil }
        if let refusal = limits.refusal(ofGroupDescription: description) { throw refusal }
        return description
    }

    private func groupSettings() throws(Refusal) -> GroupSettingsEdit {
        var edit = GroupSettingsEdit()
        guard let value = self[.settings] else { return edit }
        guard case .object(let object) = value else { throw Self.bad(.settings, "must be an object") }
        edit.send = try audience(object, "send")
        edit.editInfo = try audience(object, "edit_info")
        edit.addMembers = try audience(object, "add_members")
        switch object["approve_joins"] {
        case nil, .null?: break
        case .bool(let flag)?: edit.approveJoins = flag
        default: throw Self.badSetting("approve_joins", "must be true or false")
        }
        edit.history = try history(object)
        return edit
    }

    private func audience(_ object: JSONObject, _ name: String) throws(Refusal) -> GroupAudience? {
        switch object[name] {
        case nil, .null?: return nil
        case .string(let word)?:
            if let audience = GroupAudience(word: word) { return audience }
            fallthrough
        default: throw Self.badSetting(name, "must be all or admins")
        }
    }

    private func history(_ object: JSONObject) throws(Refusal) -> GroupHistory? {
        guard let value = object["history"], value != .null else { return nil }
        switch value {
        case .string("none"): return GroupHistory.none
        case .string("all"): return .all
        case .string("last"):
            guard case .integer(let count)? = object["history_last"], (1...1_000_000).contains(count) else {
                throw Self.badSetting("history_last", "must be 1 to 1000000 with history last")
            }
            return .last(UInt64(count))
        default: throw Self.badSetting("history", "must be none, last or all")
        }
    }

    private static func badSetting(_ name: String, _ reason: String) -> Refusal {
        Refusal(
            .invalidRequest, "settings.\(name) \(reason)",
            details: [.init("field", .text("settings.\(name)"))])
    }
}

extension Limits {
    package func refusal(ofGroupName name: String) -> Refusal? {
        guard name.isEmpty || name.utf8.count > groupNameBytesMax else { return nil }
        return Self.badLength("name", "has 1 to \(groupNameBytesMax) bytes", max: groupNameBytesMax)
    }

    package func refusal(ofGroupDescription description: String) -> Refusal? {
        guard description.utf8.count > groupDescriptionBytesMax else { return nil }
        return Self.badLength(
            "description", "has at most \(groupDescriptionBytesMax) bytes", max: groupDescriptionBytesMax)
    }

    private static func badLength(_ field: String, _ rule: String, max: Int) -> Refusal {
        Refusal(
            .invalidRequest, "a group's \(field) \(rule)",
            details: [RefusalDetail("field", .text(field)), RefusalDetail("max", .number(Int64(max)))])
    }
}
