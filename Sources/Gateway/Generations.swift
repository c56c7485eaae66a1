/// A bounded table: what was neither written nor read during one generation is forgotten.
struct Generations<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private let limit: Int
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]

    /// Holds at most `limit` entries.
    init(limit: Int) { self.limit = max(2, limit) }

    subscript(key: Key) -> Value? {
        mutating get {
            if let value = young[key] { return value }
            guard let value = old[key] else { return nil }
            insert(key, value)
            return value
        }
        set {
            if let newValue {
                insert(key, newValue)
            } else {
                young[key] = nil
                old[key] = nil
            }
        }
    }

    private mutating func insert(_ key: Key, _ value: Value) {
        young[key] = value
        guard young.count >= limit / 2 else { return }
        old = young
        young = [:]
    }
}
