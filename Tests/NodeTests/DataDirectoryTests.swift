import Foundation
import NIOPosix
import NodeConfig
import Testing
import Vocabulary
import Wire

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

    @Test func aDirectoryIsOfTheFormatOfTheNewestBuildThatWroteToIt() throws {
        let directory = try DataDirectory(path: temporary.path)
        #expect(try directory.checkFormat() == nil)
        try directory.claimFormat(1...1)
        #expect(try String(contentsOfFile: temporary.path + "/FORMAT", encoding: .utf8) == "1")
        try directory.claimFormat(1...2)
        #expect(try directory.checkFormat(1...2) == 2)
        #expect(
            refusal { try directory.claimFormat(1...1) }.contains(
                "is of format 2, this build knows formats up to 1"))
        #expect(try directory.checkFormat(1...2) == 2, "the refused build has changed nothing")
        #expect(
            refusal { try directory.claimFormat(3...4) }.contains(
                "is of format 2, this build reads formats from 3"))
        #expect(try directory.checkFormat(1...2) == 2, "nor has one that is too new")
    }

    @Test func aUsedDirectoryWithoutANumberIsOlderThanAll() throws {
        let directory = try DataDirectory(path: temporary.path)
        try directory.write(identity)
        #expect(
            refusal { try directory.claimFormat(1...1) }.contains(
                "is of format 0, this build reads formats from 1"))
        #expect(!FileManager.default.fileExists(atPath: temporary.path + "/FORMAT"))
    }

    /// What is said, where the process would end with 78.
    private func refusal(_ body: () throws -> Void) -> String {
        do { try body() } catch let failure as DataDirectoryFailure {
            return failure.exit == .badConfiguration ? failure.description : "\(failure.exit)"
        } catch { return "\(error)" }
        return "not refused"
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

    @Test func startsOfPeersAreReadAsTheyWereKept() async throws {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        let directory = try DataDirectory(path: temporary.path)
        let memory = try PeerMemory(directory, pool: pool)
        #expect(memory.stamps == [:])
        let node = NodeID(high: 1, low: 2)
        func keep(_ stamp: BootStamp) async -> Bool {
            await withCheckedContinuation { done in
                memory.remember(stamp, of: node) { done.resume(returning: $0) }
            }
        }
        #expect(await keep(BootStamp(epoch: 3, nonce: .max)))
        #expect(await keep(BootStamp(epoch: 4, nonce: 1)))
        // A slow write of an older start.
        #expect(await !keep(BootStamp(epoch: 3, nonce: .max)))
        #expect(try PeerMemory(directory, pool: pool).stamps == [node: BootStamp(epoch: 4, nonce: 1)])
        try Data("{".utf8).write(to: URL(fileURLWithPath: temporary.path + "/PEERS"))
        #expect(throws: DataDirectoryFailure.self) { try PeerMemory(directory, pool: pool) }
        try await pool.shutdownGracefully()
    }

    /// Rule M4: a disk that was set back cannot count its way past what the others know by starting alone.
    @Test func startsThatNobodySeesAreKnownByTheFirst() async throws {
        let pool = NIOThreadPool(numberOfThreads: 1)
        pool.start()
        let directory = try DataDirectory(path: temporary.path)
        try directory.write(identity)
        func start(nonce: UInt64) throws -> BootStamp {
            var identity = try #require(try directory.readIdentity())
            let stamp = identity.beginStart(nonce: nonce)
            try directory.write(identity)
            return stamp
        }
        let image = try #require(try directory.readIdentity())
        let first = try start(nonce: 1)
        #expect(try start(nonce: 2) == first)
        let memory = try PeerMemory(directory, pool: pool)
        #expect(await withCheckedContinuation { done in memory.wasLetIn { done.resume(returning: $0) } })
        let second = try start(nonce: 3)
        #expect(second.epoch > first.epoch && second.nonce == 3)
        #expect(try directory.readIdentity()?.bootEpoch == image.bootEpoch + 3)

        var ledger = BootLedger()
        let node = NodeID(high: 1, low: 1)
        for stamp in [first, second] { #expect(ledger.admit(node, stamp, isHeard: false) == nil) }
        try directory.write(image)
        for nonce in 10..<20 as Range<UInt64> {
            let setBack = try start(nonce: nonce)
            #expect(ledger.admit(node, setBack, isHeard: false) == .staleBoot)
        }
        try await pool.shutdownGracefully()
    }

    @Test func aBrokenIdentityIsNoUnusedDirectory() throws {
        let directory = try DataDirectory(path: temporary.path)
        try Data("{".utf8).write(to: URL(fileURLWithPath: temporary.path + "/IDENTITY"))
        #expect(throws: DataDirectoryFailure.self) { try directory.readIdentity() }
    }
}
