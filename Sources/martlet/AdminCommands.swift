import ArgumentParser
import Foundation

struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Show the cluster as one node sees it.")

    @OptionGroup var options: AdminOptions

    @Flag(help: "Read through the cluster's metadata instead of the node's view.")
    var committed = false

    struct Cluster: Decodable {
        struct Member: Decodable {
            var name: String
            var number: Int
            var state: String
            var gossip: String
            var client: String
            var admin: String
            var leaders: Int
            var replicas: Int
            var version: String
            var zone: String?
        }
        struct Move: Decodable {
            var partition: Int
            var stage: String
        }
        var name: String
        var epoch: UInt64
        var replicationFactor: Int
        var partitionCount: Int
        var underReplicated: Int
        var unavailable: Int
        var members: [Member]
        var moves: [Move]

        enum CodingKeys: String, CodingKey {
            case name
            case epoch
            case replicationFactor = "replication_factor"
            case partitionCount = "partition_count"
            case underReplicated = "under_replicated"
            case unavailable
            case members
            case moves
        }
    }

    func run() async throws {
        let text = try await options.get("/cluster" + (committed ? "?consistency=committed" : ""))
        if options.json { return print(text) }
        let cluster = try JSONDecoder().decode(Cluster.self, from: Data(text.utf8))
        print(
            "cluster \(cluster.name), epoch \(cluster.epoch): \(cluster.partitionCount) partitions, "
                + "\(cluster.replicationFactor) replicas each; \(cluster.underReplicated) under-replicated, "
                + "\(cluster.unavailable) unavailable, \(cluster.moves.count) moving\n")
        var table = TextTable([
            "#", "name", "state", "gossip", "leaders", "replicas", "client", "admin", "zone", "version",
        ])
        for member in cluster.members {
            table.add([
                String(member.number), member.name, member.state, member.gossip, String(member.leaders),
                String(member.replicas), member.client, member.admin, member.zone ?? "-", member.version,
            ])
        }
        print(table.text)
    }
}

struct Locate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show which nodes hold a conversation, a user or a group.")

    @OptionGroup var options: AdminOptions
    @Option(help: "A conversation's id.")
    var conversation: String?
    @Option(help: "A user's id.")
    var user: String?
    @Option(help: "A group's id.")
    var group: String?

    func validate() throws {
        guard [conversation, user, group].compactMap(\.self).count == 1 else {
            throw ValidationError("give one of --conversation, --user, --group")
        }
    }

    struct Location: Decodable {
        struct Device: Decodable {
            var device_id: String
            var node_id: String?
        }
        var partition: Int
        var leader: String?
        var replicas: [String]
        var devices: [Device]?
    }

    func run() async throws {
        let text = try await options.get("/cluster/locate?\(query)")
        if options.json { return print(text) }
        let location = try JSONDecoder().decode(Location.self, from: Data(text.utf8))
        print("partition \(location.partition), leader \(location.leader ?? "none")")
        for replica in location.replicas { print("  replica \(replica)") }
        for device in location.devices ?? [] {
            print("  device \(device.device_id) on \(device.node_id ?? "no node")")
        }
    }

    private var query: String {
        let pairs = [("conversation_id", conversation), ("user_id", user), ("group_id", group)]
        var components = URLComponents()
        components.queryItems = pairs.compactMap { name, value in
            value.map { URLQueryItem(name: name, value: $0) }
        }
        return components.percentEncodedQuery ?? ""
    }
}

struct Drain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a node out of service: leaders and clients go elsewhere, replicas stay.")
    @OptionGroup var options: AdminOptions
    func run() async throws { try await options.order("/node/drain") }
}

struct Undrain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Put a drained node back into service.")
    @OptionGroup var options: AdminOptions
    func run() async throws { try await options.order("/node/undrain") }
}

struct Leave: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Take a node out of the cluster for good: drain, move its replicas, then it has left.")
    @OptionGroup var options: AdminOptions
    func run() async throws { try await options.order("/node/leave") }
}

struct Decommission: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Move a member's replicas elsewhere, then let it go for good.")
    @OptionGroup var options: AdminOptions
    @Argument(help: "Node id, name or number.")
    var node: String
    func run() async throws { try await options.order("/cluster/members/\(escaped(node))/decommission") }
}

struct Replace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give a lost member up at once and rebuild its replicas elsewhere.")
    @OptionGroup var options: AdminOptions
    @Argument(help: "Node id, name or number.")
    var node: String
    func run() async throws { try await options.order("/cluster/members/\(escaped(node))/replace") }
}

struct Transfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Hand the leadership of a partition to another of its nodes.")
    @OptionGroup var options: AdminOptions
    @Argument(help: "The partition's number.")
    var partition: Int
    @Option(help: "Node id, name or number; the best follower when it is left out.")
    var to: String?
    func run() async throws {
        let target = to.map { "?to=\(escaped($0))" } ?? ""
        try await options.order("/cluster/partitions/\(partition)/transfer\(target)")
    }
}

private func escaped(_ segment: String) -> String {
    segment.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(["-", "_", "."])) ?? segment
}
