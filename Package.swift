// swift-tools-version: 6.2
import PackageDescription

// One settings array for every target of this package (docs/adr/0001-layers.md).
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let nio: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"),
    .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOConcurrencyHelpers", package: "swift-nio"),
]
let nioHTTP: [Target.Dependency] = [
    .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOWebSocket", package: "swift-nio"),
]
let hummingbird: [Target.Dependency] = [
    .product(name: "Hummingbird", package: "hummingbird"),
    .product(name: "HummingbirdCore", package: "hummingbird"),
    .product(name: "HTTPTypes", package: "swift-http-types"),
]
let ssl: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let pushing: [Target.Dependency] = [
    .product(name: "AsyncHTTPClient", package: "async-http-client"),
    .product(name: "JWTKit", package: "jwt-kit"),
    .product(name: "Crypto", package: "swift-crypto"),
    .product(name: "NIOSSL", package: "swift-nio-ssl"),
]
let log: Target.Dependency = .product(name: "Logging", package: "swift-log")

func target(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: strict)
}

let package = Package(
    name: "martlet",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "martlet", targets: ["martlet"]),
        .executable(name: "martlet-simulate", targets: ["martlet-simulate"]),
        .library(name: "MartletClient", targets: ["MartletClient"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(
            url: "https://github.com/apple/swift-configuration", from: "1.4.0",
            traits: ["YAML", "CommandLineArguments"]),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/vapor/jwt-kit", from: "5.7.1"),
        .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    ],
    targets: [
        // Layer 0: words. Types, schemas and pure calls; no decisions.
        .systemLibrary(name: "COpenSSL", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CRocksDB", providers: [.apt(["librocksdb-dev"])]),
        target("Vocabulary", []),
        target("Sealing", ["COpenSSL", "Vocabulary"]),
        target("Wire", ["Vocabulary"]),

        // Layer 1: pure machines. No I/O, clock, chance or actors.
        target("Membership", ["Vocabulary", "Wire"]),
        target("Placement", ["Vocabulary"]),
        target("Consensus", ["Vocabulary", "Wire", "Placement"]),
        target("Chat", ["Vocabulary", "Wire", "Sealing", "Placement"]),
        target("ClientSession", ["Vocabulary", "Wire"]),

        // Layer 2: adapters. Disks, sockets, files.
        target("Storage", ["Vocabulary", "Wire", "CLZ4"]),
        target("RocksStorage", ["Vocabulary", "Storage", "CRocksDB"]),
        target("Observability", ["Vocabulary", log]),
        target(
            "NodeConfig",
            ["Vocabulary", .product(name: "Configuration", package: "swift-configuration")]),
        target("PortSecurity", ["NodeConfig", ssl] + nio),
        target(
            "PeerTransport", ["Vocabulary", "Wire", "Sealing", "Observability", "PortSecurity", log] + nio),
        target(
            "Gateway",
            [
                "Vocabulary", "Wire", "ClientSession", "Observability", "NodeConfig", "PortSecurity", log,
                .product(name: "JWTKit", package: "jwt-kit"),
            ] + nio + nioHTTP + hummingbird),
        target(
            "Admin",
            [
                "Vocabulary", "Observability", "NodeConfig", "PortSecurity", log,
                .product(name: "HummingbirdTLS", package: "hummingbird"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ] + nio + hummingbird),
        target("Push", ["Vocabulary", "Wire"] + pushing + nio + nioHTTP),

        // Layer 3: shells. The actors around the machines.
        target(
            "Node",
            [
                "Vocabulary", "Sealing", "Wire", "Membership", "Placement", "Consensus", "Chat",
                "ClientSession",
                "Storage", "RocksStorage", "Observability", "NodeConfig", "PeerTransport", "Push", "Gateway",
                "Admin",
                "PortSecurity", log, .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
            ] + nio + hummingbird),

        // Layer 4: what people run and link.
        target("MartletClient", ["Sealing", ssl] + nio + nioHTTP),
        .executableTarget(
            name: "martlet",
            dependencies: [
                "Vocabulary", "Sealing", "Node", "NodeConfig", "MartletClient", "Observability", log,
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ] + nio + nioHTTP,
            swiftSettings: strict),

        // Tests. Bytes that never change.
        target("GoldenKit", []),
        // The simulator sees the pure targets and the in-memory ports only.
        target(
            "SimulationKit",
            [
                "Vocabulary", "Wire", "Membership", "Placement", "Consensus", "Chat", "ClientSession",
                "Storage",
            ]),
        .executableTarget(
            name: "martlet-simulate",
            dependencies: [
                "SimulationKit", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict),
        tests("SimulationTests", ["Vocabulary", "Wire", "Storage", "Consensus", "SimulationKit"]),
        tests("WireTests", ["Vocabulary", "Wire", "GoldenKit"]),
        tests("SealingTests", ["Vocabulary", "Sealing"]),
        tests("MembershipTests", ["Vocabulary", "Sealing", "Wire", "Membership", "GoldenKit"]),
        tests("PlacementTests", ["Vocabulary", "Placement"]),
        tests("ConsensusTests", ["Vocabulary", "Wire", "Placement", "Consensus", "GoldenKit"]),
        tests("ChatTests", ["Vocabulary", "Wire", "Sealing", "Placement", "Chat", "GoldenKit"]),
        tests("ClientSessionTests", ["Vocabulary", "Wire", "ClientSession"]),
        tests("StorageTests", ["Vocabulary", "Wire", "Storage", "GoldenKit"]),
        tests("RocksStorageTests", ["Vocabulary", "Wire", "Storage", "RocksStorage"]),
        tests(
            "PeerTransportTests", ["Vocabulary", "Wire", "Sealing", "PeerTransport", log] + nio),
        tests(
            "NodeTests",
            [
                "Vocabulary", "Wire", "Chat", "Storage", "RocksStorage", "PeerTransport", "Gateway",
                "NodeConfig",
                "Node", log,
            ] + nio),
        tests("NodeConfigTests", ["Vocabulary", "NodeConfig"]),
        tests(
            "AdminTests",
            [
                "Vocabulary", "Observability", "NodeConfig", "Admin", log,
                .product(name: "HummingbirdTesting", package: "hummingbird"),
            ] + nio + hummingbird),
        tests(
            "GatewayTests",
            [
                "Vocabulary", "Wire", "ClientSession", "Observability", "NodeConfig", "Gateway", log,
                .product(name: "JWTKit", package: "jwt-kit"),
            ] + nio + nioHTTP + hummingbird),
        tests(
            "PushTests",
            [
                "Vocabulary", "Push",
                .product(name: "NIOHTTP2", package: "swift-nio-http2"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "JWTKit", package: "jwt-kit"),
                .product(name: "Crypto", package: "swift-crypto"),
            ] + nio + nioHTTP),
        tests("MartletClientTests", ["MartletClient"] + nio + nioHTTP),
    ]
)
