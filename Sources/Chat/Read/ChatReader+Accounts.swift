import Vocabulary
import Wire

extension ChatReader {
    /// A user's devices in the order they registered; where each is connected is the leader's to add.
    package func devices(of user: UserID) -> [DeviceState] {
        (view.user(user)?.devices ?? []).map { device in
            let details = view.deviceDetails(user, device.id)
            return DeviceState(
                device: device.id, name: details?.name ?? "", createdAt: details?.createdAt ?? device.usedAt,
                usedAt: device.usedAt, push: details?.push,
                oneTimePrekeys: view.deviceKeys(user, device.id)?.oneTimePrekeys)
        }
    }

    /// What conversations have yet to forget of erased users.
    package func erasures(limit: Int) -> [(user: UserID, conversation: ConversationID)] {
        view.pairs(in: Tables.allErasures, limit: limit).compactMap { pair in
            Tables.conversation(atEndOf: pair.key).map { (Tables.user(ofErasure: pair.key), $0) }
        }
    }

    /// How each device of the user is woken, without those that have no registration.
    package func pushRegistrations(
        of user: UserID
    ) -> [(device: DeviceID, registration: PushRegistration)] {
        (view.user(user)?.devices ?? []).compactMap { device in
            view.deviceDetails(user, device.id)?.push.map { (device.id, $0) }
        }
    }

    /// Carries out a request that changes nothing.
    ///
    /// - Parameters:
    ///   - pending: the user's rows that are merged and not yet committed.
    ///   - connected: adds to devices where they are connected.
    package func answer(
        _ request: AccountRequest, pending: [InboxRow], connected: ([DeviceState]) -> [DeviceState]
    ) -> OperationResult {
        if isErased(request.user) { return .refused(.accountErased) }
        switch request.ask {
        case .change: preconditionFailure("a change is proposed")
        case .devices: return .account(.devices(connected(devices(of: request.user))))
        case .keyStock(let device):
            guard let keys = view.deviceKeys(request.user, device) else {
                return .refused(Refusal(.notFound, "this device has uploaded no keys"))
            }
            return .account(.keyStock(keys.stock))
        case .compareDevices(let named): return compare(named, request.user)
        case .row(let id):
            let later = pending.first { $0.conversation == id }
            guard let row = view.inboxRow(request.user, id)?.merged(with: later) ?? later, row.isListed else {
                return .refused(.noSuchConversation)
            }
            return .account(.row(row))
        case .rows(let after, let limit):
            return .account(.rows(rows(of: request.user, after: after, limit: limit, pending: pending)))
        case .deviceToken(let device, let issued):
            let isRevoked = view.user(request.user)?.isRevoked(device, issued: issued) == true
            return isRevoked ? .refused(.tokenRevoked) : .account(.done)
        }
    }

    private func rows(
        of user: UserID, after: ConversationID?, limit: Int, pending: [InboxRow]
    ) -> ConversationsPage {
        let pairs = view.pairs(in: Tables.inbox(user, after: after), limit: limit + 1)
        var ids = Set(pairs.compactMap { Tables.conversation(atEndOf: $0.key) })
        for row in pending where after.map({ row.conversation > $0 }) ?? true { ids.insert(row.conversation) }
        let rows = ids.sorted().prefix(limit).compactMap { id in
            let later = pending.first { $0.conversation == id }
            return view.inboxRow(user, id)?.merged(with: later) ?? later
        }
        return ConversationsPage(rows: rows, hasMore: ids.count > limit)
    }

    /// Only devices with keys count: nobody can encrypt for the others.
    private func compare(_ named: [DeviceID], _ user: UserID) -> OperationResult {
        guard let record = view.user(user), record.created != nil else {
            return .refused(.noSuchRecipient)
        }
        let known = record.devices.map(\.id).filter { view.deviceKeys(user, $0) != nil }
        let given = Set(named)
        return .account(
            .deviceDifference(
                missing: known.filter { !given.contains($0) }, extra: given.subtracting(known).sorted()))
    }
}

extension InboxRow {
    fileprivate func merged(with update: InboxRow?) -> InboxRow {
        update.map { merged(with: $0) } ?? self
    }
}

extension AccountCommand {
    /// A requested change, stamped by the leader that proposes it.
    ///
    /// - Parameter pending: what the leader has merged for a row and not yet committed.
    package init?(
        _ request: AccountRequest, token: UInt64, at: Timestamp, pending: (ConversationID) -> InboxRow?
    ) {
        guard case .change(var change) = request.ask else { return nil }
        switch change {
        case .setPush(let device, var registration):
            registration.registeredAt = at
            change = .setPush(device, registration)
        case .settings(let id, let settings, _):
            change = .settings(id, settings, pending: pending(id))
        default: break
        }
        self.init(user: request.user, change: change, at: at, token: token)
    }
}
