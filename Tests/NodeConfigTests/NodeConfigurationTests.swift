import Foundation
import Testing
import Vocabulary

@testable import NodeConfig

/// A directory that is gone when the test is.
private final class TemporaryDirectory {
    let path: String

    init() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
        path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// A configuration that is fine, and what a test adds to it.
private let fine = """
    node: {name: node7}
    data_dir: state
    cluster: {gossip_key_file: gossip.key}
    auth: {hs256_secret_file: auth.secret}

    """

@Suite struct NodeConfigurationTests {
    private let directory: TemporaryDirectory
    init() throws { directory = try TemporaryDirectory() }

    private func load(
        _ yaml: String, environment: [String: String] = [:], flags: [String: String] = [:]
    ) throws -> NodeConfiguration {
        let file = try directory.file("martlet.yaml", yaml)
        return try NodeConfiguration.load(file: file, environment: environment, flags: flags)
    }

    /// The keys that are refused, each once, sorted.
    private func refusedKeys(_ yaml: String, environment: [String: String] = [:]) throws -> [String] {
        do {
            _ = try load(yaml, environment: environment)
            return []
        } catch let failure as ConfigurationFailure {
            #expect(failure.problems.allSatisfy { !$0.reason.isEmpty && !$0.source.isEmpty })
            return Set(failure.problems.map(\.key)).sorted()
        }
    }

    @Test func defaultsAreLoopback() throws {
        let configuration = try load(fine)
        #expect(configuration.node.name == "node7")
        #expect(configuration.listen.client == HostPort(host: "127.0.0.1", port: 8410))
        #expect(configuration.advertise == configuration.listen)
        #expect(configuration.limits == Limits())
        #expect(configuration.cluster.replicationFactor == 3)
        #expect(configuration.isInsecure == false)
    }

    @Test func pathsOfAFileAreRelativeToIt() throws {
        let configuration = try load(fine)
        #expect(configuration.dataDirectory == directory.path + "/state")
        #expect(configuration.auth.hs256SecretFile == directory.path + "/auth.secret")
        #expect(try load(fine, flags: ["data_dir": "here"]).dataDirectory == "here")
    }

    @Test func flagsBeatTheEnvironmentBeatsTheFile() throws {
        let yaml = fine + "listen: {client: 127.0.0.1:1, peer: 127.0.0.1:2, admin: 127.0.0.1:3}\n"
        let environment = ["MARTLET_LISTEN_CLIENT": "127.0.0.1:11", "MARTLET_LISTEN_PEER": "127.0.0.1:12"]
        let configuration = try load(
            yaml, environment: environment, flags: ["listen.client": "127.0.0.1:21"])
        #expect(configuration.listen.client.port == 21)
        #expect(configuration.listen.peer.port == 12)
        #expect(configuration.listen.admin.port == 3)
    }

    @Test func everyKeyHasItsVariable() throws {
        let configuration = try load(
            "data_dir: x\n",
            environment: [
                "MARTLET_AUTH_HS256_SECRET_FILE": "/s", "MARTLET_CLUSTER_GOSSIP_KEY_FILE": "/g",
                "MARTLET_SEEDS": "10.0.0.1:1,[::1]:2", "MARTLET_LIMITS_SEND_BURST": "7",
                "MARTLET_CLUSTER_DIR": "/elsewhere", "MARTLET_BASE_PORT": "9000",
            ])
        #expect(configuration.auth.hs256SecretFile == "/s")
        #expect(configuration.cluster.gossipKeyFile == "/g")
        #expect(configuration.seeds.map(\.description) == ["10.0.0.1:1", "[::1]:2"])
        #expect(configuration.limits.sendBurst == 7)
    }

    @Test(arguments: [
        ("nod: {name: x}\n", "nod.name"), ("limits: {send_brust: 5}\n", "limits.send_brust"),
        ("limits: {send_burst: 0}\n", "limits.send_burst"),
        ("limits: {send_burst: many}\n", "limits.send_burst"),
        ("listen: {client: 8410}\n", "listen.client"),
        ("listen: {client: '127.0.0.1:99999'}\n", "listen.client"),
        ("seeds: ['nowhere']\n", "seeds"), ("seeds: 10.0.0.1:8411\n", "seeds"),
        ("insecure: perhaps\n", "insecure"), ("log: {level: loud}\n", "log.level"),
        ("shards: [1]\n", "shards"), ("shards: 0\n", "shards"),
        ("listen: {client: 127.0.0.1:9000, peer: 127.0.0.1:9000}\n", "listen.peer"),
        ("advertise: {peer: 0.0.0.0:8411}\n", "advertise.peer"),
        ("limits: {presence_ms: 5000}\n", "limits.presence_ms"),
        ("limits: {retention_ms: 60000}\n", "limits.retention_ms"),
        ("limits: {disk_low_bytes: 1, disk_full_bytes: 2}\n", "limits.disk_full_bytes"),
        ("tls: {client: {cert: a.pem}}\n", "tls.client.key"),
        ("tls: {admin: {key: a.pem}}\n", "tls.admin.cert"),
        ("tls: {peer: {cert: a.pem, key: b.pem}}\n", "tls.peer.ca"),
        ("limits: {move_bytes_per_second: 5}\n", "limits.move_bytes_per_second"),
        ("limits: {sync_spacing_us: 30000}\n", "limits.sync_spacing_us"),
        ("push: {apns: {key: x}}\n", "push.apns.key"),
    ])
    func badSettingsAreRefusedByKey(addition: String, key: String) throws {
        let keys = try refusedKeys(fine + addition)
        #expect(keys.contains(key))
        #expect(keys.count <= 2)
    }

