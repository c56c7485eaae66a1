import Vocabulary
import Wire

extension ClientSession {
    /// One text frame of the client.
    package mutating func received(
        _ text: UnsafeBufferPointer<UInt8>, now: Tick, out: inout [SessionDirective]
    ) {
        guard !isClosed else { return }
        heard(now: now, out: &out)
        do throws(RefusedFrame) {
            handle(try ReceivedFrame.parse(text, limits: rules.limits), now: now, out: &out)
        } catch {
            guard admits(isSend: false, now: now, ref: error.ref, out: &out) else { return }
            out.append(
                .refuse(error))
        }
    }

    package mutating func received(_ text: [UInt8], now: Tick, out: inout [SessionDirective]) {
        text.withUnsafeBufferPointer { received($0, now: now, out: &out) }
    }

    /// A binary frame or broken framing.
    package mutating func violated(now: Tick, out: inout [SessionDirective]) {
        close(code: CloseCode.protocolViolation, reason: "protocol violation", now: now, out: &out)
    }

    private mutating func handle(_ received: ReceivedFrame, now: Tick, out: inout [SessionDirective]) {
        let ref = received.ref
        if case .send(let body) = received.frame { return send(body, ref: ref, now: now, out: &out) }
        guard admits(isSend: false, now: now, ref: ref, out: &out) else { return }
        switch received.frame {
        case .send: break
        case .ping: out.append(.write(ServerFrame.pong(ref: ref)))
        case .status(let status, let target): receipt(status, target, ref: ref, now: now, out: &out)
        case .history(let body):
            perform(.history(body.query(by: identity.user)), .history(ref: ref), out: &out)
        case .presenceSubscribe(let users): subscribe(users, ref: ref, out: &out)
        case .presenceUnsubscribe(let users): unsubscribe(users, out: &out)
        case .typing(let conversation, let isTyping): typing(conversation, isTyping, now: now, out: &out)
        case .away: setAway(true, now: now, out: &out)
        case .active: setAway(false, now: now, out: &out)
        }
    }

    private mutating func setAway(_ away: Bool, now: Tick, out: inout [SessionDirective]) {
        isAway = away
        updateForeground(now: now, out: &out)
    }

    private mutating func send(_ body: SendBody, ref: String?, now: Tick, out: inout [SessionDirective]) {
        let id = body.clientMessageID
        let sender = body.sender ?? identity.user
        let isOwn = sender == identity.user
        guard isOwn || identity.isServer else {
            let refusal = Refusal(.senderMismatch, "sender_id is not the user of this connection")
            return out.append(.refuse(RefusedFrame(refusal: refusal, ref: ref, clientMessageID: id.text)))
        }
        guard admits(isSend: true, now: now, ref: ref, id: id.text, out: &out) else { return }
        sendsInFlight += 1
        let request = body.request(
            sender: sender, device: isOwn ? identity.device : nil, isUnlimited: identity.isServer)
        perform(.send(request), .send(ref: ref, id, isOwn: isOwn), out: &out)
        updateReading(out: &out)
    }

    /// Takes a token, or refuses with 429; a client that goes on and on is closed.
    private mutating func admits(
        isSend: Bool, now: Tick, ref: String?, id: String? = nil, out: inout [SessionDirective]
    ) -> Bool {
        if identity.isServer { return true }
        let limits = rules.limits
        let retryAfter =
            isSend
            ? sendBucket.take(burst: limits.sendBurst, perSecond: limits.sendRatePerSecond, now: now)
            : frameBucket.take(burst: limits.frameBurst, perSecond: limits.frameRatePerSecond, now: now)
        guard let retryAfter else {
            refusedInARow = 0
            return true
        }
        refusedInARow += 1
        if refusedInARow > rules.refusedFramesMax {
            close(code: CloseCode.rateLimitAbuse, reason: "rate limit abuse", now: now, out: &out)
            return false
        }
        let refusal = Self.rateLimited(
            retryAfter: retryAfter, perSecond: isSend ? limits.sendRatePerSecond : limits.frameRatePerSecond)
        out.append(.refuse(RefusedFrame(refusal: refusal, ref: ref, clientMessageID: id)))
        return false
    }

    /// The refusal of a send or frame beyond its rate.
    package static func rateLimited(retryAfter: UInt64, perSecond: Int) -> Refusal {
        Refusal(
            .rateLimited, "more than \(perSecond) per second", retryAfterMilliseconds: retryAfter,
            details: [.init("limit", .number(Int64(perSecond)))])
    }
}
