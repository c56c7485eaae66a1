import Storage
import Vocabulary
import Wire

/// One user of some simulations ends its account, and everybody is to forget what it wrote.
extension Simulation {
    func erases(_ number: Int, on id: UInt64) -> Bool {
        let user = chat.devices[number].viewer.user
        guard chat.plan.erasesAccounts, areFaultsOn, chat.plan.users.count > 2,
            chat.erasing == nil || chat.erasing == user,
            chat.devices[number].random.chance(percent: chat.erasing == nil ? 1 : 20)
        else { return false }
        chat.erasing = user
        call(.account(AccountRequest(user: user, ask: .change(.erase))), .erase, floor: .zero, number, on: id)
        return true
    }

    /// Nothing of it can be read in the state of any replica, whatever table it would be in.
    func checkErasures() {
        for user in chat.checker.ledger.erasures.users {
            let traces = ["body of \(user)-", "by \(user)"].map { Array($0.utf8) }
            for node in nodes where node.life != .gone {
                for (group, replica) in node.replicas where group != .metadata {
                    let view = node.store.view(group: group, generation: replica.generation)
                    let pairs = view.pairs(
                        from: [], to: [UInt8](repeating: 0xFF, count: 8), limit: .max, reverse: false)
                    for pair in pairs where traces.contains(where: { pair.value.firstRange(of: $0) != nil }) {
                        checker.fail(
                            "node \(node.number) has in \(group), at \(pair.key.prefix(40)), what \(user) wrote"
                        )
                        return
                    }
                }
            }
        }
    }
}

extension ChatChecker {
    func acknowledgedErasure(of user: UserID) {
        if !ledger.isErased(user) { fail("the end of \(user) was acknowledged and is not in the log") }
    }
}
