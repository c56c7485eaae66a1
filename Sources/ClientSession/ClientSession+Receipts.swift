import Vocabulary
import Wire

/// One receipt of this user, cumulative.
struct Receipt: Hashable, Sendable {
    var conversation: ConversationID
    var status: ReceiptStatus
    var seq: Seq
}

extension ClientSession {
    /// A `status` frame: the user's receipt, and where this device stands.
    mutating func receipt(
        _ status: ReceiptStatus, _ target: ReceiptRequest.Target, ref: String?, now: Tick,
        out: inout [SessionDirective]
    ) {
        guard var receipt = resolve(status, target) else {
            let request = ReceiptRequest(user: identity.user, status: status, target: target)
            return perform(.receipt(request), .receipt(ref: ref, nil), out: &out)
        }
        if feeds[receipt.conversation]?.acknowledge(receipt.seq) == true {
            isCursorDirty = true
            noteAck(receipt.conversation)
        }
        receipt.seq = feeds[receipt.conversation]?.lastHad(upTo: receipt.seq) ?? receipt.seq
        if let ref {
            // Whoever asks for an answer waits for the commit, and gets it without the merging.
            flush(now: now, out: &out)
            let request = ReceiptRequest(
                user: identity.user, status: status, target: .upTo(receipt.conversation, receipt.seq))
            return perform(.receipt(request), .receipt(ref: ref, receipt), out: &out)
        }
        let isNews = noteReceipt(receipt)
        guard isNews || !unflushedAcks.isEmpty else { return }
        let windowEnd = flushedAt.map { max(now, $0 + rules.mergeMilliseconds) } ?? now
        flushDue = min(flushDue ?? windowEnd, windowEnd)
    }

    /// A receipt by message id, where this session has met the message's conversation.
    private func resolve(_ status: ReceiptStatus, _ target: ReceiptRequest.Target) -> Receipt? {
        switch target {
        case .upTo(let conversation, let seq):
            return Receipt(conversation: conversation, status: status, seq: seq)
        case .message(let message):
            guard let conversation = conversations[message.raw.high] else { return nil }
            let seq = Self.seq(of: message)
            // Only a message that was written is surely one that exists.
            guard let feed = feeds[conversation], seq <= feed.written.seq, seq > .zero else { return nil }
            return Receipt(conversation: conversation, status: status, seq: seq)
        }
    }

    /// Merges a receipt with those not sent yet; false when it says nothing new.
    private mutating func noteReceipt(_ receipt: Receipt) -> Bool {
        if let feed = feeds[receipt.conversation] {
            let known = receipt.status == .read ? feed.read : max(feed.read, feed.delivered)
            guard receipt.seq > known else { return false }
            remember(receipt)
        }
        let place = unflushedReceipts.firstIndex {
            $0.conversation == receipt.conversation && $0.status == receipt.status
        }
        if let place {
            unflushedReceipts[place].seq = max(unflushedReceipts[place].seq, receipt.seq)
        } else {
            unflushedReceipts.append(receipt)
        }
        return true
    }

    private mutating func remember(_ receipt: Receipt) {
        switch receipt.status {
        case .delivered: feeds[receipt.conversation]?.delivered = receipt.seq
        case .read: feeds[receipt.conversation]?.read = receipt.seq
        }
    }

    mutating func noteAck(_ conversation: ConversationID) {
        if !unflushedAcks.contains(conversation) { unflushedAcks.append(conversation) }
    }

    /// An acknowledgement by sending is in no hurry.
    mutating func noteOwnAck(_ conversation: ConversationID, now: Tick) {
        noteAck(conversation)
        flushDue = flushDue ?? now + rules.cursorMilliseconds
    }

    /// Sends on what was merged.
    mutating func flush(now: Tick, out: inout [SessionDirective]) {
        flushDue = nil
        guard !unflushedAcks.isEmpty || !unflushedReceipts.isEmpty else { return }
        flushedAt = now
        let acks = unflushedAcks.compactMap { conversation in
            feeds[conversation].map {
                DeviceAck(
                    user: identity.user, device: identity.device, conversation: conversation,
                    position: $0.acked)
            }
        }
        unflushedAcks.removeAll()
        if !acks.isEmpty { out.append(.performAndForget(.deviceAcks(acks))) }
        let receipts = unflushedReceipts
        unflushedReceipts.removeAll()
        for receipt in receipts where !isImplied(receipt, by: receipts) {
            let request = ReceiptRequest(
                user: identity.user, status: receipt.status, target: .upTo(receipt.conversation, receipt.seq))
            perform(.receipt(request), .receipt(ref: nil, receipt), out: &out)
        }
    }

    /// `read` implies `delivered`.
    private func isImplied(_ receipt: Receipt, by receipts: [Receipt]) -> Bool {
        receipt.status == .delivered
            && receipts.contains {
                $0.conversation == receipt.conversation && $0.status == .read && $0.seq >= receipt.seq
            }
    }

    mutating func answerReceipt(
        _ result: OperationResult, ref: String?, _ receipt: Receipt?, now: Tick, out: inout [SessionDirective]
    ) {
        if case .ok = result {
            if let ref { out.append(.write(ServerFrame.ok(ref: ref))) }
            return
        }
        let refusal = Self.refusal(result)
        if let ref { return out.append(.refuse(RefusedFrame(refusal: refusal, ref: ref))) }
        guard let receipt, Self.isPassing(refusal.code) else { return }
        // The client was promised nothing, but its receipt should not depend on a moment without a leader.
        unflushedReceipts.append(receipt)
        flushDue = flushDue ?? now + rules.retryMilliseconds
    }
}
