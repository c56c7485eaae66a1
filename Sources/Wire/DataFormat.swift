/// The format of everything that a build keeps in a data directory: log, state, files. It stands in the file
/// `FORMAT`, as a number.
package enum DataFormat {
    /// Raise it with the first build that writes what older ones cannot read (`Tests/Golden` says so). What waits for
    /// a feature level counts too: once written it stays.
    package static let current = 1
    /// The oldest that this build still reads. Directories from before there were numbers have none.
    package static let oldest = 1
}
