import Glibc
import Vocabulary

/// One open log segment. Its size never changes in normal use, so that a sync writes no file system metadata.
final class SegmentFile: Sendable {
    let name: String
    /// Bytes that can be written without growing the file.
    let capacity: Int
    private let descriptor: Int32

    private init(name: String, capacity: Int, descriptor: Int32) {
        self.name = name
        self.capacity = capacity
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    static func open(_ name: String, in directory: LogDirectory) throws(StorageFailure) -> SegmentFile {
        let descriptor = Glibc.open(directory.path(name), O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", name) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            defer { close(descriptor) }
            throw failure("stat", name)
        }
        return SegmentFile(name: name, capacity: Int(status.st_size), descriptor: descriptor)
    }

    /// A new file of `capacity` allocated bytes, none of them written.
    static func create(
        _ name: String, capacity: Int, in directory: LogDirectory
    ) throws(StorageFailure) -> SegmentFile {
        let descriptor = Glibc.open(directory.path(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw failure("create", name) }
        let code = posix_fallocate(descriptor, 0, off_t(capacity))
        guard code == 0 else {
            close(descriptor)
            throw failure("allocate", name, code)
        }
        return SegmentFile(name: name, capacity: capacity, descriptor: descriptor)
    }

    func write(_ bytes: [UInt8], at offset: Int) throws(StorageFailure) {
        var done = 0
        while done < bytes.count {
            let written = bytes.withUnsafeBytes { buffer -> Int in
                let rest = UnsafeRawBufferPointer(rebasing: buffer[done...])
                return pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            }
            if written < 0 && errno == EINTR { continue }
            guard written > 0 else { throw Self.failure("write", name) }
            done += written
        }
    }

    /// - Parameter call: `fdatasync`, or what a test puts in its place.
    func sync(with call: @Sendable (Int32) -> Int32 = { fdatasync($0) }) throws(StorageFailure) {
        guard call(descriptor) == 0 else { throw Self.failure("fdatasync", name) }
    }

    /// What was written: the zeros at the end of the file are left out, but for its first `least` bytes.
    ///
    /// The end is searched from the end through one small buffer: most of the last segments is zeros, and a
    /// start that brought them all into memory spent half of its time on it.
    func contents(least: Int) throws(StorageFailure) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: min(Self.searchBytes, capacity))
        var end = capacity
        while end > least {
            let start = max(0, end - block.count)
            let count = try read(&block, at: start, count: end - start)
            let written = block.withUnsafeBytes { Self.contentEnd($0[..<count]) }
            if written > 0 {
                end = start + written
                break
            }
            end = start
        }
        var bytes = [UInt8](repeating: 0, count: min(max(end, least), capacity))
        let count = try read(&bytes, at: 0, count: bytes.count)
        bytes.removeLast(bytes.count - count)
        return bytes
    }

    /// Fills the beginning of a buffer.
    ///
    /// - Returns: the bytes read: fewer than asked for at the end of the file only.
    private func read(_ buffer: inout [UInt8], at offset: Int, count: Int) throws(StorageFailure) -> Int {
        var done = 0
        while done < count {
            let got = buffer.withUnsafeMutableBytes { bytes in
                let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[done..<count])
                return pread(descriptor, rest.baseAddress, rest.count, off_t(offset + done))
            }
            if got < 0 && errno == EINTR { continue }
            guard got >= 0 else { throw Self.failure("read", name) }
            if got == 0 { break }
            done += got
        }
        return done
    }

    private static let searchBytes = 256 << 10

    /// One past the last byte that is not zero.
    static func contentEnd(_ bytes: Slice<UnsafeRawBufferPointer>) -> Int {
        let bytes = UnsafeRawBufferPointer(rebasing: bytes)
        var end = bytes.count
        while end >= 8, bytes.loadUnaligned(fromByteOffset: end - 8, as: UInt64.self) == 0 { end -= 8 }
        while end > 0, bytes[end - 1] == 0 { end -= 1 }
        return end
    }

    private static func failure(_ call: String, _ name: String, _ code: Int32 = errno) -> StorageFailure {
        StorageFailure(operation: "\(call) \(name)", reason: systemError(code))
    }
}

/// The directory that holds the segments and nothing else.
struct LogDirectory: Sendable {
    static let suffix = ".wal"
    /// A segment that is still being prepared: complete segments are renamed into place.
    static let unfinishedSuffix = ".wal.new"

    private let root: String

    /// Makes the directory when it is missing; its parent must exist.
    init(_ root: String) throws(StorageFailure) {
        self.root = root
        if mkdir(root, 0o750) == 0 {
            try Self.sync(path("/.."))
        } else if errno != EEXIST {
            throw StorageFailure(operation: "mkdir \(root)", reason: systemError())
        }
    }

    func path(_ name: String) -> String { root + "/" + name }

    /// The names of all files that end in `suffix`, sorted.
    func names(suffix: String) throws(StorageFailure) -> [String] {
        guard let stream = opendir(root) else {
            throw StorageFailure(operation: "opendir \(root)", reason: systemError())
        }
        defer { closedir(stream) }
        var names: [String] = []
        while let entry = readdir(stream) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(suffix) { names.append(name) }
        }
        return names.sorted()
    }

    func rename(_ name: String, to new: String) throws(StorageFailure) {
        guard Glibc.rename(path(name), path(new)) == 0 else {
            throw StorageFailure(operation: "rename \(name)", reason: systemError())
        }
    }

    func remove(_ name: String) throws(StorageFailure) {
        guard unlink(path(name)) == 0 || errno == ENOENT else {
            throw StorageFailure(operation: "unlink \(name)", reason: systemError())
        }
    }

    /// Makes creations, renames and removals durable.
    func sync() throws(StorageFailure) { try Self.sync(root) }

    private static func sync(_ path: String) throws(StorageFailure) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw StorageFailure(operation: "open \(path)", reason: systemError())
        }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else {
            throw StorageFailure(operation: "fsync \(path)", reason: systemError())
        }
    }
}
