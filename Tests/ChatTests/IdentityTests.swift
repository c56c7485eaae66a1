import Testing
import Vocabulary
import Wire

@testable import Chat

struct IdentityTests {
    @Test func aDirectConversationHasOneIDFromBothSides() {
        #expect(annBob == .direct(between: bob, and: ann))
        #expect(annBob != .direct(between: ann, and: cat))
        #expect(annBob.raw.high & 0xF000 == 0x8000)
        #expect(annBob.raw.low >> 62 == 0b10)
        // Golden: ids are stored and shared, so the derivation never changes.
        #expect(annBob.description == "3ee69293-d73f-8324-bf22-a499c9163681")
    }

    @Test(arguments: [1, 2, 64, 256, 4_096])
    func aMessageIDNamesItsConversationsPartition(count: Int) {
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<200 {
            let conversation = ConversationID(high: generator.next(), low: generator.next())
            let seq = Seq(generator.next() >> 16)
            let id = MessageID(conversation: conversation, seq: seq)
            #expect(id.seq == seq)
            #expect(id.hash60 == conversation.placementHash >> 4)
            #expect(PartitionID.of(id, count: count) == .of(conversation, count: count))
            #expect(id.isWellFormed)
            #expect(id.raw.high & 0xF000 == 0x8000)
            #expect(MessageID(id.description) == id)
        }
    }

    @Test func idsOfOtherLayoutsAreNotWellFormed() {
        let id = MessageID(conversation: annBob, seq: Seq(3))
        #expect(!MessageID(high: id.raw.high ^ 0x1000, low: id.raw.low).isWellFormed)
        #expect(!MessageID(high: id.raw.high, low: id.raw.low | 1).isWellFormed)
        #expect(!MessageID(conversation: annBob, seq: .zero).isWellFormed)
    }

    @Test func thePayloadIsWhatARetryMustRepeat() {
        let base = request(ann, to: .user(bob), "1")
        var same = base
        same.clientTimestamp = Timestamp(9)
        same.device = laptop
        #expect(same.payloadDigest == base.payloadDigest)
        var others = [base, base, base, base, base]
        others[0].content = "other"
        others[1].type = .custom
        others[2].replyTo = MessageID(conversation: annBob, seq: Seq(1))
        others[3].mentions = [bob]
        others[4].expiresInMilliseconds = 1
        for other in others { #expect(other.payloadDigest != base.payloadDigest) }
    }
}
