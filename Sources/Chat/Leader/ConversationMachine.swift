import Vocabulary
import Wire

/// One active conversation on its leader: proposes sends in the order they came, lets a repeated send wait
/// for the first, merges receipts. Holds nothing that is not in the log or with the clients that wait.
package struct ConversationMachine: Sendable {
    package let conversation: ConversationID
    private var sends: [SendKey: WaitingSend] = [:]
    /// Of a group.
    private var rate: TokenBucket?
    private var receipts: [UserID: WaitingReceipt] = [:]
    /// Tokens of proposed receipts, per user in the order they were proposed.
    private var proposedReceipts: [UserID: [[UInt64]]] = [:]
    /// Requests to change messages in flight; equal ones wait together.
    var changes: [MessageChangeRequest: [UInt64]] = [:]
    /// The same for the disappearing time.
    var disappearing: [DisappearingRequest: [UInt64]] = [:]
    var lastUsed: Tick

    private struct SendKey: Hashable, Sendable {
        var sender: UserID
        var clientMessageID: ClientMessageID
    }

    private struct WaitingSend: Sendable {
        var digest: UInt64
        /// The first is the one that was proposed.
        var tokens: [UInt64]
    }

    private struct WaitingReceipt: Sendable {
        var mark: ReceiptMark
        var tokens: [UInt64]
    }

    package init(conversation: ConversationID, now: Tick) {
        self.conversation = conversation
        lastUsed = now
    }

    /// Takes a send. A known one is answered at once, one in flight is joined; membership is judged by the
    /// log only, because what this leader has applied may lag behind a newer leader.
    package mutating func send<View: StateView>(
        _ token: UInt64, _ request: SendRequest, limits: Limits, now: Moment, reader: ChatReader<View>
    ) -> [ChatDirective] {
        lastUsed = now.tick
        let digest = request.payloadDigest
        let key = SendKey(sender: request.sender, clientMessageID: request.clientMessageID)
        if let waiting = sends[key] {
            guard waiting.digest == digest else { return [.reply(token, .refused(.duplicateMismatch))] }
            sends[key]?.tokens.append(token)
            return []
        }
        #if MUTANTS
        if Mutant.active == .dedupByClock || Mutant.active == .seqAtPropose {
            return propose(token, request, key, digest, now: now, reader: reader)
        }
        #endif
        if let earlier = reader.earlierSend(
            conversation, sender: request.sender, clientMessageID: request.clientMessageID, digest: digest)
        {
            return [.reply(token, OperationResult(earlier))]
        }
        if let refusal = rateRefusal(request, limits, now: now.tick) {
            return [.reply(token, .refused(refusal))]
        }
        sends[key] = WaitingSend(digest: digest, tokens: [token])
        let command = SendCommand(conversation: conversation, request: request, digest: digest, at: now.wall)
        return [.propose(.sendMessage(command))]
    }

    /// One group takes so much, whoever writes; a retry of what it took is answered before this.
    private mutating func rateRefusal(_ request: SendRequest, _ limits: Limits, now: Tick) -> Refusal? {
        guard case .group = request.recipient, !request.isUnlimited else { return nil }
        var bucket = rate ?? TokenBucket(burst: limits.groupSendBurst, now: now)
        defer { rate = bucket }
        let retryAfter = bucket.take(
            burst: limits.groupSendBurst, perSecond: limits.groupSendRatePerSecond, now: now)
        return retryAfter.map { milliseconds in
            Refusal(
                .rateLimited, "more than \(limits.groupSendRatePerSecond) per second in this group",
                retryAfterMilliseconds: milliseconds,
                details: [RefusalDetail("limit", .number(Int64(limits.groupSendRatePerSecond)))])
        }
    }

    #if MUTANTS
    /// Without a look at what is stored, and with a seq as this leader sees it.
    private mutating func propose<View: StateView>(
        _ token: UInt64, _ request: SendRequest, _ key: SendKey, _ digest: UInt64, now: Moment,
        reader: ChatReader<View>
    ) -> [ChatDirective] {
        sends[key] = WaitingSend(digest: digest, tokens: [token])
        var request = request
        let head = reader.conversation(conversation)?.head ?? .zero
        request.clientTimestamp = Timestamp(Int64(head.raw) + Int64(sends.count))
        return [
            .propose(
                .sendMessage(
                    SendCommand(conversation: conversation, request: request, digest: digest, at: now.wall)))
        ]
    }
    #endif

    /// A send was applied, whoever proposed it.
    package mutating func applied(_ outcome: MessageOutcome) -> [ChatDirective] {
        let key = SendKey(sender: outcome.sender, clientMessageID: outcome.clientMessageID)
        guard let waiting = sends.removeValue(forKey: key) else { return [] }
        return waiting.tokens.enumerated().map { place, token in
            var result = outcome.result
            if place > 0, case .success(var sent) = result {
                sent.duplicate = true
                result = .success(sent)
            }
            return .reply(token, OperationResult(result))
        }
    }

    /// A send was never proposed, or its outcome is not known.
    package mutating func refused(_ send: SendCommand, _ refusal: Refusal) -> [ChatDirective] {
        let key = SendKey(sender: send.request.sender, clientMessageID: send.request.clientMessageID)
        return (sends.removeValue(forKey: key)?.tokens ?? []).map { .reply($0, .refused(refusal)) }
    }

    /// Merges a receipt into what the next flush proposes; the token is answered when it is committed.
    package mutating func receipt(
        _ token: UInt64, user: UserID, status: ReceiptStatus, upTo seq: Seq, now: Moment
    ) {
        lastUsed = now.tick
        let none = ReceiptMark(conversation: conversation, user: user, delivered: .zero, read: .zero)
        var waiting = receipts[user] ?? WaitingReceipt(mark: none, tokens: [])
        #if MUTANTS
        let isDelivered = status == .delivered || Mutant.active != .readNotDelivered
        #else
        let isDelivered = true
        #endif
        if isDelivered { waiting.mark.delivered = max(waiting.mark.delivered, seq) }
        if status == .read { waiting.mark.read = max(waiting.mark.read, seq) }
        waiting.tokens.append(token)
        receipts[user] = waiting
    }

    package var hasReceipts: Bool { !receipts.isEmpty }

    /// The merged receipts that move something, for one batch of the partition; the others are answered.
    package mutating func takeReceipts<View: StateView>(
        reader: ChatReader<View>
    ) -> (marks: [ReceiptMark], answers: [ChatDirective]) {
        var marks: [ReceiptMark] = []
        var answers: [ChatDirective] = []
        let record = reader.conversation(conversation)
        for user in receipts.keys.sorted() {
            guard let waiting = receipts[user] else { continue }
            if let record, let member = reader.view.member(user, of: conversation, record),
                member.hasAlready(waiting.mark, head: record.head)
            {
                answers += waiting.tokens.map { .reply($0, .ok) }
            } else {
                marks.append(waiting.mark)
                proposedReceipts[user, default: []].append(waiting.tokens)
            }
        }
        receipts.removeAll(keepingCapacity: true)
        return (marks, answers)
    }

    /// One member's receipt was applied.
    package mutating func applied(_ outcome: ReceiptOutcome) -> [ChatDirective] {
        guard var batches = proposedReceipts[outcome.user], !batches.isEmpty else { return [] }
        let tokens = batches.removeFirst()
        proposedReceipts[outcome.user] = batches.isEmpty ? nil : batches
        return tokens.map { .reply($0, outcome.refusal.map { .refused($0) } ?? .ok) }
    }

    /// A receipt was not proposed after all.
    package mutating func refused(_ mark: ReceiptMark, _ refusal: Refusal) -> [ChatDirective] {
        guard var batches = proposedReceipts[mark.user], !batches.isEmpty else { return [] }
        let tokens = batches.removeLast()
        proposedReceipts[mark.user] = batches.isEmpty ? nil : batches
        return tokens.map { .reply($0, .refused(refusal)) }
    }

    /// Answers everybody who waits: this leader does not learn the outcome any more.
    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        var tokens = sends.values.flatMap(\.tokens) + receipts.values.flatMap(\.tokens)
        tokens += proposedReceipts.values.flatMap { $0.flatMap { $0 } }
        tokens += changes.values.flatMap { $0 }
        tokens += disappearing.values.flatMap { $0 }
        changes = [:]
        disappearing = [:]
        sends = [:]
        receipts = [:]
        proposedReceipts = [:]
        return tokens.sorted().map { .reply($0, .refused(refusal)) }
    }

    /// Nobody waits and nothing came for `milliseconds`: the machine may go.
    package func isIdle(now: Tick, after milliseconds: UInt64) -> Bool {
        sends.isEmpty && receipts.isEmpty && proposedReceipts.isEmpty && changes.isEmpty
            && disappearing.isEmpty
            && now.since(lastUsed) >= milliseconds
    }
}

extension ConversationMember {
    fileprivate func hasAlready(_ mark: ReceiptMark, head: Seq) -> Bool {
        let last = lastVisible(head: head)
        // A mark beyond the head may be meant for a message that is being committed.
        guard mark.delivered <= last else { return false }
        return delivered >= max(mark.delivered, mark.read) && read >= mark.read
    }
}
