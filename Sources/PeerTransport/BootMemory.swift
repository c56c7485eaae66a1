import Vocabulary
import Wire

/// Keeps, over restarts, which process was let in last for each node, and that this one was (rule M4).
package protocol BootMemory: AnyObject, Sendable {
    /// What is on disk.
    var stamps: [NodeID: BootStamp] { get }
    /// Calls `done` once, from any thread, when it is on disk, or with `false` when it cannot be kept.
    func remember(_ stamp: BootStamp, of node: NodeID, done: @escaping @Sendable (Bool) -> Void)
    /// Another node has let this one in: its next start is another one. Calls `done` as above.
    func wasLetIn(done: @escaping @Sendable (Bool) -> Void)
}
