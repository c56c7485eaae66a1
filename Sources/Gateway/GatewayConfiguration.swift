import ClientSession
import NIOCore
import PortSecurity
import Vocabulary

/// Where the client port listens, and what it keeps to.
package struct GatewayConfiguration: Sendable {
    package var host: String
    /// Zero lets the system choose.
    package var port: Int
    package var limits: Limits
    /// `nil` for plain HTTP.
    package var security: PortSecurity?
    /// Connections the kernel holds while they wait to be accepted: a reconnect storm comes all at once.
    package var backlog: Int32 = 4_096

    package init(host: String, port: Int, limits: Limits, security: PortSecurity? = nil) {
        self.host = host
        self.port = port
        self.limits = limits
        self.security = security
    }
}

/// What every part of the client port needs; made once per server.
struct GatewayServices: Sendable {
    let limits: Limits
    let rules: SessionRules
    let dispatcher: any Dispatcher
    let tokens: TokenVerifier
    let users: UserDirectory
    let devices: DeviceTokens
    let buckets: UserBuckets
    let metrics: GatewayProbe
    let drain: DrainState
}
