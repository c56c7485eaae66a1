import Foundation
import Testing
import Vocabulary

@testable import Node

@Suite
struct DataDirectoryTests {
    private let temporary = TemporaryDirectory()
    private let identity = NodeIdentity(
        nodeID: NodeID(high: 1, low: 2).description, clusterID: ClusterID(high: 3, low: 4).description,
        bootEpoch: 9, number: 2, metadataReplica: 17, name: "node2")

    @Test func aSecondProcessIsRefused() throws {
        var first: DataDirectory? = try DataDirectory(path: temporary.path)
        #expect(first?.path == temporary.path)
        #expect {
            _ = try DataDirectory(path: temporary.path)
        } throws: { error in
            if case DataDirectoryFailure.inUse(let path) = error { path == temporary.path } else { false }
        }
        first = nil
        _ = try DataDirectory(path: temporary.path)
    }

    @Test func anIdentityIsReadAsItWasWritten() throws {
        let directory = try DataDirectory(path: temporary.path)
        #expect(try directory.readIdentity() == nil)
        try directory.write(identity)
        var read = try #require(try directory.readIdentity())
        #expect(read.node == NodeID(high: 1, low: 2))
        #expect(read.cluster == ClusterID(high: 3, low: 4))
        #expect(read.bootEpoch == 9)
        #expect(read.number == 2)
        #expect(read.metadataReplica == 17)
        #expect(read.name == "node2")

        read.bootEpoch = 10
        read.clusterID = nil
        try directory.write(read)
        let again = try #require(try directory.readIdentity())
        #expect(again.bootEpoch == 10)
        #expect(again.cluster == nil)
    }

    @Test func aBrokenIdentityIsNoUnusedDirectory() throws {
        let directory = try DataDirectory(path: temporary.path)
        try Data("{".utf8).write(to: URL(fileURLWithPath: temporary.path + "/IDENTITY"))
        #expect(throws: DataDirectoryFailure.self) { try directory.readIdentity() }
    }
}
