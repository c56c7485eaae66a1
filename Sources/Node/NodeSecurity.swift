import NodeConfig
import PortSecurity

/// TLS of the three ports, each as configured.
struct NodeSecurity: Sendable {
    let client: PortSecurity?
    let peer: PortSecurity?
    let admin: PortSecurity?

    /// - Throws: when a file cannot be used.
    init(_ section: NodeConfiguration.TLSSection) throws {
        client = try section.client.map { try PortSecurity($0) }
        peer = try section.peer.map { try PortSecurity($0) }
        admin = try section.admin.map { try PortSecurity($0) }
    }

    var clientScheme: String { client == nil ? "ws" : "wss" }

    /// Takes new certificates for connections to come. The admin port's server holds its own until the next start.
    func reload() throws {
        try client?.reload()
        try peer?.reload()
    }
}
