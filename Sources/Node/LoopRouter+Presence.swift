import Chat
import NIOCore
import Vocabulary
import Wire

/// Presence of users of any partitions: first the viewer's side of the matter, then each user's own.
extension LoopRouter {
    /// In the order asked for.
    func presence(
        viewer: UserID, users: [UserID], partitionCount: Int, completion: @escaping Completion
    ) {
        sights(viewer: viewer, of: users, partitionCount: partitionCount) { [weak self] result in
            switch result {
            case .failure(let refusal): completion(.refused(refusal))
            case .success(let sights):
                let queries = zip(users, sights).map { PresenceQuery(user: $0, sight: $1) }
                self?.assumeIsolated {
                    $0.presence(queries, viewer: viewer, count: partitionCount, completion: completion)
                }
            }
        }
    }

    /// What the viewer's settings and blocks let it see of each of these users.
    func sights(
        viewer: UserID, of users: [UserID], partitionCount: Int,
        completion: @escaping @Sendable (Result<[PresenceSight], Refusal>) -> Void
    ) {
        guard !users.isEmpty else { return completion(.success([])) }
        let request = PrivacyRequest.sights(viewer: viewer, of: users)
        perform(.privacy(request), group: .of(viewer, partitionCount)) { result in
            switch result {
            case .privacy(.sights(let sights)) where sights.count == users.count:
                completion(.success(sights))
            case .refused(let refusal): completion(.failure(refusal))
            default: completion(.failure(Refusal(.unavailable, "Unexpected answer.")))
            }
        }
    }

    private func presence(
        _ queries: [PresenceQuery], viewer: UserID, count: Int, completion: @escaping Completion
    ) {
        let byGroup = Dictionary(grouping: queries) { GroupID.of($0.user, count) }
        guard !byGroup.isEmpty else { return completion(.presence([])) }
        let gathering = Gathering(count: byGroup.count, loop: loop) {
            (parts: [[PresenceState]], refusal: Refusal?) in
            if let refusal { return completion(.refused(refusal)) }
            let states = Dictionary(parts.flatMap { $0 }.map { ($0.user, $0) }) { first, _ in first }
            completion(.presence(queries.compactMap { states[$0.user] }))
        }
        for (group, queries) in byGroup.sorted(by: { $0.key < $1.key }) {
            perform(.presenceOf(queries, viewer: viewer), group: group) { result in
                switch result {
                case .presence(let states): gathering.add(states)
                case .refused(let refusal): gathering.fail(refusal)
                default: gathering.fail(Refusal(.unavailable, "Unexpected answer."))
                }
            }
        }
    }
}
