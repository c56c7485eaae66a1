import Foundation
import Vocabulary
import Wire

extension QuietHours {
    /// Whether it is quiet where the user is. A time zone that this system does not know is never quiet.
    func isOn(at time: Timestamp) -> Bool {
        guard let zone = TimeZone(identifier: timeZone) else { return false }
        let seconds = Double(time.milliseconds) / 1_000
        let offset = zone.secondsFromGMT(for: Date(timeIntervalSince1970: seconds))
        let minute = (Int(seconds.rounded(.down)) + offset) / 60 % 1_440
        return contains(minute: minute)
    }
}
