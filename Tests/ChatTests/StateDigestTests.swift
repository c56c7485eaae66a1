import Testing
import Vocabulary
import Wire

@testable import Chat

/// The digest of a replica depends on the log alone (rules A1, R4).
struct StateDigestTests {
    private let commands: [Command] = [
        change(ann, .create(name: "club", members: [bob, cat])), send(ann, to: .group(club), "1"),
        send(bob, to: .user(ann), "2"), receipt(cat, club, delivered: 2), send(ann, to: .group(club), "1"),
        change(ann, .remove(bob)), send(ann, to: .user(bob), "3"),
    ]

    /// Applies entry by entry, some of them in one transaction, as a shard does.
    private func digest(_ commands: [Command], together: Int) throws -> StateDigest {
        let store = TestStore()
        var digest = StateDigest.zero
        var rest = commands[...]
        while !rest.isEmpty {
            var transaction = StateTransaction(base: store, digest: digest)
            for command in rest.prefix(together) {
                _ = try ChatMachine().apply(
                    entry: Command.encode([command]), at: LogIndex(1), in: &transaction)
            }
            rest = rest.dropFirst(together)
            store.write(transaction.changes)
            digest = transaction.changes.digest
        }
        return digest
    }

    @Test func itDoesNotDependOnWhatWasAppliedTogether() throws {
        let one = try digest(commands, together: 1)
        #expect(try digest(commands, together: 2) == one)
        #expect(try digest(commands, together: 7) == one)
    }

    @Test func everyDifferenceOfStateShows() throws {
        let one = try digest(commands, together: 1)
        #expect(try digest(Array(commands.dropLast()), together: 1) != one)
        var other = commands
        other[1] = send(ann, to: .group(club), "1", "hellp")
        #expect(try digest(other, together: 1) != one)
        other[1] = send(ann, to: .group(club), "1", at: 5_000)
        #expect(try digest(other, together: 1) != one)
    }

    @Test func keysValuesAndRemovalsAreToldApart() {
        func digest(_ body: (inout StateDigest) -> Void) -> StateDigest {
            var digest = StateDigest.zero
            body(&digest)
            return digest
        }
        let all = [
            digest { $0.add([1], [2]) }, digest { $0.add([1], nil) }, digest { $0.add([1], []) },
            digest { $0.add([2], [1]) }, digest { $0.add([1, 2], []) }, digest { $0.add([], [1, 2]) },
            digest { $0.add([0], [0]) }, digest { $0.add([0, 0], [0]) },
            digest { $0.add(Array(repeating: 0, count: 9), nil) },
            digest { $0.add(Array(repeating: 0, count: 8), nil) },
        ]
        #expect(Set(all).count == all.count)
    }
}
