import Vocabulary
import Wire

/// Takes members' flags to the log of their conversations, on the leader of those.
package struct FlagsReceiver: Sendable {
    private var waiting: [[MemberFlagsUpdate]: [UInt64]] = [:]

    package init() {}

    package mutating func handle<View: StateView>(
        _ token: UInt64, _ updates: [MemberFlagsUpdate], reader: ChatReader<View>
    ) -> [ChatDirective] {
        if updates.allSatisfy({ reader.hasFlags($0) }) { return [.reply(token, .ok)] }
        waiting[updates, default: []].append(token)
        return [.propose(.memberFlags(updates))]
    }

    package mutating func applied(_ updates: [MemberFlagsUpdate]) -> [ChatDirective] {
        take(updates).map { [.reply($0, .ok)] } ?? []
    }

    package mutating func refused(_ updates: [MemberFlagsUpdate], _ refusal: Refusal) -> [ChatDirective] {
        take(updates).map { [.reply($0, .refused(refusal))] } ?? []
    }

    package mutating func abandon(_ refusal: Refusal) -> [ChatDirective] {
        let tokens = waiting.values.flatMap { $0 }.sorted()
        waiting = [:]
        return tokens.map { .reply($0, .refused(refusal)) }
    }

    private mutating func take(_ updates: [MemberFlagsUpdate]) -> UInt64? {
        guard var queue = waiting[updates], !queue.isEmpty else { return nil }
        let token = queue.removeFirst()
        waiting[updates] = queue.isEmpty ? nil : queue
        return token
    }
}
