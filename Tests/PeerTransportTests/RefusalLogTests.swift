import NIOCore
import Testing

@testable import PeerTransport

@Suite struct RefusalLogTests {
    private let start = NIODeadline.now()

    @Test func theSameIsToldOnceAMinute() {
        var log = RefusalLog()
        let told = [("a", 0), ("b", 0), ("a", 59), ("a", 60)].map { key, seconds in
            log.isNews(key, now: start + .seconds(seconds))
        }
        #expect(told == [true, true, false, true])
    }

    @Test func itDoesNotGrowWithStrangers() {
        var log = RefusalLog()
        let told = (0..<10_000).filter { log.isNews("stranger \($0)", now: start) }
        #expect(told.count == 256)
        let isToldLater = log.isNews("another", now: start + RefusalLog.silence)
        #expect(isToldLater)
    }
}
