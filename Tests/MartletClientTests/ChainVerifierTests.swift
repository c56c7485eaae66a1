import Foundation
import MartletClient
import Testing

@Suite struct ChainVerifierTests {
    private let conversation = "32b950e8-613b-8617-99d0-5ebbe0e9ecd9"

    /// Two messages whose hashes were computed by the Python example in docs/clients.md.
    private func messages() throws -> [ProvenMessage] {
        try JSONDecoder().decode([ProvenMessage].self, from: Data(sample.utf8))
    }

    private func failure(_ change: (inout [ProvenMessage]) -> Void) throws -> String? {
        var messages = try messages()
        change(&messages)
        var verifier = ChainVerifier(conversationID: conversation)
        do {
            for message in messages { try verifier.add(message) }
            return nil
        } catch { return error.reason }
    }

    @Test func anUntouchedChainHolds() throws {
        var verifier = ChainVerifier(conversationID: conversation)
        for message in try messages() { try verifier.add(message) }
        #expect(verifier.seq == 2)
        #expect(verifier.value == (try messages())[1].chain)
        #expect(verifier.comparedContents == 2)
        #expect(verifier.skipped == 0)
    }

    @Test func everyChangeIsSeen() throws {
        #expect(try failure { $0[0].content = "other" } == "content_hash is not the hash of its content")
        #expect(try failure { $0[1].senderID = "mallory" } == "chain is not the hash of its parts")
        #expect(try failure { $0[1].timestamp += 1 } == "chain is not the hash of its parts")
        #expect(
            try failure { $0[0].previousChain = $0[0].chain } == "previous_chain is not the chain of seq 0")
        #expect(try failure { $0[1].contentHash = "zz" } == "a hash is not 64 hex digits")
        #expect(try failure { $0.swapAt(0, 1) } == "it follows seq 2")
    }

    @Test func deletedAndEditedContentIsTakenFromItsHash() throws {
        #expect(
            try failure {
                $0[0].content = nil
                $0[0].deleted = true
            } == nil)
        #expect(
            try failure {
                $0[1].content = "edited"
                $0[1].editedAt = 9
            } == nil)
    }

    @Test func whatWasNotShownIsCounted() throws {
        var verifier = ChainVerifier(conversationID: conversation)
        try verifier.add(try messages()[1])
        #expect(verifier.skipped == 1)
    }
}

private let sample = #"""
    [
     {
      "message_type": "text",
      "client_message_id": "c-1",
      "content": "one",
      "seq": 1,
      "message_id": "2bee9d7b-2b52-8ee2-8000-000000004000",
      "sender_id": "alice",
      "timestamp": 1795492528304,
      "content_hash": "60e9fec5aef58c3c04d38376e68cac6a5c8634126bc9e212f5865f47028be2f5",
      "previous_chain": "188ff1d555f7291cd7c221f968867f9136aa3a5679f4d62c352fef3b0c3bbf0c",
      "chain": "66e70e303928b5c33bf7b0fa14e5e2ff9f07204bfa65405ccfa929d98d803f77"
     },
     {
      "message_type": "system",
      "content": "{\"event\":\"x\"}",
      "seq": 2,
      "message_id": "2bee9d7b-2b52-8ee2-8000-000000008000",
      "sender_id": "bob",
      "timestamp": 1795492528305,
      "content_hash": "62bca5f2e7a3c320dd189801b5aef3076bdef71534dabe1376f9145df90fa661",
      "previous_chain": "66e70e303928b5c33bf7b0fa14e5e2ff9f07204bfa65405ccfa929d98d803f77",
      "chain": "9646cbb9d2212d6a26d087c42a12f87c895fb45edfa7c88b0b8d38ff36f8cea7"
     }
    ]
    """#
