// swift-tools-version: 6.2
// The pure targets with every planted bug in them (Sources/Vocabulary/Mutant.swift), and nothing that needs a download.
// Copied to .build-mutant by tools/mutants.
import PackageDescription

let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6), .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"), .define("MUTANTS"),
]
func pure(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}
let package = Package(
    name: "martlet", platforms: [.macOS(.v15)],
    targets: [
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto"),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4"),
        pure("Vocabulary", []),
        pure("Sealing", ["COpenSSL", "Vocabulary"]),
        pure("Wire", ["Vocabulary"]),
        pure("Membership", ["Vocabulary", "Wire"]),
        pure("Placement", ["Vocabulary"]),
        pure("Consensus", ["Vocabulary", "Wire", "Placement"]),
        pure("Chat", ["Vocabulary", "Wire", "Sealing", "Placement"]),
        pure("ClientSession", ["Vocabulary", "Wire"]),
        pure("Storage", ["Vocabulary", "Wire", "CLZ4"]),
        pure(
            "SimulationKit",
            ["Vocabulary", "Wire", "Membership", "Placement", "Consensus", "Chat", "ClientSession", "Storage"]),
        .executableTarget(name: "simulate", dependencies: ["SimulationKit"], swiftSettings: strict),
    ])
