import Chat
import ClientSession
import Vocabulary
import Wire

/// What goes down a socket.
enum DeviceBound {
    case text([UInt8])
    /// The socket closes with this code, after everything before.
    case close(UInt16)
    /// The answer to a request over REST.
    case answer(UInt64, OperationResult)
}

/// Whom a finished operation concerns.
enum Completion {
    /// The user of a new socket exists.
    case opening(UInt64)
    case session(UInt64, OperationToken)
    case refresh
    case nobody
    /// A led partition's copies of flags.
    case flags([MemberFlagsUpdate], GroupID)
    case call(connection: UInt64, UInt64)
    case erasure(EraseMemberRequest, GroupID)
    /// The messages of a push job.
    case push(UInt64)
    /// Whom the user of a push job has blocked, of those who wrote these messages.
    case pushSights(UInt64, [MessageRecord])
    /// What a viewer's own settings let it see; whom the session asks for.
    case sights(UInt64, PresenceSubscription, OperationToken?)
    /// Leaders that are told of watches.
    case watching(UInt64)
}

/// One socket of this node and its session.
struct Socket {
    let connection: UInt64
    var machine: ClientSession
    var isOpen = false
    var isReading = true
    /// Texts that came while the socket was not read.
    var unread: [[UInt8]] = []
}

extension ChatShell {
    /// A device has connected; the user is written down before it is welcome.
    func connect(_ connection: UInt64, user: UserID, device: DeviceID, cursor: SyncCursor?) {
        lastSocket += 1
        let number = bootEpoch << 32 | lastSocket
        let identity = SessionIdentity(
            user: user, device: device, session: SessionKey(node: node, number: number), isServer: false,
            expires: Tick(1 << 50))
        sockets[number] = Socket(
            connection: connection,
            machine: ClientSession(identity: identity, cursor: cursor, rules: rules, now: now.tick))
        perform(.ensureUser(user), .opening(number))
    }

    func number(of connection: UInt64) -> UInt64? {
        sockets.first { $0.value.connection == connection }?.key
    }

    /// A text frame of a device.
    func received(_ text: [UInt8], on connection: UInt64) {
        guard let number = number(of: connection), sockets[number]?.isOpen == true else { return }
        if sockets[number]?.isReading == false {
            sockets[number]?.unread.append(text)
            return
        }
        step(number) { $0.received(text, now: now.tick, out: &$1) }
        step(number) { $0.settle(now: now.tick, out: &$1) }
    }

    /// A request over REST, answered by its ticket.
    func call(_ operation: Operation, ticket: UInt64, on connection: UInt64) {
        perform(operation, .call(connection: connection, ticket))
    }

    /// The socket is gone.
    func disconnected(_ connection: UInt64) {
        guard let number = number(of: connection) else { return }
        if sockets[number]?.isOpen == true { step(number) { $0.closed(now: now.tick, out: &$1) } }
        detach(number)
    }

    func writabilityChanged(_ isWritable: Bool, on connection: UInt64) {
        guard let number = number(of: connection), sockets[number]?.isOpen == true else { return }
        step(number) { $0.writabilityChanged(isWritable, now: now.tick, out: &$1) }
    }

    private func detach(_ number: UInt64) {
        sockets[number] = nil
        foreground.remove(number)
        endWatches(of: number)
    }

    // MARK: Sessions

    func step(_ number: UInt64, _ fact: (inout ClientSession, inout [SessionDirective]) -> Void) {
        // Taken out, so that it is changed in place.
        guard var socket = sockets.removeValue(forKey: number) else { return }
        var out: [SessionDirective] = []
        fact(&socket.machine, &out)
        sockets[number] = socket
        for directive in out { carryOut(directive, of: number) }
    }

    private func carryOut(_ directive: SessionDirective, of number: UInt64) {
        guard let socket = sockets[number] else { return }
        switch directive {
        case .write(let text): toDevices.append((socket.connection, .text(text)))
        case .refuse(let refused): toDevices.append((socket.connection, .text(refused.frame)))
        case .perform(let operation, let token): perform(operation, .session(number, token))
        case .performAndForget(let operation): perform(operation, .nobody)
        case .read(let reads):
            sockets[number]?.isReading = reads
            if reads { readOn(number) }
        case .foreground(let isForeground):
            if isForeground { foreground.insert(number) } else { foreground.remove(number) }
            refresh([number])
        case .close(let code, _):
            toDevices.append((socket.connection, .close(code)))
            detach(number)
        }
    }

    private func readOn(_ number: UInt64) {
        while sockets[number]?.isReading == true, let text = sockets[number]?.unread.first {
            sockets[number]?.unread.removeFirst()
            step(number) { $0.received(text, now: now.tick, out: &$1) }
        }
    }

