import NIOCore

extension ClientCore: RawConnectionDelegate {
    func connectionOpened(_ connection: RawConnection) { heard() }

    func connection(_ connection: RawConnection, received text: ByteBuffer) {
        heard()
        guard isCurrent(connection), let frame = ServerFrame(text) else { return }
        switch frame {
        case .event(let event): received(event, on: connection)
        case .sent(let ref, _, let sent):
            guard let number = ref.flatMap({ UInt64($0) }), sends.received(sent: number) == .settled else {
                return
            }
            settle(number, .success(sent))
        case .error(let ref, _, let refusal): received(refusal, ref: ref)
        case .ok(let ref): if let ref { _ = receipts.answered(ref: ref) }
        case .pong: break
        case .draining(let addresses):
            backoff.prefer(addresses.compactMap { Endpoint($0) })
            isLeaving = true
            connection.close()
        }
    }

    func connectionReadComplete(_ connection: RawConnection) {
        guard isCurrent(connection) else { return }
        pump()
        adjustReading()
    }

    func connection(_ connection: RawConnection, ended end: RawConnection.End) {
        guard isCurrent(connection) else { return }
        switch end {
        case .refused(let status, let body):
            if status == 401 || status == 403 {
                finish(ClientError(.unauthenticated, "the node refused the token: \(status) \(body)"))
            } else if (400..<500).contains(status), status != 408, status != 429 {
                finish(ClientError(.invalid, "the node refused the connection: \(status) \(body)"))
            } else {
                ended("the node answered \(status)", delay: nil)
            }
        case .failed(let error): ended("\(error)", delay: nil)
        case .closed(4001): finish(ClientError(.closed, "this device connected somewhere else"))
        case .closed(4002): finish(ClientError(.unauthenticated, "the token has expired"))
        case .closed(4003): finish(ClientError(.unauthenticated, "this device was revoked"))
        case .closed(4000): ended("the node is leaving service", delay: 0)
        case .closed(let code): ended(code.map { "closed with \($0)" } ?? "the connection broke", delay: nil)
        }
    }

    /// Ends of connections that were already given up mean nothing.
    private func isCurrent(_ connection: RawConnection) -> Bool {
        switch phase {
        case .connecting(let current), .live(let current): current === connection
        case .waiting, .closed: false
        }
    }

    private func received(_ event: Event, on connection: RawConnection) {
        switch event {
        case .connected(let welcome): welcomed(welcome, on: connection)
        case .caughtUp(let cursor), .cursor(let cursor):
            if !cursor.isEmpty { self.cursor = cursor }
            give(event)
        case .message(let message):
            if isNew(message.conversationID, message.seq) { give(event) }
        case .group(let change):
            if isNew(change.groupID, change.seq) { give(event) }
        default: give(event)
        }
    }

    /// Delivery on the wire is at least once and in order (guarantee G6), so the highest seq tells.
    private func isNew(_ conversation: String, _ seq: UInt64) -> Bool {
        guard seq > given[conversation] ?? 0 else { return false }
        given[conversation] = seq
        return true
    }

    private func received(_ refusal: Refusal, ref: String?) {
        if let ref, receipts.answered(ref: ref) { return }
        guard let number = ref.flatMap({ UInt64($0) }) else {
            give(.refused(refusal))
            return
        }
        let wait = UInt64(max(refusal.retryAfterMilliseconds ?? 100, 1)) * 1_000_000
        let retryAt = NIODeadline.now().uptimeNanoseconds + wait + UInt64.random(in: 0...(wait / 4))
        guard sends.received(refusal, for: number, retryAt: retryAt) == .settled else { return }
        settle(
            number, .failure(ClientError(.refused, "\(refusal.code): \(refusal.message)", refusal: refusal)))
    }
}
