import Glibc

/// A process that crashes can leave a child that writes its backtrace, or hangs: it must not keep the node's ports, or
/// the node cannot start again.
enum ListeningSockets {
    private static let descriptorsMax: Int32 = 4_096

    /// Marks every socket that listens, and those of gossip, as not inherited. Call once they are open.
    static func closeOnExec() {
        for descriptor in 3..<descriptorsMax where holdsPort(descriptor) {
            let flags = fcntl(descriptor, F_GETFD)
            if flags >= 0 { _ = fcntl(descriptor, F_SETFD, flags | FD_CLOEXEC) }
        }
    }

    private static func holdsPort(_ descriptor: Int32) -> Bool {
        option(SO_ACCEPTCONN, of: descriptor) == 1
            || option(SO_TYPE, of: descriptor) == Int32(SOCK_DGRAM.rawValue)
    }

    private static func option(_ name: Int32, of descriptor: Int32) -> Int32? {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        return getsockopt(descriptor, SOL_SOCKET, name, &value, &size) == 0 ? value : nil
    }
}
