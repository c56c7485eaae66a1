import Vocabulary

/// Everything a node is told by its operator, checked. One value; nothing else reads files or the
/// environment.
package struct NodeConfiguration: Hashable, Sendable {
    package struct NodeSection: Hashable, Sendable {
        /// For people; `nodeN` asks for member number N.
        package var name: String
        /// The failure domain, for spreading replicas.
        package var zone: String?
        /// The share of the load relative to others; 100 is ordinary, 0 holds no partition.
        package var weight: UInt32 = 100
    }

    /// One address for each of the three ports.
    package struct Addresses: Hashable, Sendable {
        package var client: HostPort
        /// TCP and UDP.
        package var peer: HostPort
        package var admin: HostPort
    }

    package struct ClusterSection: Hashable, Sendable {
        package var name: String
        /// Used by `init` only; afterwards the cluster's metadata holds it.
        package var replicationFactor: Int
        /// Used by `init` only: a power of two.
        package var partitions: Int
        package var gossipKeyFile: String?
    }

    package struct AuthSection: Hashable, Sendable {
        package var hs256SecretFile: String?
        package var jwksFile: String?
        package var audience: String?
        package var issuer: String?
    }

    /// PEM files of one port.
    package struct TLSFiles: Hashable, Sendable {
        package var certificate: String
        package var key: String
        /// Who must have signed the other side's certificate; `nil` asks for none.
        package var authority: String?

        package init(certificate: String, key: String, authority: String? = nil) {
            self.certificate = certificate
            self.key = key
            self.authority = authority
        }
    }

    /// `nil` for a port without TLS.
    package struct TLSSection: Hashable, Sendable {
        package var client: TLSFiles?
        package var peer: TLSFiles?
        package var admin: TLSFiles?
    }

    package struct LogSection: Hashable, Sendable {
        package enum Level: String, Hashable, Sendable, CaseIterable {
            case trace, debug, info, notice, warning, error, critical
        }
        package enum Format: String, Hashable, Sendable, CaseIterable {
            case text, json
        }
        package var level: Level
        package var format: Format
    }

    /// Thresholds of the node itself, which no client meets by name.
    package struct Thresholds: Hashable, Sendable {
        /// Free bytes below which leaders move away and sends are refused.
        package var diskLowBytes: UInt64 = 2 << 30
        /// Free bytes below which appends are no longer acknowledged.
        package var diskFullBytes: UInt64 = 512 << 20
        /// Silence after which a member is given up.
        package var replaceAfterMilliseconds: UInt64 = 600_000
        /// Bytes a second at most of the snapshots that this node sends to others.
        package var moveBytesPerSecond: UInt64 = 16 << 20
        /// Time from the start of one sync of the log to that of the next at least, in microseconds.
        package var syncSpacingMicroseconds: UInt64 = 0
    }

    /// The file it was read from; `nil` when there was none.
    package var file: String?
    package var node: NodeSection
    /// Absolute, or relative to the working directory.
    package var dataDirectory: String
    package var listen: Addresses
    /// What others are told; as `listen` unless it is set.
    package var advertise: Addresses
    package var seeds: [HostPort]
    package var cluster: ClusterSection
    package var auth: AuthSection
    package var tls = TLSSection()
    /// A file with the bearer token that the admin port asks for.
    package var adminTokenFile: String?
    package var limits: Limits
    package var thresholds: Thresholds
    package var push: PushSection
    package var log: LogSection
    /// Event loops that own partitions; `nil` takes one per core.
    package var shards: Int?
    /// Says yes to running without authentication or without TLS off loopback.
    package var isInsecure: Bool
}
