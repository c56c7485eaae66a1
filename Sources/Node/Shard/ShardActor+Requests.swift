import Chat
import Consensus
import Storage
import Vocabulary
import Wire

extension ShardActor {
    /// One operation for a partition of this shard, unless one before it was declined.
    func take(_ operation: Operation, group: GroupID, origin: RequestOrigin, place: StreamPlace) {
        guard gate.admits(place, from: source(of: origin, group)) else { return decline(origin, group) }
        handle(operation, group: group, origin: origin)
    }

    private func source(of origin: RequestOrigin, _ group: GroupID) -> StreamGate.Source {
        switch origin {
        case .local(let id): StreamGate.Source(node: ports.node, request: id, group: group)
        case .peer(let node, let id): StreamGate.Source(node: node, request: id, group: group)
        }
    }

    /// This node does not lead the group, or not any more: the router asks the next leader, for this and all that
    /// it sent behind it.
    ///
    /// - Parameter isInterrupted: it was proposed, and nobody here knows what became of it.
    func decline(_ origin: RequestOrigin, _ group: GroupID, isInterrupted: Bool = false) {
        gate.declined(source(of: origin, group))
        let leader = raft.status(of: group)?.leader
        let hint = leader == ports.node ? nil : leader
        ports.answer(origin, isInterrupted ? .interrupted(hint: hint) : .notLeader(hint: hint))
    }

    /// Only the partition's leader answers with a result.
    private func handle(_ operation: Operation, group: GroupID, origin: RequestOrigin) {
        guard let leading = groups[group]?.leading else { return decline(origin, group) }
        guard leading.origins.count + reads.count < limits.proposalsMax else {
            let refusal = Refusal(
                .overloaded, "This partition has too much in hand.", retryAfterMilliseconds: 100)
            return ports.answer(origin, .result(.refused(refusal)))
        }
        if operation.mustConfirm(reader(group)) {
            return confirmThenServe(operation, group: group, origin: origin)
        }
        if case .send(let request) = operation, let refusal = diskRefusal(request, of: leading) {
            return ports.answer(origin, .result(.refused(refusal)))
        }
        carryOut(operation, origin: origin, in: leading)
    }

    private func carryOut(_ operation: Operation, origin: RequestOrigin, in leading: LeadingPartition) {
        let token = leading.token(for: origin)
        let reader = reader(leading.group)
        perform(leading.machines.handle(token, operation, now: moment(), reader: reader), in: leading)
    }

    /// On a disk that is nearly full new messages are refused; the retry of a stored one gets its result (G4).
    private func diskRefusal(_ request: SendRequest, of leading: LeadingPartition) -> Refusal? {
        guard diskLevel >= .low else { return nil }
        let id = ConversationID.conversation(of: request.sender, with: request.recipient)
        let earlier = reader(leading.group).earlierSend(
            id, sender: request.sender, clientMessageID: request.clientMessageID,
            digest: request.payloadDigest)
        guard earlier == nil else { return nil }
        return Refusal(
            .storageFull, "The disk of the node that leads this conversation is nearly full.",
            retryAfterMilliseconds: 2_000)
    }

    // MARK: Reads (rule Q1)

    func confirmThenServe(_ operation: Operation, group: GroupID, origin: RequestOrigin) {
        let token = nextRead
        nextRead += 1
        guard raft.read(group: group, token: token, now: clock.tick()) else {
            return decline(origin, group)
        }
        reads[token] = WaitingRead(group: group, origin: origin, operation: operation)
    }

    /// Leadership is confirmed as of a moment after the read arrived, and apply is synchronous with commit here,
    /// so the state holds at least everything committed before the read.
    func serve(_ ready: ReadReady) {
        if let answer = metadataReads.removeValue(forKey: ready.token) {
            guard let index = ready.index, let hosted = groups[.metadata] else { return answer(nil) }
            if hosted.applied >= index { return answer(metadataHost?.state) }
            metadataReads[ready.token] = answer
            readsAwaitingApply.append((ready.token, index))
            return
        }
        guard let read = reads[ready.token] else { return }
        guard let index = ready.index, let hosted = groups[read.group], let leading = hosted.leading else {
            reads[ready.token] = nil
            return decline(read.origin, read.group)
        }
        guard hosted.applied >= index else {
            readsAwaitingApply.append((ready.token, index))
            return
        }
        reads[ready.token] = nil
        carryOut(read.operation, origin: read.origin, in: leading)
    }

    func serveApplied(_ group: GroupID) {
        guard !readsAwaitingApply.isEmpty else { return }
        let waiting = readsAwaitingApply
        readsAwaitingApply = []
        for (token, index) in waiting { serve(ReadReady(token: token, group: group, index: index)) }
    }

    /// This replica answers by itself, leader or not (guarantee G9), when it has come as far.
    func serveStale(_ query: HistoryQuery, group: GroupID, origin: RequestOrigin) {
        if raft.applyNow(group: group) { pump() }
        guard groups[group] != nil, let page = reader(group).staleHistory(query) else {
            return ports.answer(origin, .notLeader(hint: nil))
        }
        ports.answer(origin, .result(.history(page)))
    }
}
