import Vocabulary

extension NodeConfiguration {
    /// Refuses values that are fine alone and dangerous or useless together.
    func checkCombinations(_ reader: inout ConfigurationReader) {
        if dataDirectory.isEmpty && !reader.problems.contains(where: { $0.key == "data_dir" }) {
            reader.refuse("data_dir", "is required: where this node keeps its log and state")
        }
        let partitions = cluster.partitions
        if partitions & (partitions - 1) != 0 {
            reader.refuse("cluster.partitions", "'\(partitions)' is not a power of two")
        }
        checkAuthentication(&reader)
        checkExposure(&reader)
        checkAddresses(&reader)
        checkLimits(&reader)
    }

    private func checkAuthentication(_ reader: inout ConfigurationReader) {
        if auth.hs256SecretFile == nil && auth.jwksFile == nil && !isInsecure {
            reader.refuse(
                "auth.hs256_secret_file",
                "no key to check tokens with: set it (or auth.jwks_file), or say insecure: true")
        }
        if cluster.gossipKeyFile == nil && !isInsecure {
            reader.refuse(
                "cluster.gossip_key_file",
                "no key to seal gossip with: make one (openssl rand -hex 32), or say insecure: true")
        }
    }

    private func checkExposure(_ reader: inout ConfigurationReader) {
        let secured = [tls.client, tls.peer, tls.admin].map { $0 != nil }
        for ((key, address), isSecured) in zip(named(listen, "listen"), secured)
        where !address.isLoopback && !isSecured && !isInsecure {
            reader.refuse(
                key,
                "\(address) is reachable from other hosts without TLS: set tls.\(key.dropFirst("listen.".count)).cert and .key, "
                    + "use loopback, or say insecure: true")
        }
        if !listen.admin.isLoopback && adminTokenFile == nil {
            reader.refuse(
                "admin.token_file", "is required while listen.admin (\(listen.admin)) is not loopback")
        }
    }

    private func checkAddresses(_ reader: inout ConfigurationReader) {
        for (key, address) in named(advertise, "advertise") where address.isWildcard {
            reader.refuse(key, "others cannot dial \(address): set the address that they reach this node by")
        }
        let ports = named(listen, "listen")
        for (index, (key, address)) in ports.enumerated() where address.port != 0 {
            if let (other, _) = ports[..<index].first(where: { $0.1 == address }) {
                reader.refuse(key, "\(address) is taken by \(other)")
            }
        }
    }

    private func checkLimits(_ reader: inout ConfigurationReader) {
        if limits.historyPageDefault > limits.historyPageMax {
            reader.refuse("limits.history_page_default", "is more than limits.history_page_max")
        }
        if limits.presenceMilliseconds <= limits.heartbeatMilliseconds {
            reader.refuse("limits.presence_ms", "must be more than limits.heartbeat_ms")
        }
        if limits.silenceMilliseconds < limits.presenceMilliseconds {
            reader.refuse("limits.silence_ms", "is less than limits.presence_ms")
        }
        // A send that is repeated later than this would be stored again.
        if (1..<86_400_000).contains(limits.retentionMilliseconds) && !isInsecure {
            reader.refuse("limits.retention_ms", "is less than a day (86400000); 0 keeps messages for ever")
        }
        if thresholds.diskFullBytes > thresholds.diskLowBytes {
            reader.refuse("limits.disk_full_bytes", "is more than limits.disk_low_bytes")
        }
    }

    private func named(_ addresses: Addresses, _ section: String) -> [(String, HostPort)] {
        [
            ("\(section).client", addresses.client), ("\(section).peer", addresses.peer),
            ("\(section).admin", addresses.admin),
        ]
    }
}
