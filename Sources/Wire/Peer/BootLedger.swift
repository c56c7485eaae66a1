import Vocabulary

/// One start of a node: the epoch that its data directory counts, and a random number that no other start has.
package struct BootStamp: Hashable, Sendable {
    package var epoch: UInt32
    package var nonce: UInt64

    package init(epoch: UInt32, nonce: UInt64) {
        self.epoch = epoch
        self.nonce = nonce
    }

    /// What a start is known by.
    ///
    /// Starts of which nobody was there to let one in are known by the first of them: else a disk that was set back
    /// would count its way past what the others know, one start that nobody sees after the other.
    ///
    /// - Parameter unseen: the first start since one was let in; `nil`: the last one was.
    package init(epoch: UInt32, nonce: UInt64, unseen: BootStamp?) {
        self = unseen ?? BootStamp(epoch: epoch, nonce: nonce)
    }
}

/// The newest start that a node knows of every other, and which process may take whose place (rule M4).
///
/// What is kept durably before a process is let in cannot be undone by its disk: whoever starts from an older copy
/// of a data directory counts to an epoch that is known already, with another nonce.
package struct BootLedger: Hashable, Sendable {
    package private(set) var stamps: [NodeID: BootStamp]

    package init(_ stamps: [NodeID: BootStamp] = [:]) { self.stamps = stamps }

    /// Lets a process in, or says why not.
    ///
    /// - Parameter isHeard: the known process of the node is heard at this moment. A newer one beside it is no
    ///   restart but a copy of the data directory.
    package mutating func admit(_ node: NodeID, _ stamp: BootStamp, isHeard: Bool) -> HandshakeRefusal? {
        guard let known = stamps[node], known != stamp else {
            stamps[node] = stamp
            return nil
        }
        if stamp.epoch < known.epoch { return .staleBoot }
        if stamp.epoch == known.epoch || isHeard { return .duplicateNode }
        stamps[node] = stamp
        return nil
    }
}
