import NIOCore

/// Which refused links are worth a line in the log: whoever is refused dials again twice a second, and says the same.
struct RefusalLog {
    static let silence = TimeAmount.seconds(60)
    /// Strangers cannot make this grow.
    private static let keysMax = 256

    private var told: [String: NIODeadline] = [:]

    /// True for the first of its kind, and once a minute after that.
    mutating func isNews(_ key: String, now: NIODeadline) -> Bool {
        if let last = told[key], now - last < Self.silence { return false }
        if told.count >= Self.keysMax { told = told.filter { now - $0.value < Self.silence } }
        guard told.count < Self.keysMax || told[key] != nil else { return false }
        told[key] = now
        return true
    }
}
