import Testing
import Vocabulary
import Wire

@testable import Node

/// Quiet hours are those of the user's own clock, summer time included.
struct LocalTimeTests {
    private func isQuiet(_ start: Int, _ end: Int, _ zone: String, at seconds: Int64) -> Bool {
        QuietHours(startMinute: start, endMinute: end, timeZone: zone).isOn(at: Timestamp(seconds * 1_000))
    }

    @Test func hoursOverMidnightAndWithinADay() {
        // 2026-01-15 21:59:59, 22:00:00, 06:59:59 and 07:00:00 UTC.
        let night = (22 * 60, 7 * 60)
        #expect(!isQuiet(night.0, night.1, "UTC", at: 1_768_514_399))
        #expect(isQuiet(night.0, night.1, "UTC", at: 1_768_514_400))
        #expect(isQuiet(night.0, night.1, "UTC", at: 1_768_460_399))
        #expect(!isQuiet(night.0, night.1, "UTC", at: 1_768_460_400))
        #expect(isQuiet(13 * 60, 14 * 60, "UTC", at: 1_768_482_000))
        #expect(!isQuiet(13 * 60, 14 * 60, "UTC", at: 1_768_485_600))
    }

    @Test func theZonesOwnClockCounts() {
        // 2026-01-15 and 2026-07-15, 20:30 UTC: 21:30 in Berlin's winter, 22:30 in its summer.
        #expect(!isQuiet(22 * 60, 7 * 60, "Europe/Berlin", at: 1_768_509_000))
        #expect(isQuiet(22 * 60, 7 * 60, "Europe/Berlin", at: 1_784_147_400))
        // The same moments are morning in Tokyo: 05:30.
        #expect(isQuiet(22 * 60, 7 * 60, "Asia/Tokyo", at: 1_768_509_000))
        #expect(!isQuiet(0, 1_439, "Mars/Base", at: 1_768_509_000))
    }
}
