import Foundation

/// Which servers devices may have this one ask: a device must not make it ask just anybody.
enum PushOrigin {
    /// `https://host[:port]` of an address whose host is allowed, by name or by `*.domain`; otherwise `nil`.
    static func of(_ address: String, allowed: [String]) -> String? {
        guard let url = URLComponents(string: address), url.scheme == "https", let host = url.host,
            url.user == nil
        else { return nil }
        let isAllowed = allowed.contains { pattern in
            pattern.hasPrefix("*.") ? host.hasSuffix(pattern.dropFirst()) : host == pattern
        }
        return isAllowed ? "https://\(host)\(url.port.map { ":\($0)" } ?? "")" : nil
    }
}
