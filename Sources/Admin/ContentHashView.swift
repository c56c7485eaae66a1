/// `GET /cluster/partitions/{p}/content`: what this node's replica holds, read from its disk from end to end.
package struct ContentHashView: Codable, Hashable, Sendable {
    package var partition: Int
    /// The log index that the content stands for.
    package var applied: UInt64
    /// Over all keys and values; replicas that have applied as much have the same.
    package var contentHash: String

    package init(partition: Int, applied: UInt64, contentHash: String) {
        self.partition = partition
        self.applied = applied
        self.contentHash = contentHash
    }

    enum CodingKeys: String, CodingKey {
        case partition
        case applied
        case contentHash = "content_hash"
    }
}
