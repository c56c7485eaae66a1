import Vocabulary

extension JSONWriter {
    package mutating func groupSettings(_ settings: GroupSettings) {
        beginObject()
        field("send", settings.send.word)
        field("edit_info", settings.editInfo.word)
        field("add_members", settings.addMembers.word)
        field("approve_joins", settings.approveJoins)
        field("history", settings.history.word)
        if case .last(let count) = settings.history {
            key("history_last")
            integer(count)
        }
        endObject()
    }
}
