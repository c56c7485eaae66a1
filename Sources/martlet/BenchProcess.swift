import Foundation

/// What Linux tells about one process under `/proc`. Elsewhere the figures are zero.
struct BenchProcess: Sendable {
    let pid: Int

    /// Seconds of CPU that it has used, user and system.
    var cpuSeconds: Double {
        guard let stat = procText("\(pid)/stat"), let afterName = stat.lastIndex(of: ")") else { return 0 }
        let fields = stat[afterName...].split(separator: " ")
        guard fields.count > 13, let user = Double(fields[12]), let system = Double(fields[13]) else {
            return 0
        }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Bytes resident.
    var residentBytes: UInt64 { statusKilobytes("VmRSS:") * 1_024 }

    /// Bytes that it handed to `write` and its like, sockets included. (`write_bytes` would count whole page cache
    /// folios for each small write.)
    var writtenBytes: UInt64 {
        let line = procText("\(pid)/io")?.split(separator: "\n").first { $0.hasPrefix("wchar:") }
        return line.flatMap { UInt64($0.split(separator: " ").last ?? "") } ?? 0
    }

    private func statusKilobytes(_ name: String) -> UInt64 {
        let line = procText("\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix(name) }
        return line.flatMap { UInt64($0.split(whereSeparator: { $0 == " " || $0 == "\t" })[1]) } ?? 0
    }

    static var current: BenchProcess { BenchProcess(pid: Int(getpid())) }

    /// The process that listens on a TCP port of this host, by the inode of its socket.
    static func listening(on port: Int) -> BenchProcess? {
        let inodes = Set(
            ["net/tcp", "net/tcp6"].flatMap { listenInodes(table: procText($0) ?? "", port: port) })
        guard !inodes.isEmpty else { return nil }
        let pids =
            (try? FileManager.default.contentsOfDirectory(atPath: "/proc"))?.compactMap { Int($0) } ?? []
        return pids.sorted().first { holds(pid: $0, inodes) }.map { BenchProcess(pid: $0) }
    }

    private static func listenInodes(table: String, port: Int) -> [Substring] {
        let suffix = ":" + String(format: "%04X", port)
        return table.split(separator: "\n").dropFirst().compactMap { line in
            let fields = line.split(separator: " ")
            // 0A is LISTEN; field 1 is the local address, field 9 the inode.
            guard fields.count > 9, fields[3] == "0A", fields[1].hasSuffix(suffix) else { return nil }
            return fields[9]
        }
    }

    private static func holds(pid: Int, _ inodes: Set<Substring>) -> Bool {
        let directory = "/proc/\(pid)/fd"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
        return names.contains { name in
            guard
                let link = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(name)"),
                link.hasPrefix("socket:[")
            else { return false }
            return inodes.contains(link.dropFirst(8).dropLast())
        }
    }
}

/// The text of a file under `/proc`, whose size is only known by reading it.
private func procText(_ path: String) -> String? {
    guard let file = FileHandle(forReadingAtPath: "/proc/\(path)") else { return nil }
    defer { try? file.close() }
    guard let data = try? file.readToEnd() else { return nil }
    return String(decoding: data, as: UTF8.self)
}

/// CPU and disk of the nodes and of this process between two moments.
struct BenchUsage: Sendable {
    let nodes: [BenchProcess]
    private let cpuBefore: [Double]
    private let writtenBefore: [UInt64]
    private let ownBefore: Double

    init(nodes: [BenchProcess]) {
        self.nodes = nodes
        cpuBefore = nodes.map(\.cpuSeconds)
        writtenBefore = nodes.map(\.writtenBytes)
        ownBefore = BenchProcess.current.cpuSeconds
    }

    /// What was used since `init`.
    func spent() -> BenchSpent {
        BenchSpent(
            nodeSeconds: zip(nodes, cpuBefore).map { $0.cpuSeconds - $1 },
            nodeWritten: zip(nodes, writtenBefore).map { $0.writtenBytes &- $1 },
            nodeResident: nodes.map(\.residentBytes),
            ownSeconds: BenchProcess.current.cpuSeconds - ownBefore)
    }
}

/// Seconds of CPU, bytes written and bytes resident, per node; and this process's CPU.
struct BenchSpent: Sendable {
    let nodeSeconds: [Double]
    let nodeWritten: [UInt64]
    let nodeResident: [UInt64]
    let ownSeconds: Double
}

/// Lifts the soft limit of open files to the hard one; returns what is allowed now.
@discardableResult
func raiseFileLimit() -> UInt64 {
    var limit = rlimit()
    #if os(Linux)
    let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
    let resource = RLIMIT_NOFILE
    #endif
    guard getrlimit(resource, &limit) == 0 else { return 0 }
    limit.rlim_cur = limit.rlim_max
    _ = setrlimit(resource, &limit)
    return UInt64(limit.rlim_cur)
}
