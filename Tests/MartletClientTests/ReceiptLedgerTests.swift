import NIOCore
import Testing

@testable import MartletClient

/// Receipts are cumulative: only the highest is written, until it is confirmed.
@Suite struct ReceiptLedgerTests {
    private func texts(_ frames: [ByteBuffer]) -> [String] { frames.map { String(buffer: $0) } }
    private func text(_ status: String, _ ref: String, _ seq: Int) -> String {
        #"{"type":"status","ref":"\#(ref)","status":"\#(status)","conversation_id":"c","up_to_seq":\#(seq)}"#
    }

    @Test func writesTheHighestOnce() {
        var ledger = ReceiptLedger()
        for seq: UInt64 in [1, 3, 2] { ledger.mark(.delivered, conversationID: "c", upTo: seq) }
        #expect(texts(ledger.due()) == [text("delivered", "r1", 3)])
        #expect(ledger.due().isEmpty)
        #expect(ledger.answered(ref: "r1") == true)
        #expect(ledger.isEmpty)
        #expect(ledger.answered(ref: "r1") == false)
    }

    @Test func readMakesAnUnwrittenDeliveredSuperfluous() {
        var ledger = ReceiptLedger()
        ledger.mark(.delivered, conversationID: "c", upTo: 3)
        ledger.mark(.read, conversationID: "c", upTo: 3)
        #expect(texts(ledger.due()) == [text("read", "r1", 3)])
    }

    @Test func aHigherMarkOutlivesTheConfirmationOfALowerOne() {
        var ledger = ReceiptLedger()
        ledger.mark(.read, conversationID: "c", upTo: 3)
        _ = ledger.due()
        ledger.mark(.read, conversationID: "c", upTo: 4)
        #expect(ledger.answered(ref: "r1") == true)
        #expect(texts(ledger.due()) == [text("read", "r2", 4)])
    }

    @Test func isWrittenAgainAfterALostConnection() {
        var ledger = ReceiptLedger()
        ledger.mark(.read, conversationID: "c", upTo: 3)
        _ = ledger.due()
        ledger.disconnected()
        #expect(texts(ledger.due()) == [text("read", "r2", 3)])
        #expect(ledger.answered(ref: "r1") == false)
        #expect(ledger.answered(ref: "r2") == true)
        #expect(ledger.isEmpty)
    }
}
