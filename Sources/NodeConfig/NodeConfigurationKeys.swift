import Vocabulary

/// Every key that a configuration may have.
enum NodeConfigurationKeys {
    static let lists: Set<String> = ["seeds", "push.webpush.hosts", "push.webhook.hosts"]

    static let known: Set<String> = Set(
        [
            "node.name", "node.zone", "node.weight", "data_dir", "seeds", "shards", "insecure",
            "listen.client", "listen.peer", "listen.admin",
            "advertise.client", "advertise.peer", "advertise.admin",
            "cluster.name", "cluster.replication_factor", "cluster.partitions", "cluster.gossip_key_file",
            "auth.hs256_secret_file", "auth.jwks_file", "auth.audience", "auth.issuer",
            "tls.client.cert", "tls.client.key", "tls.client.ca", "tls.peer.cert", "tls.peer.key",
            "tls.peer.ca",
            "tls.admin.cert", "tls.admin.key", "tls.admin.ca",
            "admin.token_file", "log.level", "log.format",
            "limits.disk_low_bytes", "limits.disk_full_bytes", "limits.replace_after_ms",
            "limits.move_bytes_per_second", "limits.sync_spacing_us",
        ] + pushKeys + limits.map { "limits.\($0.key)" })

    private static let pushKeys = [
        "push.apns.key_file", "push.apns.key_id", "push.apns.team_id", "push.apns.topic", "push.apns.url",
        "push.apns.sandbox_url", "push.fcm.service_account_file", "push.fcm.url", "push.webpush.key_file",
        "push.webpush.subject", "push.webpush.hosts", "push.webhook.hosts", "push.webhook.secret_file",
        "push.ca_file", "push.grace_ms", "push.lifetime_s",
    ]

    /// Keys that the contract names and this version cannot honour: refused, never ignored.
    static func refusal(of key: String) -> String? {
        if key == "auth.jwks_url" { return "this version fetches no keys; use auth.jwks_file" }
        return nil
    }

    /// One bound of `Limits`: its key, the values that make sense, and where it goes.
    struct LimitKey: Sendable {
        var key: String
        var range: ClosedRange<Int>
        var set: @Sendable (inout Limits, Int) -> Void
    }

    static let limits: [LimitKey] =
        sizes + counts + rates + times

    private static let sizes: [LimitKey] = [
        LimitKey(key: "text_scalars_max", range: 1...1_000_000) { $0.textScalarsMax = $1 },
        LimitKey(key: "frame_bytes_max", range: 1_024...16_777_216) { $0.frameBytesMax = $1 },
        LimitKey(key: "metadata_bytes_max", range: 256...1_048_576) { $0.metadataBytesMax = $1 },
        LimitKey(key: "group_name_bytes_max", range: 1...4_096) { $0.groupNameBytesMax = $1 },
        LimitKey(key: "group_description_bytes_max", range: 1...65_536) { $0.groupDescriptionBytesMax = $1 },
        LimitKey(key: "proposal_bytes_max", range: 65_536...1 << 30) { $0.proposalBytesMax = $1 },
        LimitKey(key: "peer_queue_bytes_max", range: 65_536...1 << 30) { $0.peerQueueBytesMax = $1 },
    ]

    private static let counts: [LimitKey] = [
        LimitKey(key: "group_members_max", range: 2...65_536) { $0.groupMembersMax = $1 },
        LimitKey(key: "devices_max", range: 1...100) { $0.devicesMax = $1 },
        LimitKey(key: "history_page_max", range: 1...1_000) { $0.historyPageMax = $1 },
        LimitKey(key: "history_page_default", range: 1...1_000) { $0.historyPageDefault = $1 },
        LimitKey(key: "presence_query_max", range: 1...10_000) { $0.presenceQueryMax = $1 },
        LimitKey(key: "presence_subscriptions_max", range: 1...10_000) { $0.presenceSubscriptionsMax = $1 },
        LimitKey(key: "presence_watchers_max", range: 1...1_000_000) { $0.presenceWatchersMax = $1 },
        LimitKey(key: "blocks_max", range: 1...1_000_000) { $0.blocksMax = $1 },
        LimitKey(key: "mentions_max", range: 0...65_536) { $0.mentionsMax = $1 },
        LimitKey(key: "reaction_bytes_max", range: 1...256) { $0.reactionBytesMax = $1 },
        LimitKey(key: "sends_in_flight_max", range: 1...4_096) { $0.sendsInFlightMax = $1 },
        LimitKey(key: "proposals_max", range: 16...1 << 20) { $0.proposalsMax = $1 },
        LimitKey(key: "fanout_direct_max", range: 1...65_536) { $0.fanoutDirectMax = $1 },
    ]

    private static let rates: [LimitKey] = [
        LimitKey(key: "send_burst", range: 1...1_000_000) { $0.sendBurst = $1 },
        LimitKey(key: "send_rate_per_second", range: 1...1_000_000) { $0.sendRatePerSecond = $1 },
        LimitKey(key: "group_send_burst", range: 1...1_000_000) { $0.groupSendBurst = $1 },
        LimitKey(key: "group_send_rate_per_second", range: 1...1_000_000) { $0.groupSendRatePerSecond = $1 },
        LimitKey(key: "frame_burst", range: 1...1_000_000) { $0.frameBurst = $1 },
        LimitKey(key: "frame_rate_per_second", range: 1...1_000_000) { $0.frameRatePerSecond = $1 },
    ]

    private static let times: [LimitKey] = [
        LimitKey(key: "heartbeat_ms", range: 100...600_000) { $0.heartbeatMilliseconds = UInt64($1) },
        LimitKey(key: "presence_ms", range: 100...3_600_000) { $0.presenceMilliseconds = UInt64($1) },
        LimitKey(key: "silence_ms", range: 100...3_600_000) { $0.silenceMilliseconds = UInt64($1) },
        LimitKey(key: "send_hold_ms", range: 0...60_000) { $0.sendHoldMilliseconds = UInt64($1) },
        LimitKey(key: "drain_ms", range: 0...600_000) { $0.drainMilliseconds = UInt64($1) },
        LimitKey(key: "actor_idle_ms", range: 100...3_600_000) { $0.actorIdleMilliseconds = UInt64($1) },
        LimitKey(key: "edit_window_ms", range: 0...1 << 40) { $0.editWindowMilliseconds = UInt64($1) },
        LimitKey(key: "delete_window_ms", range: 0...1 << 40) { $0.deleteWindowMilliseconds = UInt64($1) },
        LimitKey(key: "expiry_max_ms", range: 1...1 << 40) { $0.expiryMillisecondsMax = UInt64($1) },
        LimitKey(key: "retention_ms", range: 0...1 << 50) { $0.retentionMilliseconds = UInt64($1) },
    ]

    /// The known key that a mistyped one most resembles; `nil` when none is near.
    static func suggestion(for key: String) -> String? {
        let near = known.sorted().map { ($0, distance(Array(key.utf8), Array($0.utf8))) }.min { $0.1 < $1.1 }
        guard let near, near.1 <= 3 else { return nil }
        return near.0
    }

    /// Levenshtein's.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
                diagonal = above
            }
        }
        return row[b.count]
    }
}
