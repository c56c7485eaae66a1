import Chat
import ClientSession
import Vocabulary
import Wire

/// What a node remembers of its sessions' watches.
struct KeptWatches {
    /// A subscription whose leaders are being told.
    struct Gathering {
        var session: UInt64
        var token: OperationToken
        var left: Int
        var refusal: Refusal?
    }

    static let repeatMilliseconds: UInt64 = 30_000

    var watches = PresenceWatches()
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
            tell(kept.watches.end(session, subscription.users, partitions: partitionCount))
            return finish(session, token, .ok)
        }
        let request = PrivacyRequest.sights(viewer: subscription.viewer, of: subscription.users)
        let question = kept.watches.ask(subscription)
        perform(.privacy(request), .sights(question, subscription, token))
    }

    func saw(
        _ question: UInt64, _ subscription: PresenceSubscription, _ token: OperationToken?,
        _ result: OperationResult
    ) {
        let session = subscription.session.number
        var answer: [PresenceSight]?
        if case .privacy(.sights(let sights)) = result, sights.count == subscription.users.count {
            answer = sights
        }
        let batches = kept.watches.answered(
            question, subscription, sockets[session] == nil ? nil : answer, partitions: partitionCount)
        guard answer != nil else { return finish(session, token, result) }
        guard !batches.isEmpty else { return finish(session, token, .ok) }
        kept.lastGathering += 1
        let number = kept.lastGathering
        if let token {
            kept.gatherings[number] = .init(session: session, token: token, left: batches.count)
        }
        for batch in batches { perform(.watchPresence(batch.watches), .watching(number)) }
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

    /// The session is gone.
    func endWatches(of session: UInt64) { tell(kept.watches.end(session, partitions: partitionCount)) }

    private func tell(_ batches: [PresenceWatches.Batch]) {
        for batch in batches { perform(.watchPresence(batch.watches), .nobody) }
    }

    func repeatWatches(of group: GroupID) {
        let watches = kept.watches.repeated(of: group)
        if !watches.isEmpty { perform(.watchPresence(watches), .nobody) }
    }

    func repeatAllWatches() {
        for group in kept.watches.groups { repeatWatches(of: group) }
    }
}
