import Chat
import Foundation
import RocksStorage
import Storage
import Testing
import Vocabulary
import Wire

@testable import Node

/// A stored row that does not decode ends the process with the table's name and number, and with an exit code that
/// tells damage from a newer build's work.
@Suite
struct UnreadableRowTests {
    private static let directoryName = "martlet-unreadable-row"

    /// Reads a conversation whose row holds these bytes.
    private static func read(_ bytes: [UInt8], in path: String) throws {
        let directory = try DataDirectory(path: path)
        let store = try RocksStateStore(
            path: directory.storePath,
            settings: RocksStateStore.Settings(onFatal: StorageEnding(directory).failed))
        var changes = StateChanges()
        changes.set([0x01] + [UInt8](repeating: 0, count: 16), bytes)
        try store.write(changes, group: GroupID(1), generation: 0, applied: LogIndex(1))
        let view = store.view(group: GroupID(1), generation: 0)
        _ = ChatReader(view).conversation(ConversationID(high: 0, low: 0))
    }

    private static func path(_ name: String) -> String {
        FileManager.default.temporaryDirectory.appendingPathComponent("\(directoryName)-\(name)").path
    }

    @Test func aRowOfANewerBuildEndsTheNodeAndNotItsDirectory() async throws {
        let path = Self.path("newer")
        try? FileManager.default.removeItem(atPath: path)
        let result = await #expect(processExitsWith: .exitCode(78), observing: [\.standardErrorContent]) {
            try UnreadableRowTests.read([0xEE], in: UnreadableRowTests.path("newer"))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("table conversations (0x01)"), "\(text)")
        #expect(text.contains("238"), "the number that is not known: \(text)")
        #expect(try DataDirectory(path: path).condemnation() == nil)
        try FileManager.default.removeItem(atPath: path)
    }

    @Test func aRowThatIsCutShortIsDamage() async throws {
        let path = Self.path("damaged")
        try? FileManager.default.removeItem(atPath: path)
        let result = await #expect(processExitsWith: .exitCode(65), observing: [\.standardErrorContent]) {
            try UnreadableRowTests.read([], in: UnreadableRowTests.path("damaged"))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("table conversations (0x01)"), "\(text)")
        #expect(try DataDirectory(path: path).condemnation()?.contains("conversations (0x01)") == true)
        try FileManager.default.removeItem(atPath: path)
    }
}
