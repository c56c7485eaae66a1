import Vocabulary

/// A question for a page of history as a client asks it, checked; the same over WebSocket and REST.
package struct HistoryBody: Hashable, Sendable {
    package var conversation: ConversationID
    package var bound: Seq?
    package var around: HistoryQuery.Around?
    package var order = HistoryQuery.Order.descending
    package var limit: Int
    package var proof = false
    package var isStaleAllowed = false
    package var minSeq = Seq.zero

    package init(conversation: ConversationID, limit: Int) {
        self.conversation = conversation
        self.limit = limit
    }

    package init(_ fields: ClientFields, limits: Limits) throws(Refusal) {
        conversation = try fields.identity(.conversationID)
        let limit = try fields.optionalInteger(.limit, in: 1...Int64(limits.historyPageMax))
        self.limit = limit.map { Int($0) } ?? limits.historyPageDefault
        bound = try fields.optionalInteger(.before, in: 0...Int64.max).map { Seq(UInt64($0)) }
        if let cursor = try fields.optionalString(.cursor) { bound = try CursorText.history(cursor) }
        order = try Self.order(try fields.optionalString(.order))
        proof = fields[.proof] == .bool(true)
        isStaleAllowed = fields[.staleOK] == .bool(true)
        minSeq = Seq(UInt64(try fields.optionalInteger(.minSeq, in: 0...Int64.max) ?? 0))
        switch fields[.around] {
        case nil: break
        case .integer(let seq)?: around = try Self.around("\(seq)")
        case .string(let text)?: around = try Self.around(text)
        default: throw ClientFields.bad(.around, "must be a seq or a message id")
        }
    }

    /// `desc` (the default) or `asc`.
    package static func order(_ text: String?) throws(Refusal) -> HistoryQuery.Order {
        switch text {
        case nil, "desc": return .descending
        case "asc": return .ascending
        default: throw ClientFields.bad(.order, "must be desc or asc")
        }
    }

    /// A seq, or the id of a message.
    package static func around(_ text: String) throws(Refusal) -> HistoryQuery.Around {
        if let seq = UInt64(text), seq <= UInt64(Int64.max) { return .seq(Seq(seq)) }
        guard let message = MessageID(text) else {
            throw ClientFields.bad(.around, "must be a seq or a message id")
        }
        return .message(message)
    }

    /// The operation, asked by `user`.
    package func query(by user: UserID) -> HistoryQuery {
        var query = HistoryQuery(
            conversation: conversation, user: user, bound: bound, order: order, limit: limit, proof: proof)
        query.around = around
        query.isStaleAllowed = isStaleAllowed
        query.minSeq = minSeq
        return query
    }
}
