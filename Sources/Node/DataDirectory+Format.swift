import NodeConfig
import Wire

extension DataDirectory {
    static let formatName = "FORMAT"

    /// Refuses a directory that a newer build has written to, and one that is too old. Called before anything else is
    /// read: what another build has written looks like damage.
    ///
    /// - Parameter known: the formats that this build reads.
    /// - Returns: the format; `nil` for a directory that nobody has used.
    @discardableResult
    func checkFormat(
        _ known: ClosedRange<Int> = DataFormat.oldest...DataFormat.current
    ) throws(DataDirectoryFailure) -> Int? {
        var found = try read(Int.self, named: Self.formatName)
        // Of before there were numbers.
        if found == nil, try readIdentity() != nil { found = 0 }
        guard let found else { return nil }
        if found > known.upperBound { throw .newerFormat(path: path, found: found, known: known.upperBound) }
        if found < known.lowerBound { throw .olderFormat(path: path, found: found, known: known.lowerBound) }
        return found
    }

    /// Checks it, and says that this build writes to the directory from now on.
    func claimFormat(
        _ known: ClosedRange<Int> = DataFormat.oldest...DataFormat.current
    ) throws(DataDirectoryFailure) {
        if try checkFormat(known) ?? 0 < known.upperBound {
            try write(known.upperBound, named: Self.formatName)
        }
    }
}

extension DataDirectoryFailure: ProcessEnding {
    package var exit: ProcessExit {
        switch self {
        case .newerFormat, .olderFormat: .badConfiguration
        case .cannotCreate, .inUse, .alreadyFormed, .unreadableIdentity, .cannotWrite: .failed
        }
    }
}
