import NodeConfig
import Vocabulary
import Wire

/// What two builds have to have in common to run in one cluster, or on one data directory.
package enum BuildVersions {
    /// As `martlet version` prints it; programs may read it.
    package static let text = """
        martlet \(SoftwareVersion.text)
        peer protocol \(PeerProtocol.range)
        data format \(DataFormat.oldest) to \(DataFormat.current)
        feature level \(FeatureLevel.supported)
        """
}
