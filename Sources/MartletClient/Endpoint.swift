/// Where a node listens for clients.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address without brackets.
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Takes `host:port`, `[v6]:port`, and both with `ws://` or `http://` before and a path behind.
    /// `nil` for anything else, also for a port outside 1...65535.
    public init?(_ text: String) {
        var rest = text[...]
        for scheme in ["ws://", "http://"] where rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
        }
        if let slash = rest.firstIndex(of: "/") { rest = rest[..<slash] }
        guard let colon = rest.lastIndex(of: ":"),
            let port = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
