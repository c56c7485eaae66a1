import Chat
import NIOCore
import Vocabulary
import Wire

/// Who is named in a group change is asked for first: only the user's own partition knows whether it exists and
/// who may add it.
extension LoopRouter {
    func group(_ request: GroupRequest, partitionCount: Int, completion: @escaping Completion) {
        let group = GroupID(Operation.group(request).partition(count: partitionCount))
        let named: [UserID]
        switch request.change {
        case .create(let creation): named = creation.members.filter { $0 != request.actor }
        case .add(let users): named = users
        default: return perform(.group(request), group: group, completion: completion)
        }
        mayAdd(named, by: request.actor, partitionCount: partitionCount) { [weak self] answer in
            guard let self else { return }
            self.assumeIsolated { router in
                switch answer {
                case .failure(let refusal): completion(.refused(refusal))
                case .success(let found):
                    let addable = named.filter { found[$0] == .added }
                    let others = named.compactMap { user in
                        found[user].flatMap { $0 == .added ? nil : (user: user, result: $0) }
                    }
                    router.perform(.group(request.naming(addable)), group: group) { result in
                        completion(result.adding(others))
                    }
                }
            }
        }
    }

    /// Asks the partitions of all `users`. Never from memory: privacy settings and blocks may have changed.
    private func mayAdd(
        _ users: [UserID], by actor: UserID, partitionCount: Int,
        completion: @escaping @Sendable (Result<[UserID: MemberResult], Refusal>) -> Void
    ) {
        guard !users.isEmpty else { return completion(.success([:])) }
        let byGroup = Dictionary(grouping: Set(users).sorted()) { GroupID.of($0, partitionCount) }
        let gathering = Gathering(count: byGroup.count, loop: loop) {
            (parts: [[(UserID, MemberResult)]], refusal: Refusal?) in
            if let refusal { return completion(.failure(refusal)) }
            completion(.success(Dictionary(parts.flatMap { $0 }) { first, _ in first }))
        }
        for (group, users) in byGroup.sorted(by: { $0.key < $1.key }) {
            perform(.mayAdd(actor: actor, users: users), group: group) { result in
                switch result {
                case .mayAdd(let results) where results.count == users.count:
                    gathering.add(Array(zip(users, results)))
                case .refused(let refusal): gathering.fail(refusal)
                default: gathering.fail(Refusal(.unavailable, "Unexpected answer."))
                }
            }
        }
    }
}

extension GroupRequest {
    fileprivate func naming(_ users: [UserID]) -> GroupRequest {
        var request = self
        switch change {
        case .create(var creation):
            creation.members = users
            request.change = .create(creation)
        case .add: request.change = .add(users)
        default: break
        }
        return request
    }
}

extension OperationResult {
    /// The answer with those who were not asked of the group at all.
    fileprivate func adding(_ others: [(user: UserID, result: MemberResult)]) -> OperationResult {
        guard case .group(var result) = self else { return self }
        result.members += others.map { .init(user: $0.user, role: .member, result: $0.result) }
        return .group(result)
    }
}
