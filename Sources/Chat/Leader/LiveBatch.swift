import Wire

/// Live pushes of the items of one frame: what says the same to several partitions leaves as one push per node
/// with sessions.
package struct LiveBatch: Sendable {
    private var last: FanoutItem?
    private var waiting: [LivePush] = []
    private var pushes: [ChatDirective] = []

    package init() {}

    mutating func add(_ live: [LivePush], of item: FanoutItem) {
        if let last, !last.hasContent(of: item) { close() }
        last = item
        waiting += live
    }

    private mutating func close() {
        pushes += waiting.merged
        waiting = []
    }

    /// The pushes, in the order of the items.
    package mutating func take() -> [ChatDirective] {
        close()
        last = nil
        defer { pushes = [] }
        return pushes
    }
}
