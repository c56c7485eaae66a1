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
        switch operation {
        case .send(let request): send(request, origin: origin, in: leading)
        case .receipt(let request): receipt(request, origin: origin, in: leading, isConfirmed: false)
        case .group(let request):
            let token = leading.token(for: origin)
            let now = moment()
            let reader = reader(group)
            let orders = groupActor(request.group, in: leading).assumeIsolated {
                $0.handle(token, request, now: now, reader: reader)
            }
            perform(orders, in: leading)
        case .ensureUser(let user): ensure(user, origin: origin, in: leading)
        case .closeSession(let user, let session):
            if let actor = leading.users[user] {
                let now = moment()
                perform(actor.assumeIsolated { $0.close(session, now: now) }, in: leading)
            }
            ports.answer(origin, .result(.ok))
        case .refreshSessions(let sessions): refresh(sessions, origin: origin, in: leading)
        case .deviceAcks(let acks):
            for ack in acks { leading.acks.acknowledge(ack) }
            ports.answer(origin, .result(.ok))
        case .changeMessage(let request): change(request, origin: origin, in: leading, isConfirmed: false)
        case .eraseMember(let request): erase(request, origin: origin, in: leading)
        case .clear(let request): clear(request, origin: origin, in: leading)
        case .account(let request) where request.isChange:
            change(request, origin: origin, in: leading)
        case .setDisappearing(let request): setDisappearing(request, origin: origin, in: leading)
        case .watchPresence(let watches): watch(watches, origin: origin, in: leading)
        case .memberFlags(let updates): take(updates, origin: origin, in: leading)
        case .typing(let request): typing(request, origin: origin, in: leading)
        case .privacy(let request) where request.isChange: privacy(request, origin: origin, in: leading)
        case .history, .catchUp, .messageInfo, .conversations, .openSession, .usersExist, .presence, .devices,
            .groupQuery, .mayAdd, .account, .privacy, .presenceOf, .subscribePresence:
            confirmThenServe(operation, group: group, origin: origin)
        }
    }

    private func send(_ request: SendRequest, origin: RequestOrigin, in leading: LeadingPartition) {
        let id = ConversationID.conversation(of: request.sender, with: request.recipient)
        if let refusal = diskRefusal(request, in: id, of: leading) {
            return ports.answer(origin, .result(.refused(refusal)))
        }
        let token = leading.token(for: origin)
        let now = moment()
        let reader = reader(leading.group)
        let orders = conversationActor(id, in: leading).assumeIsolated {
            $0.send(token, request, limits: limits, now: now, reader: reader)
        }
        perform(orders, in: leading)
    }

    /// On a disk that is nearly full new messages are refused; the retry of a stored one gets its result (G4).
    private func diskRefusal(
        _ request: SendRequest, in id: ConversationID, of leading: LeadingPartition
    ) -> Refusal? {
        guard diskLevel >= .low else { return nil }
        let earlier = reader(leading.group).earlierSend(
            id, sender: request.sender, clientMessageID: request.clientMessageID,
            digest: request.payloadDigest)
        guard earlier == nil else { return nil }
        return Refusal(
            .storageFull, "The disk of the node that leads this conversation is nearly full.",
            retryAfterMilliseconds: 2_000)
    }

    /// - Parameter isConfirmed: leadership is confirmed, so that what is not here does not exist.
    private func receipt(
        _ request: ReceiptRequest, origin: RequestOrigin, in leading: LeadingPartition, isConfirmed: Bool
    ) {
        let conversation: ConversationID
        let seq: Seq
        switch request.target {
        case .upTo(let id, let upTo): (conversation, seq) = (id, upTo)
        case .message(let message):
            let reader = reader(leading.group)
            guard let id = reader.conversation(of: message), reader.message(message, for: request.user) != nil
            else {
                if !isConfirmed {
                    return confirmThenServe(.receipt(request), group: leading.group, origin: origin)
                }
                return ports.answer(
                    origin, .result(.refused(Refusal(.notFound, "There is no such message."))))
            }
            (conversation, seq) = (id, message.seq)
        }
        let token = leading.token(for: origin)
        let now = moment()
        conversationActor(conversation, in: leading).assumeIsolated {
            $0.receipt(token, user: request.user, status: request.status, upTo: seq, now: now)
        }
        leading.withReceipts.insert(conversation)
    }

    private func ensure(_ user: UserID, origin: RequestOrigin, in leading: LeadingPartition) {
        let reader = reader(leading.group)
        if reader.userExists(user) { return ports.answer(origin, .result(.ok)) }
        if reader.isErased(user) {
            let refusal = Refusal(.gone, "This account was deleted.")
            return ports.answer(origin, .result(.refused(refusal)))
        }
        let token = leading.token(for: origin)
        if leading.ensuring[user] != nil {
            leading.ensuring[user]?.append(token)
            return
        }
        leading.ensuring[user] = [token]
        propose(.ensureUsers([user], at: clock.timestamp()), in: leading)
    }

    private func refresh(
        _ sessions: [SessionRefresh], origin: RequestOrigin, in leading: LeadingPartition
    ) {
        let now = moment()
        var unknown: [SessionKey] = []
        for refresh in sessions {
            guard let actor = leading.users[refresh.user] else {
                unknown.append(refresh.session)
                continue
            }
            let (isKnown, orders) = actor.assumeIsolated { $0.refresh(refresh, now: now) }
            if !isKnown { unknown.append(refresh.session) }
            perform(orders, in: leading)
        }
        ports.answer(origin, .result(.unknownSessions(unknown)))
    }

    func presence(of user: UserID, in leading: LeadingPartition) -> PresenceState {
        let seen = leading.acks.lastSeen(user) ?? reader(leading.group).lastSeen(user)
        guard let actor = leading.users[user] else {
            return PresenceState(user: user, online: false, lastSeen: seen)
        }
        return actor.assumeIsolated { $0.presence(lastSeen: seen) }
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
        answer(read, in: leading)
    }

    func serveApplied(_ group: GroupID) {
        guard !readsAwaitingApply.isEmpty else { return }
        let waiting = readsAwaitingApply
        readsAwaitingApply = []
        for (token, index) in waiting { serve(ReadReady(token: token, group: group, index: index)) }
    }

    private func answer(_ read: WaitingRead, in leading: LeadingPartition) {
        let reader = reader(read.group)
        func reply(_ result: OperationResult) { ports.answer(read.origin, .result(result)) }
        switch read.operation {
        case .history(let query):
            switch reader.history(query) {
            case .success(let page): reply(.history(page))
            case .failure(let refusal): reply(.refused(refusal))
            }
        case .catchUp(let query):
            switch caughtUp(query, in: leading, reader) {
            case .success(let page): reply(.caughtUp(page))
            case .failure(let refusal): reply(.refused(refusal))
            }
        case .groupQuery(let query):
            switch reader.group(query) {
            case .success(let answer): reply(.groupAnswer(answer))
            case .failure(let refusal): reply(.refused(refusal))
            }
        case .mayAdd(let actor, let users): reply(.mayAdd(users.map { reader.mayAdd($0, by: actor) }))
        case .usersExist(let users): reply(.usersExist(users.map { reader.userExists($0) }))
        case .conversations(let query):
            reply(.conversations(reader.conversations(query, pending: leading.inbox.rows(of: query.user))))
        case .openSession(let request): open(request, origin: read.origin, in: leading)
        case .presenceOf(let queries, let viewer):
            reply(
                .presence(
                    queries.map { query in
                        reader.shown(presence(of: query.user, in: leading), to: viewer, query.sight)
                    }))
        case .privacy(let request): privacy(request, origin: read.origin, in: leading)
        case .devices(let user):
            let known = reader.user(user)?.devices.map(\.id) ?? []
            let connected = leading.users[user]?.assumeIsolated { $0.devices(known: known) }
            reply(.devices(connected ?? known.map { DeviceLocation(device: $0, node: nil) }))
        case .account(let request): reply(answer(request, in: leading))
        case .receipt(let request): receipt(request, origin: read.origin, in: leading, isConfirmed: true)
        case .changeMessage(let request): change(request, origin: read.origin, in: leading, isConfirmed: true)
        case .messageInfo(let query):
            switch reader.info(query) {
            case .success(let info): reply(.messageInfo(info))
            case .failure(let refusal): reply(.refused(refusal))
            }
        default: reply(.refused(Refusal(.invalidRequest, "Not a read.")))
        }
    }

    private func open(_ request: OpenSession, origin: RequestOrigin, in leading: LeadingPartition) {
        let token = leading.token(for: origin)
        let now = moment()
        let reader = reader(leading.group)
        let pending = leading.inbox.rows(of: request.user)
        let positions = positions(of: request.user, in: leading)
        let orders = userActor(request.user, in: leading).assumeIsolated {
            $0.open(token, request, now: now, reader: reader, pending: pending, positions: positions)
        }
        perform(orders, in: leading)
    }

    /// Where the devices of a user stand, committed or about to be.
    func positions(of user: UserID, in leading: LeadingPartition) -> UserActor.Positions {
        let reader = reader(leading.group)
        let acks = leading.acks
        return { device, conversation in
            acks.position(
                of: device, of: user, in: conversation,
                committed: reader.position(of: device, of: user, in: conversation))
        }
    }
}
