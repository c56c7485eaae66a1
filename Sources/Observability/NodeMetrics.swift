/// All that one node measures: handed in by the shell, told by verbs, read when the admin port asks.
///
/// Gauges that are only known when asked (queue depths, sizes) are set just before `text` is read.
package struct NodeMetrics: Sendable {
    // The way of a message, in microseconds.
    package let sendToCommit = Histogram.microseconds()
    package let sendToDeliver = Histogram.microseconds()

    // The log.
    package let fsync = Histogram.microseconds()
    package let walBatchBytes = Histogram.sizes()
    package let walBatchItems = Histogram.sizes()
    package let walBytesWritten = Counter()
    package let walBytes = Gauge()

    // Replication.
    package let commits = Counter()
    package let elections = Counter()
    package let leaders = Gauge()
    package let replicas = Gauge()
    /// Entries by which the slowest follower of any led partition is behind.
    package let replicationLag = Gauge()
    package let partitionsBelowReplicationFactor = Gauge()
    package let partitionsUnavailable = Gauge()
    package let moves = Gauge()

    // Gossip.
    package let suspicions = Counter()
    package let falseAlarms = Counter()
    /// Everything the gossip machine and its port count, by event.
    package let gossip = LabelledCounter()
    package let localHealth = Gauge()

    // Clients.
    package let connections = Gauge()
    package let sessions = Gauge()
    package let framesIn = Counter()
    package let framesOut = Counter()
    package let sent = Counter()
    package let delivered = Counter()
    package let refusals = LabelledCounter()
    package let deduplicated = Counter()
    /// Milliseconds from a commit to its inbox rows.
    package let inboxLag = Gauge()
    /// Events that connected devices have still to be given.
    package let catchUpLag = Gauge()

    /// Attempts, by "provider result".
    package let pushes = LabelledCounter()

    // Queues: depth and limit by name.
    package let queueDepths = LabelledCounter()
    package let queueLimits = LabelledCounter()

    // The process.
    package let storeBytes = Gauge()
    package let storeMemoryBytes = Gauge()
    package let residentBytes = Gauge()
    package let diskFreeBytes = Gauge()
    package let uptimeSeconds = Gauge()

    package init() {}

    /// Everything as Prometheus text, families in a fixed order.
    package var text: String {
        var text = PrometheusText()
        writeMessages(&text)
        writeReplication(&text)
        writeClients(&text)
        writeProcess(&text)
        return text.output
    }

    private func writeMessages(_ text: inout PrometheusText) {
        text.seconds("send_to_commit_seconds", "From a send's arrival to its commit.", sendToCommit)
        text.seconds(
            "send_to_deliver_seconds", "From a send's arrival to the recipient's socket.", sendToDeliver)
        text.seconds("fsync_seconds", "One fdatasync of the write-ahead log.", fsync)
        text.histogram("wal_batch_bytes", "Bytes of one write-ahead log batch.", walBatchBytes)
        text.histogram("wal_batch_items", "Items of one write-ahead log batch.", walBatchItems)
        text.counter("wal_written_bytes_total", "Bytes written to the write-ahead log.", walBytesWritten)
        text.gauge("wal_bytes", "Bytes of all log segments.", walBytes)
        text.counter("commits_total", "Entries committed by partitions led here.", commits)
    }

    private func writeReplication(_ text: inout PrometheusText) {
        text.counter("elections_total", "Elections started here.", elections)
        text.gauge("leaders", "Partitions led here.", leaders)
        text.gauge("replicas", "Partition replicas held here.", replicas)
        text.gauge("replication_lag_entries", "Entries the slowest follower is behind.", replicationLag)
        text.gauge(
            "partitions_below_replication_factor", "Partitions with too few living replicas.",
            partitionsBelowReplicationFactor)
        text.gauge("partitions_unavailable", "Partitions without a quorum.", partitionsUnavailable)
        text.gauge("moves", "Partition moves in flight.", moves)
        text.counter("gossip_suspicions_total", "Members suspected by this node's probes.", suspicions)
        text.counter("gossip_false_alarms_total", "Suspicions that were refuted.", falseAlarms)
        text.counters("gossip_events_total", "What gossip did, by event.", label: "event", gossip)
        text.gauge(
            "gossip_local_health", "How far this node stretches its gossip timeouts; 1 is well.", localHealth)
    }

    private func writeClients(_ text: inout PrometheusText) {
        text.gauge("connections", "Open client connections.", connections)
        text.gauge("sessions", "Live device sessions.", sessions)
        text.counter("frames_in_total", "Frames and requests from clients.", framesIn)
        text.counter("frames_out_total", "Frames and answers to clients.", framesOut)
        text.counter("messages_sent_total", "Messages committed for clients of this node.", sent)
        text.counter("messages_delivered_total", "Messages written to clients of this node.", delivered)
        text.counters("refusals_total", "Refusals by code.", label: "code", refusals)
        text.pairs(
            "push_total", "Push notifications by provider and result.", labels: ("provider", "result"), pushes
        )
        text.counter("deduplicated_total", "Sends answered with an earlier result.", deduplicated)
        text.gauge(
            "inbox_lag_milliseconds",
            "From the stamp of the newest message to the arrival of its inbox rows here.", inboxLag)
        text.gauge("catch_up_lag_events", "Events connected devices still wait for.", catchUpLag)
        text.gauges("queue_depth", "Entries or bytes waiting.", label: "queue", queueDepths)
        text.gauges("queue_limit", "What the queue takes at most.", label: "queue", queueLimits)
    }

    private func writeProcess(_ text: inout PrometheusText) {
        text.gauge("store_bytes", "Bytes of the state store on disk.", storeBytes)
        text.gauge("store_memory_bytes", "Memory of the state store.", storeMemoryBytes)
        text.gauge("memory_resident_bytes", "Resident memory of the process.", residentBytes)
        text.gauge("disk_free_bytes", "Free bytes where the data directory is.", diskFreeBytes)
        text.gauge("uptime_seconds", "Seconds since the process started.", uptimeSeconds)
    }
}
