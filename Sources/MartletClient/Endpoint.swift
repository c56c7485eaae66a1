/// Where a node listens for clients.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address without brackets.
    public var host: String
    public var port: Int
    /// Whether connections are under TLS.
    public var isSecure: Bool
    /// A PEM file of who may have signed the server's certificate; `nil` trusts whom the system trusts.
    public var authorityFile: String?

    public init(host: String, port: Int, isSecure: Bool = false, authorityFile: String? = nil) {
        self.host = host
        self.port = port
        self.isSecure = isSecure
        self.authorityFile = authorityFile
    }

    /// Takes `host:port`, `[v6]:port`, and both with `ws://`, `wss://`, `http://` or `https://` before and a path
    /// behind.
    /// `nil` for anything else, also for a port outside 1...65535.
    public init?(_ text: String) {
        var rest = text[...]
        var isSecure = false
        for scheme in ["ws://", "http://", "wss://", "https://"] where rest.hasPrefix(scheme) {
            rest = rest.dropFirst(scheme.count)
            isSecure = scheme == "wss://" || scheme == "https://"
            break
        }
        if let slash = rest.firstIndex(of: "/") { rest = rest[..<slash] }
        guard let colon = rest.lastIndex(of: ":"),
            let port = Int(rest[rest.index(after: colon)...]), (1...65_535).contains(port)
        else { return nil }
        var host = rest[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(host: String(host), port: port, isSecure: isSecure)
    }

    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
