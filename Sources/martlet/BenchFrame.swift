import MartletClient
import NIOCore

/// What a benchmark reads out of one server frame, without making a single string on the hot path.
struct BenchFrame {
    enum Kind { case sent, message, status, group, error, syncDone, cursor, draining, other }

    var kind = Kind.other
    var seq: UInt64 = 0
    /// Sender and number of the message, from its client message id or its content: `<sender>-<number>...`.
    var sender = -1
    var number: UInt64 = 0
    /// Only of errors.
    var code: String?
    var retryAfterMilliseconds: Int64?
    /// Of `sync_done` and `cursor`.
    var cursor: String?
    /// Only where `wantsConversation` asked for it.
    var conversationID: String?

    init(_ text: ByteBuffer, wantsConversation: Bool) {
        text.withUnsafeReadableBytes { scan($0, wantsConversation) }
    }

    private mutating func scan(_ bytes: UnsafeRawBufferPointer, _ wantsConversation: Bool) {
        guard var scanner = FrameScanner(bytes) else { return }
        while let (key, value) = scanner.next() {
            // The lengths tell the keys apart before any byte is compared.
            switch key.count {
            case 3 where scanner.equals(key, "seq"): seq = scanner.integer(value).map { UInt64($0) } ?? 0
            case 4 where scanner.equals(key, "type"): kind = Kind(scanner, value)
            case 4 where scanner.equals(key, "code"): code = scanner.text(value)
            case 6 where scanner.equals(key, "cursor"): cursor = scanner.text(value)
            case 7 where scanner.equals(key, "content"): readNumbers(bytes, value)
            case 14 where scanner.equals(key, "retry_after_ms"):
                retryAfterMilliseconds = scanner.integer(value)
            case 15 where wantsConversation && scanner.equals(key, "conversation_id"):
                conversationID = scanner.text(value)
            case 17 where scanner.equals(key, "client_message_id"): readNumbers(bytes, value)
            default: break
            }
        }
    }

    private mutating func readNumbers(_ bytes: UnsafeRawBufferPointer, _ value: FrameScanner.Value) {
        var index = value.start
        guard let first = decimal(bytes, &index, value.end), index < value.end,
            bytes[index] == UInt8(ascii: "-")
        else { return }
        index += 1
        guard let second = decimal(bytes, &index, value.end) else { return }
        sender = Int(first)
        number = second
    }
}

private func decimal(_ bytes: UnsafeRawBufferPointer, _ index: inout Int, _ end: Int) -> UInt64? {
    var value: UInt64 = 0
    let start = index
    // Eighteen digits cannot overflow.
    while index < end, index - start < 18 {
        let digit = bytes[index] &- UInt8(ascii: "0")
        guard digit < 10 else { break }
        value = value * 10 + UInt64(digit)
        index += 1
    }
    return index > start ? value : nil
}

extension BenchFrame.Kind {
    fileprivate init(_ scanner: FrameScanner, _ value: FrameScanner.Value) {
        switch value.count {
        case 4 where scanner.equals(value, "sent"): self = .sent
        case 7 where scanner.equals(value, "message"): self = .message
        case 6 where scanner.equals(value, "status"): self = .status
        case 6 where scanner.equals(value, "cursor"): self = .cursor
        case 5 where scanner.equals(value, "group"): self = .group
        case 5 where scanner.equals(value, "error"): self = .error
        case 9 where scanner.equals(value, "sync_done"): self = .syncDone
        case 8 where scanner.equals(value, "draining"): self = .draining
        default: self = .other
        }
    }
}

/// Builds the sends of one sender: everything that does not change is written once.
struct BenchSendTemplate {
    private let sender: Int
    private let head: ByteBuffer
    private let middle: ByteBuffer
    private let padding: ByteBuffer

    /// Texts of `size` characters: `<sender>-<number>-<run>` and filling.
    init(sender: Int, recipient: String, isGroup: Bool, run: String, size: Int) {
        self.sender = sender
        let kind = isGroup ? "group" : "user"
        head = ByteBuffer(
            string: #"{"type":"send","recipient_id":"\#(recipient)","recipient_type":"\#(kind)","#
                + #""message_type":"text","timestamp":\#(WallClock.milliseconds()),"client_message_id":""#)
        middle = ByteBuffer(string: #"","content":""#)
        padding = ByteBuffer(string: "-\(run)-" + String(repeating: "x", count: size))
        contentSize = size
    }
    private let contentSize: Int

    func frame(number: UInt64) -> ByteBuffer {
        let name = "\(sender)-\(number)"
        let filling = max(0, contentSize - name.utf8.count)
        var out = ByteBufferAllocator().buffer(
            capacity: head.readableBytes + middle.readableBytes + contentSize + name.utf8.count + 8)
        out.writeImmutableBuffer(head)
        out.writeString(name)
        out.writeImmutableBuffer(middle)
        out.writeString(name)
        if let slice = padding.getSlice(at: padding.readerIndex, length: min(filling, padding.readableBytes))
        {
            out.writeImmutableBuffer(slice)
        }
        out.writeStaticString("\"}")
        return out
    }
}
