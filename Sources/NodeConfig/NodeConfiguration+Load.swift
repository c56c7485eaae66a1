import Foundation
import Vocabulary

extension NodeConfiguration {
    /// Reads and checks a configuration.
    ///
    /// - Parameters:
    ///   - file: a YAML file; paths in it are relative to its directory.
    ///   - environment: variables `MARTLET_` + the key in capitals with `_` for `.`; commas part
    ///     the elements of lists.
    ///   - flags: texts by key; stronger than the environment, which is stronger than the file.
    /// - Throws: everything that is wrong, each with where, key and reason. Files that are named are not
    ///   opened: see `secrets()`.
    package static func load(
        file: String?, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws(ConfigurationFailure) -> NodeConfiguration {
        var reader = ConfigurationReader(
            try ConfigurationSources(file: file, environment: environment, flags: flags))
        reader.checkKeys()
        let configuration = NodeConfiguration(file: file, from: &reader)
        configuration.checkCombinations(&reader)
        guard reader.problems.isEmpty else { throw ConfigurationFailure(reader.problems) }
        return configuration
    }

    private init(file: String?, from reader: inout ConfigurationReader) {
        let listen = Addresses(
            client: reader.address("listen.client") ?? HostPort(host: "127.0.0.1", port: 8410),
            peer: reader.address("listen.peer") ?? HostPort(host: "127.0.0.1", port: 8411),
            admin: reader.address("listen.admin") ?? HostPort(host: "127.0.0.1", port: 8412))
        self.file = file
        self.listen = listen
        node = NodeSection(
            name: reader.name("node.name") ?? "node1", zone: reader.name("node.zone"),
            weight: UInt32(reader.number("node.weight", in: 0...10_000) ?? 100))
        dataDirectory = reader.path("data_dir") ?? ""
        advertise = Addresses(
            client: reader.address("advertise.client") ?? listen.client,
            peer: reader.address("advertise.peer") ?? listen.peer,
            admin: reader.address("advertise.admin") ?? listen.admin)
        seeds = reader.addresses("seeds")
        cluster = ClusterSection(
            name: reader.name("cluster.name") ?? "martlet",
            replicationFactor: reader.number("cluster.replication_factor", in: 1...7) ?? 3,
            partitions: reader.number("cluster.partitions", in: 1...65_536) ?? 256,
            gossipKeyFile: reader.path("cluster.gossip_key_file"))
        auth = AuthSection(
            hs256SecretFile: reader.path("auth.hs256_secret_file"), jwksFile: reader.path("auth.jwks_file"),
            audience: reader.text("auth.audience"), issuer: reader.text("auth.issuer"))
        tls = TLSSection(
            client: reader.tlsFiles("client"), peer: reader.tlsFiles("peer"),
            admin: reader.tlsFiles("admin"))
        adminTokenFile = reader.path("admin.token_file")
        limits = Limits()
        for limit in NodeConfigurationKeys.limits {
            if let value = reader.number("limits.\(limit.key)", in: limit.range) { limit.set(&limits, value) }
        }
        thresholds = Thresholds(from: &reader)
        push = PushSection(from: &reader)
        log = LogSection(
            level: reader.choice("log.level") ?? .info, format: reader.choice("log.format") ?? .text)
        shards = reader.number("shards", in: 1...256)
        isInsecure = reader.flag("insecure") ?? false
    }
}

extension NodeConfiguration.Thresholds {
    fileprivate init(from reader: inout ConfigurationReader) {
        self.init()
        let bytes = 0...(1 << 50)
        if let value = reader.number("limits.disk_low_bytes", in: bytes) { diskLowBytes = UInt64(value) }
        if let value = reader.number("limits.disk_full_bytes", in: bytes) { diskFullBytes = UInt64(value) }
        if let value = reader.number("limits.replace_after_ms", in: 1_000...604_800_000) {
            replaceAfterMilliseconds = UInt64(value)
        }
        if let value = reader.number("limits.move_bytes_per_second", in: 65_536...1 << 40) {
            moveBytesPerSecond = UInt64(value)
        }
        if let value = reader.number("limits.sync_spacing_us", in: 0...20_000) {
            syncSpacingMicroseconds = UInt64(value)
        }
    }
}

extension ConfigurationReader {
    /// The files of one port; `nil` when none is named. A certificate and its key go together.
    fileprivate mutating func tlsFiles(_ port: String) -> NodeConfiguration.TLSFiles? {
        let prefix = "tls.\(port)"
        let (certificate, key, authority) = (
            path("\(prefix).cert"), path("\(prefix).key"), path("\(prefix).ca")
        )
        guard certificate != nil || key != nil || authority != nil else { return nil }
        guard let certificate, let key else {
            refuse(
                certificate == nil ? "\(prefix).cert" : "\(prefix).key",
                "is required with the other keys of \(prefix)")
            return nil
        }
        if port == "peer" && authority == nil {
            refuse("\(prefix).ca", "is required: nodes check each other's certificate")
        }
        return NodeConfiguration.TLSFiles(certificate: certificate, key: key, authority: authority)
    }
}
