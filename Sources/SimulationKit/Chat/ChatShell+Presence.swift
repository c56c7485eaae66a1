import Chat
import ClientSession
import Vocabulary
import Wire

/// What a node remembers of its sessions' watches.
struct KeptWatches {
    struct Place: Hashable, Comparable {
        var session: UInt64
        var user: UserID
        static func < (a: Self, b: Self) -> Bool { (a.session, a.user) < (b.session, b.user) }
    }

    /// A subscription whose leaders are being told.
    struct Gathering {
        var session: UInt64
        var token: OperationToken
        var left: Int
        var refusal: Refusal?
    }

    static let repeatMilliseconds: UInt64 = 30_000

    var watches: [GroupID: [Place: PresenceWatch]] = [:]
    var users: [UInt64: Set<UserID>] = [:]
    var gatherings: [UInt64: Gathering] = [:]
    var lastGathering: UInt64 = 0
    var nextRepeat: Tick = .zero
}

/// Keeps the leaders of watched users told, as `Node/PresenceKeeper` does: first what the viewer's own settings let it
/// see, then a watch for each user; again every 30 s, to new leaders and over new links; ended with the session.
extension ChatShell {
    func take(_ subscription: PresenceSubscription, _ completion: Completion) {
        let session = subscription.session.number
        var token: OperationToken?
        if case .session(_, let asked) = completion { token = asked }
        if subscription.isEnd {
            end(session, subscription.users)
            return finish(session, token, .ok)
        }
        let request = PrivacyRequest.sights(viewer: subscription.viewer, of: subscription.users)
        perform(.privacy(request), .sights(subscription, token))
    }

    func saw(_ subscription: PresenceSubscription, _ token: OperationToken?, _ result: OperationResult) {
        let session = subscription.session.number
        guard case .privacy(.sights(let sights)) = result, sights.count == subscription.users.count else {
            return finish(session, token, result)
        }
        guard sockets[session] != nil else { return }
        var byGroup: [GroupID: [PresenceWatch]] = [:]
        for (user, sight) in zip(subscription.users, sights) {
            let watch = PresenceWatch(
                session: subscription.session, viewer: subscription.viewer, user: user, sight: sight)
            kept.users[session, default: []].insert(user)
            kept.watches[group(of: user), default: [:]][.init(session: session, user: user)] = watch
            byGroup[group(of: user), default: []].append(watch)
        }
        kept.lastGathering += 1
        let number = kept.lastGathering
        if let token {
            kept.gatherings[number] = .init(session: session, token: token, left: byGroup.count)
        }
        for (_, watches) in byGroup.sorted(by: { $0.key < $1.key }) {
            perform(.watchPresence(watches), .watching(number))
        }
    }

    func watching(_ number: UInt64, _ result: OperationResult) {
        guard var gathering = kept.gatherings[number] else { return }
        gathering.left -= 1
        if case .refused(let refusal) = result { gathering.refusal = gathering.refusal ?? refusal }
        kept.gatherings[number] = gathering.left > 0 ? gathering : nil
        guard gathering.left == 0 else { return }
        finish(gathering.session, gathering.token, gathering.refusal.map { .refused($0) } ?? .ok)
    }

    private func finish(_ session: UInt64, _ token: OperationToken?, _ result: OperationResult) {
        guard let token else { return }
        step(session) { $0.finished(token, result, now: now.tick, out: &$1) }
    }

    private func group(of user: UserID) -> GroupID { GroupID(PartitionID.of(user, count: partitionCount)) }

    /// The session is gone.
    func endWatches(of session: UInt64) { end(session, kept.users[session]?.sorted() ?? []) }

    private func end(_ session: UInt64, _ users: [UserID]) {
        var byGroup: [GroupID: [PresenceWatch]] = [:]
        for user in users.sorted() {
            kept.users[session]?.remove(user)
            if kept.users[session]?.isEmpty == true { kept.users[session] = nil }
            let group = group(of: user)
            guard var watch = kept.watches[group]?.removeValue(forKey: .init(session: session, user: user))
            else { continue }
            if kept.watches[group]?.isEmpty == true { kept.watches[group] = nil }
            watch.sight = nil
            byGroup[group, default: []].append(watch)
        }
        for (_, watches) in byGroup.sorted(by: { $0.key < $1.key }) {
            perform(.watchPresence(watches), .nobody)
        }
    }

    func repeatWatches(of group: GroupID) {
        let watches = kept.watches[group]?.sorted { $0.key < $1.key }.map(\.value) ?? []
        if !watches.isEmpty { perform(.watchPresence(watches), .nobody) }
    }

    func repeatAllWatches() {
        for group in kept.watches.keys.sorted() { repeatWatches(of: group) }
    }
}
