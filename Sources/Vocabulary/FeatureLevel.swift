/// What a cluster may do only once every member's software can: new entry kinds, new frames, new records.
///
/// A feature joins this table in the release that first understands it, and is used from the moment at which the
/// cluster's level, that group 0 has committed, reaches its level. So a release can be rolled out node by node, and,
/// where the number of its data format is that of the release before, rolled back until the last member has it. A level is never given to two features of different releases, and a
/// feature whose level every supported release has is taken out of the table.
package enum Feature: UInt32, Hashable, Sendable, CaseIterable {
    /// Everything of the first release.
    case base = 1

    /// The cluster's level from which on it may be used.
    package var level: UInt32 { rawValue }

    /// Whether a cluster of that level may use it.
    package func isEnabled(at level: UInt32) -> Bool { level >= self.level }
}

/// Feature levels of this build.
package enum FeatureLevel {
    /// The highest level that this software has; members tell it when they join and at every start.
    package static let supported: UInt32 = Feature.allCases.map(\.level).max() ?? 1
}
