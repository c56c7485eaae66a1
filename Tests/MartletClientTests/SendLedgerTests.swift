import NIOCore
import Testing

@testable import MartletClient

/// A send stays under one id until it has a final answer, and the wire order is the order of the calls.
@Suite struct SendLedgerTests {
    private func frame(_ name: String) -> ByteBuffer { ByteBuffer(string: name) }
    private func texts(_ frames: [ByteBuffer]) -> [String] { frames.map { String(buffer: $0) } }
    private let transient = Refusal(status: 504, code: "unknown", message: "", retryAfterMilliseconds: nil)
    private let final = Refusal(status: 403, code: "not_member", message: "", retryAfterMilliseconds: nil)

    @Test func writesInOrderAndEachOnce() {
        var ledger = SendLedger()
        ledger.add(7, frame: frame("a"), deadline: 100)
        ledger.add(8, frame: frame("b"), deadline: 100)
        #expect(texts(ledger.due(now: 0)) == ["a", "b"])
        #expect(ledger.due(now: 0).isEmpty)
        #expect(ledger.received(sent: 7) == .settled)
        #expect(ledger.received(sent: 7) == .unknownRef)
        #expect(ledger.count == 1)
    }

    @Test func writesEverythingUnansweredAgainAfterALostConnection() {
        var ledger = SendLedger()
        for ref in 1...3 { ledger.add(UInt64(ref), frame: frame("m\(ref)"), deadline: 100) }
        _ = ledger.due(now: 0)
        #expect(ledger.received(sent: 2) == .settled)
        ledger.disconnected()
        #expect(texts(ledger.due(now: 0)) == ["m1", "m3"])
    }

    @Test func keepsToTheWindow() {
        var ledger = SendLedger(window: 2)
        for ref in 1...4 { ledger.add(UInt64(ref), frame: frame("m\(ref)"), deadline: 100) }
        #expect(texts(ledger.due(now: 0)) == ["m1", "m2"])
        #expect(ledger.due(now: 0).isEmpty)
        _ = ledger.received(sent: 1)
        #expect(texts(ledger.due(now: 0)) == ["m3"])
    }

    @Test func retriesAnOpenOutcomeLaterAndTheSameFrame() {
        var ledger = SendLedger()
        ledger.add(1, frame: frame("a"), deadline: 1_000)
        _ = ledger.due(now: 0)
        #expect(ledger.received(transient, for: 1, retryAt: 50) == .retrying)
        #expect(ledger.due(now: 49).isEmpty)
        #expect(ledger.nextWake == 50)
        #expect(texts(ledger.due(now: 50)) == ["a"])
    }

    @Test func settlesARefusalForGood() {
        var ledger = SendLedger()
        ledger.add(1, frame: frame("a"), deadline: 1_000)
        _ = ledger.due(now: 0)
        #expect(ledger.received(final, for: 1, retryAt: 50) == .settled)
        #expect(ledger.isEmpty)
        #expect(ledger.nextWake == nil)
    }

    @Test func anAnswerOfAnEarlierConnectionDoesNotFreeTheWindowTwice() {
        var ledger = SendLedger(window: 1)
        ledger.add(1, frame: frame("a"), deadline: 1_000)
        _ = ledger.due(now: 0)
        ledger.disconnected()
        // Refused on the old connection, not written on the new one yet.
        #expect(ledger.received(transient, for: 1, retryAt: 50) == .unknownRef)
        ledger.add(2, frame: frame("b"), deadline: 1_000)
        #expect(texts(ledger.due(now: 0)) == ["a"])
    }

    @Test func givesUpAtTheDeadlineOnly() {
        var ledger = SendLedger()
        ledger.add(1, frame: frame("a"), deadline: 100)
        ledger.add(2, frame: frame("b"), deadline: 200)
        #expect(ledger.nextWake == 100)
        #expect(ledger.expire(now: 99) == [])
        #expect(ledger.expire(now: 100) == [1])
        #expect(texts(ledger.due(now: 100)) == ["b"])
        #expect(ledger.removeAll() == [2])
    }
}
