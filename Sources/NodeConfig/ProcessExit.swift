/// How a process of this program ends (the numbers of sysexits.h, except 2 for usage).
package enum ProcessExit: Int32, Hashable, Sendable {
    case success = 0
    case failed = 1
    case usage = 2
    /// The storage is damaged: starting again does not help.
    case storageCorrupt = 65
    /// What was asked does not answer.
    case unavailable = 69
    /// It may work later.
    case tryAgain = 75
    case badConfiguration = 78
}

/// An error that knows how the process should end because of it. Printed by its description.
package protocol ProcessEnding: Error, CustomStringConvertible {
    var exit: ProcessExit { get }
}

extension ConfigurationFailure: ProcessEnding {
    package var exit: ProcessExit { .badConfiguration }
}

/// The version of this software, as nodes tell it to each other and to people.
package enum SoftwareVersion {
    package static let text = "0.1.0"
}