    func deliver(_ pushes: [SessionPush]) {
        for push in pushes {
            let event = PushedEvent(push.event)
            for addressee in push.addressees where sockets[addressee.session]?.isOpen == true {
                step(addressee.session) {
                    $0.pushed(event, position: addressee.position, now: now.tick, out: &$1)
                }
            }
        }
    }

    // MARK: Operations of this node's clients

    func perform(_ operation: Operation, _ completion: Completion) {
        if case .subscribePresence(let subscription) = operation { return take(subscription, completion) }
        lastRequest += 1
        let id = OperationRouter.request(lastRequest, of: 0, bootEpoch: bootEpoch)
        completions[id] = completion
        let group = GroupID(operation.partition(count: partitionCount))
        route { $0.perform(id, operation, group: group, now: now.tick, view: self, out: &$1) }
    }

    func route(_ body: (inout OperationRouter, inout [RouterDirective]) -> Void) {
        var out: [RouterDirective] = []
        body(&router, &out)
        for directive in out {
            switch directive {
            case .send(let id, let place, let partition, let operation, let peer):
                let frame = PeerFrame.request(id: id, place: place, partition: partition, operation)
                if peer == node { receive(frame, from: node) } else { frames.append((peer, frame)) }
            case .complete(let id, let result):
                guard let completion = completions.removeValue(forKey: id) else { continue }
                finished(completion, result)
            }
        }
    }

    private func finished(_ completion: Completion, _ result: OperationResult) {
        switch completion {
        case .opening(let number): userExists(number, result)
        case .session(let number, let token):
            step(number) { $0.finished(token, result, now: now.tick, out: &$1) }
        case .refresh:
            guard case .unknownSessions(let keys) = result else { return }
            for key in keys where sockets[key.number]?.isOpen == true {
                step(key.number) { $0.renew(out: &$1) }
            }
        case .nobody: break
        case .push(let id): readForPush(id, result)
        case .pushSights(let id, let messages): sawForPush(id, messages, result)
        case .sights(let question, let subscription, let token): saw(question, subscription, token, result)
        case .watching(let number): watching(number, result)
        case .erasure(let request, let group):
            perform(led[group]?.machines.users.erased(request, result, now: now) ?? [], group)
        case .flags(let updates, let group):
            if result == .ok { perform(led[group]?.machines.users.delivered(updates) ?? [], group) }
        case .call(let connection, let ticket): toDevices.append((connection, .answer(ticket, result)))
        }
    }

    private func userExists(_ number: UInt64, _ result: OperationResult) {
        guard let socket = sockets[number] else { return }
        guard result == .ok else {
            toDevices.append((socket.connection, .close(0)))
            return detach(number)
        }
        sockets[number]?.isOpen = true
        foreground.insert(number)
        step(number) { $0.opened(now: now.tick, serverTime: now.wall, out: &$1) }
    }

    // MARK: Keeping sessions registered

    func renewSessions(of group: GroupID) {
        for number in sockets.keys.sorted() {
            guard let socket = sockets[number], socket.isOpen,
                GroupID(PartitionID.of(socket.machine.identity.user, count: partitionCount)) == group
            else { continue }
            step(number) { $0.renew(out: &$1) }
        }
    }

    /// Refreshes every session, at most once a second.
    func refreshAll() {
        nextRefresh = min(nextRefresh, max(now.tick, lastRefreshAll + 1_000))
    }

    private func refresh(_ numbers: [UInt64]) {
        var byGroup: [GroupID: [SessionRefresh]] = [:]
        for number in numbers {
            guard let socket = sockets[number], socket.isOpen else { continue }
            let identity = socket.machine.identity
            byGroup[GroupID(PartitionID.of(identity.user, count: partitionCount)), default: []].append(
                SessionRefresh(
                    user: identity.user, device: identity.device, session: identity.session,
                    foreground: foreground.contains(number)))
        }
        for (_, refreshes) in byGroup.sorted(by: { $0.key < $1.key }) {
            perform(.refreshSessions(refreshes), .refresh)
        }
    }

    func tickServing() {
        if now.tick >= nextRefresh {
            nextRefresh = now.tick + 10_000
            lastRefreshAll = now.tick
            refresh(sockets.keys.sorted())
        }
        if now.tick >= kept.nextRepeat {
            kept.nextRepeat = now.tick + KeptWatches.repeatMilliseconds
            repeatAllWatches()
        }
        if now.tick >= nextRouterTick {
            nextRouterTick = now.tick + OperationRouter.tickMilliseconds
            if !router.isIdle { route { $0.tick(now: now.tick, view: self, out: &$1) } }
        }
        for number in sockets.keys.sorted() {
            guard let socket = sockets[number], socket.isOpen, socket.machine.deadline <= now.tick else {
                continue
            }
            step(number) { $0.tick(now: now.tick, out: &$1) }
        }
    }
}
