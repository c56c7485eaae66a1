import Foundation
import Testing

@testable import NodeConfig

/// What is printed as an example must start a node.
@Suite struct ExampleConfigurationTests {
    private static let directory = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("cluster-configs").resolvingSymlinksInPath().path

    @Test(arguments: [
        "single-node.yaml", "local/node1.yaml", "local/node2.yaml", "local/node3.yaml",
        "three-hosts/node1.yaml",
        "three-hosts/node2.yaml", "three-hosts/node3.yaml", "tls/node1.yaml", "tls/node2.yaml",
        "tls/node3.yaml",
    ])
    func isAccepted(example: String) throws {
        let configuration = try NodeConfiguration.load(file: Self.directory + "/" + example)
        #expect(configuration.auth.hs256SecretFile != nil)
        #expect(configuration.cluster.gossipKeyFile != nil)
    }

    @Test func theNodesOfAnExampleFindEachOther() throws {
        for folder in ["local", "three-hosts", "tls"] {
            let nodes = try (1...3).map { number in
                try NodeConfiguration.load(file: "\(Self.directory)/\(folder)/node\(number).yaml")
            }
            #expect(Set(nodes.map(\.node.name)) == ["node1", "node2", "node3"])
            #expect(Set(nodes.map(\.advertise.peer)) == Set(nodes[0].seeds))
            #expect(Set(nodes.map(\.cluster)).count == 1)
            #expect(Set(nodes.map(\.seeds)).count == 1)
        }
    }

    @Test func everyYAMLFileIsTested() throws {
        let names = try FileManager.default.subpathsOfDirectory(atPath: Self.directory)
            .filter { $0.hasSuffix(".yaml") }
        #expect(names.count == 10)
    }
}