    @Test func aWeightIsANumber() throws {
        #expect(try refusedKeys(fine, environment: ["MARTLET_NODE_WEIGHT": "heavy"]) == ["node.weight"])
    }

    @Test func aRefusalNamesFileKeyAndReason() throws {
        let failure = try #require(throws: ConfigurationFailure.self) {
            try load(fine + "limits: {send_brust: 5}\n")
        }
        #expect(
            failure.description
                == "\(directory.path)/martlet.yaml: limits.send_brust: unknown key; "
                + "did you mean limits.send_burst?")
    }

    @Test func aValueOfTheEnvironmentIsBlamedOnIt() throws {
        let failure = try #require(throws: ConfigurationFailure.self) {
            try load(fine, environment: ["MARTLET_SHARDS": "none"])
        }
        #expect(failure.problems.map(\.source) == ["environment"])
    }

    @Test func allProblemsAreToldAtOnce() throws {
        #expect(try refusedKeys("shards: 0\ninsecure: perhaps\nx: 1\n").count >= 5)
    }

    @Test func thereAreNoDefaultSecrets() throws {
        let bare = "data_dir: x\n"
        #expect(try refusedKeys(bare) == ["auth.hs256_secret_file", "cluster.gossip_key_file"])
        #expect(try refusedKeys(bare + "insecure: true\n").isEmpty)
    }

    @Test func portsOffLoopbackNeedAWord() throws {
        let open = fine + "listen: {client: '0.0.0.0:8410'}\nadvertise: {client: '10.0.0.1:8410'}\n"
        #expect(try refusedKeys(open) == ["listen.client"])
        #expect(try refusedKeys(open + "insecure: true\n").isEmpty)
        // The admin port off loopback needs a token whatever is said.
        let admin = fine + "listen: {admin: '10.0.0.1:8412'}\ninsecure: true\n"
        #expect(try refusedKeys(admin) == ["admin.token_file"])
        #expect(try refusedKeys(admin + "admin: {token_file: t}\n").isEmpty)
    }

    @Test(arguments: [3, 48, 100, 1_000])
    func partitionsAreAPowerOfTwo(count: Int) throws {
        let yaml = """
            data_dir: x
            insecure: true
            cluster: {partitions: \(count)}
            """
        #expect(try refusedKeys(yaml) == ["cluster.partitions"])
    }

    @Test func aFileThatIsNotThereOrNotYAMLIsRefused() throws {
        #expect(throws: ConfigurationFailure.self) { try NodeConfiguration.load(file: "/nowhere.yaml") }
        #expect(throws: ConfigurationFailure.self) { try load("- a\n- b\n") }
        #expect(throws: ConfigurationFailure.self) { try load("a: [\n") }
    }

    @Test func secretsAreTheTextWithoutTheFinalNewline() throws {
        let configuration = try load(fine)
        let missing = try #require(throws: ConfigurationFailure.self) { try configuration.secrets() }
        #expect(missing.problems.map(\.key) == ["auth.hs256_secret_file", "cluster.gossip_key_file"])
        let text = String(repeating: "s", count: 40)
        _ = try directory.file("auth.secret", text + "\n")
        _ = try directory.file("gossip.key", String(repeating: "0", count: 64) + "\n")
        #expect(try configuration.secrets().hs256Secret == Array(text.utf8))
        _ = try directory.file("auth.secret", "short\n")
        #expect(throws: ConfigurationFailure.self) { try configuration.secrets() }
    }

    @Test func addressesAreReadStrictly() {
        #expect(HostPort("[::1]:80") == HostPort(host: "::1", port: 80))
        #expect(HostPort("[::1]:80")?.description == "[::1]:80")
        #expect(HostPort("a-b.example:1")?.host == "a-b.example")
        for bad in [
            "", ":80", "host", "host:", "host:x", "host:65536", "::1:80", "1.2.3:80", "1.2.3.256:80",
            "[::1]80",
            "a b:80", "-a:80", "host:+80", "[host]:80", "a..b:80",
        ] { #expect(HostPort(bad) == nil, "\(bad)") }
        #expect(HostPort("127.8.9.1:1")?.isLoopback == true)
        #expect(HostPort("127.evil.example:1")?.isLoopback == false)
        #expect(HostPort("0.0.0.0:1")?.isLoopback == false)
    }
}
