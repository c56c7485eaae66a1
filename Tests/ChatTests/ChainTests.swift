import Sealing
import Testing
import Vocabulary
import Wire

@testable import Chat

/// The hash chain per conversation (guarantee G3).
struct ChainTests {
    private let store = TestStore()

    private func page(
        _ user: UserID, _ conversation: ConversationID = annBob, bound: Seq? = nil,
        order: HistoryQuery.Order = .ascending, limit: Int = 100
    ) throws -> HistoryPage {
        let query = HistoryQuery(
            conversation: conversation, user: user, bound: bound, order: order, limit: limit, proof: true)
        return try store.reader.history(query).get()
    }

    private func value(_ message: MessageRecord, _ link: ChainLink) -> [UInt8] {
        ConversationChain.next(
            after: link.previous, seq: message.seq.raw, messageID: message.messageID.description,
            senderID: message.sender.text, timestamp: message.timestamp.milliseconds,
            contentHash: link.contentHash)
    }

    @Test func linksFollowFromTheMessagesAndFromEachOther() throws {
        for number in 1...5 {
            try store.apply(
                send(
                    number % 2 == 0 ? ann : bob, to: .user(number % 2 == 0 ? bob : ann), "\(number)",
                    "text \(number)"))
        }
        let all = try page(ann)
        #expect(all.links.count == 5)
        var previous = ConversationChain.start(conversationID: annBob.description)
        for (message, link) in zip(all.messages, all.links) {
            #expect(link.previous == previous)
            #expect(link.value == value(message, link))
            #expect(
                link.contentHash
                    == ConversationChain.contentHash(
                        messageType: "text", replyTo: "", clientMessageID: message.clientMessageID.text,
                        content: message.content))
            previous = link.value
        }
        #expect(store.reader.conversation(annBob)?.chain == previous)
        // A page from the middle, newest first, tells the same.
        let middle = try page(bob, bound: Seq(4), order: .descending, limit: 2)
        #expect(middle.messages.map(\.seq) == [Seq(3), Seq(2)])
        #expect(middle.links == [all.links[2], all.links[1]])
    }

    @Test func aRetryOrARefusalDoesNotMoveTheChain() throws {
        try store.apply(send(ann, to: .user(bob), "a"))
        let chain = store.reader.conversation(annBob)?.chain
        try store.apply(send(ann, to: .user(bob), "a"))
        try store.apply(send(ann, to: .user(bob), "a", "another text"))
        #expect(store.reader.conversation(annBob)?.chain == chain)
        try store.apply(send(ann, to: .user(bob), "b"))
        #expect(store.reader.conversation(annBob)?.chain != chain)
    }

    @Test func systemMessagesAreLinksAndALateMemberGetsThePreviousValue() throws {
        try store.apply(change(ann, .create(name: "club", members: [bob])))
        try store.apply(send(ann, to: .group(club), "1", "before cat"))
        try store.apply(change(ann, .add([cat])))
        try store.apply(send(ann, to: .group(club), "2", "after cat"))
        let seen = try page(cat, club)
        let all = try page(ann, club)
        #expect(all.links.count == 4)
        #expect(seen.messages.map(\.seq) == [Seq(3), Seq(4)])
        #expect(seen.links == Array(all.links.suffix(2)))
        #expect(seen.links[0].previous == all.links[1].value)
    }

    @Test func thePageIsPlainUnlessTheProofIsAskedFor() throws {
        try store.apply(send(ann, to: .user(bob), "a"))
        let query = HistoryQuery(conversation: annBob, user: ann, bound: nil, order: .ascending, limit: 5)
        #expect(try store.reader.history(query).get().links.isEmpty)
    }

    @Test func theChainOutlivesTheContent() throws {
        try store.apply(send(ann, to: .user(bob), "a", "regretted"), send(ann, to: .user(bob), "b"))
        let before = try page(ann)
        var message = before.messages[0]
        message.content = ""
        var changes = StateChanges()
        changes.set(Tables.message(annBob, Seq(1)), StoredMessage.bytes(of: message))
        store.write(changes)
        let after = try page(ann)
        #expect(after.messages[0].content.isEmpty)
        #expect(after.links == before.links)
    }
}
