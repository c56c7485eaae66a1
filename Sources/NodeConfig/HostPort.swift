/// Where something listens or is reached: an IPv4 address, a name or a bracketed IPv6 address, and a port.
package struct HostPort: Hashable, Sendable, LosslessStringConvertible, Comparable {
    /// Without brackets.
    package var host: String
    /// 0 to 65535; 0 asks for any free port.
    package var port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// `nil` unless `text` is `host:port` or `[ipv6]:port`.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (48...57).contains($0) }),
            let port = Int(digits), port <= 65_535
        else { return nil }
        let host = text[..<colon]
        if host.first == "[" {
            guard host.last == "]", HostPort.isIPv6(host.dropFirst().dropLast()) else { return nil }
            self.init(host: String(host.dropFirst().dropLast()), port: port)
        } else {
            guard HostPort.isNameOrIPv4(host) else { return nil }
            self.init(host: String(host), port: port)
        }
    }

    package var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    package static func < (a: Self, b: Self) -> Bool { (a.host, a.port) < (b.host, b.port) }

    /// True when only this host can reach it.
    package var isLoopback: Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.") && HostPort.isIPv4(host[...])
    }

    /// True when it stands for every address of this host, and so for none that another could dial.
    package var isWildcard: Bool { host == "0.0.0.0" || host == "::" }

    private static func isNameOrIPv4(_ host: Substring) -> Bool {
        let labels = host.split(separator: ".", omittingEmptySubsequences: false)
        if labels.allSatisfy({ label in !label.isEmpty && label.utf8.allSatisfy { (48...57).contains($0) } })
        {
            return isIPv4(host)
        }
        guard (1...253).contains(host.utf8.count) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
                && label.utf8.allSatisfy { byte in
                    (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                        || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_")
                }
        }
    }

    private static func isIPv4(_ host: Substring) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in (1...3).contains(part.count) && UInt8(part) != nil }
    }

    private static func isIPv6(_ host: Substring) -> Bool {
        host.utf8.count >= 2 && host.contains(":")
            && host.utf8.allSatisfy { byte in
                (48...58).contains(byte) || (65...70).contains(byte) || (97...102).contains(byte)
                    || byte == UInt8(ascii: ".")
            }
    }
}
