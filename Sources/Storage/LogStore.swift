import Vocabulary
import Wire

/// Where replicas make durable what they must not forget.
///
/// What can fail: a disk that does not write or sync ends the process and no completion is called afterwards
/// (rule D1); a disk that is slow shows in `ageOfOldestUnsynced`; a full disk delays completions until there is
/// space. A completion that was never called says nothing: the items may or may not be read at the next start.
package protocol LogStore: AnyObject, Sendable {
    /// Appends items after everything appended before, from any thread.
    ///
    /// - Parameter completion: called once the items and all earlier ones are durable, in the order of the
    ///   appends, on the log's own thread; it must be cheap and must not block. Never called after a failure
    ///   or for appends after `close`.
    func append(_ items: [LogItem], completion: @escaping @Sendable () -> Void)

    /// Milliseconds since the oldest append that is not durable yet; zero when there is none (rule L4).
    var ageOfOldestUnsynced: UInt64 { get }

    /// About how many bytes wait to become durable. Bounding them is the caller's duty.
    var queuedBytes: Int { get }
}
