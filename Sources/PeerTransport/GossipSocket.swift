import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Sealing
import Vocabulary
import Wire

/// The UDP port of gossip: seals what goes out, opens and reads what comes in.
///
/// It decides nothing. What cannot be opened or read is dropped and counted; what cannot be sent is lost, as
/// datagrams are.
package final class GossipSocket: Sendable {
    private let channel: any Channel
    private let sealer: NIOLockedValueBox<GossipSealer>
    private let addresses = GossipAddressBook()
    private let counts: NIOLockedValueBox<GossipSocketCounters>

    private init(
        channel: any Channel, sealer: NIOLockedValueBox<GossipSealer>,
        counts: NIOLockedValueBox<GossipSocketCounters>
    ) {
        self.channel = channel
        self.sealer = sealer
        self.counts = counts
    }

    /// Binds the port. `receive` is called on `loop` with each datagram and the `host:port` it came from.
    package static func bind(
        host: String, port: Int, sealer: GossipSealer, on loop: any EventLoop,
        receive: @escaping @Sendable (GossipDatagram, String) -> Void
    ) async throws -> GossipSocket {
        let counts = NIOLockedValueBox(GossipSocketCounters())
        let sealer = NIOLockedValueBox(sealer)
        let channel = try await DatagramBootstrap(group: loop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        GossipDatagramHandler(sealer: sealer, counts: counts, receive: receive))
                }
            }
            .bind(host: host, port: port).get()
        return GossipSocket(channel: channel, sealer: sealer, counts: counts)
    }

    /// What went through so far.
    package var counters: GossipSocketCounters { counts.withLockedValue { $0 } }

    /// The port that is bound; useful when 0 was asked for.
    package var localPort: Int? { channel.localAddress?.port }

    /// Seals and sends a datagram to `host:port`.
    package func send(_ datagram: GossipDatagram, to address: String) {
        guard let remote = addresses.address(of: address) else {
            counts.withLockedValue { $0.unresolved += 1 }
            return
        }
        let sealed = sealer.withLockedValue { $0 }.seal(datagram.encoded(), nonce: randomNonce())
        var buffer = channel.allocator.buffer(capacity: sealed.count)
        buffer.writeBytes(sealed)
        counts.withLockedValue {
            $0.datagramsSent += 1
            $0.bytesSent += UInt64(sealed.count)
        }
        let counts = counts
        channel.writeAndFlush(AddressedEnvelope(remoteAddress: remote, data: buffer)).whenFailure { _ in
            counts.withLockedValue { $0.sendFailures += 1 }
        }
    }

    /// Seals and opens with other keys from now on.
    package func rekey(_ sealer: GossipSealer) { self.sealer.withLockedValue { $0 = sealer } }

    package func close() async {
        try? await channel.close().get()
    }
}

private func randomNonce() -> [UInt8] {
    var random = SystemRandomNumberGenerator()
    return (0..<GossipSealer.nonceByteCount).map { _ in UInt8.random(in: .min ... .max, using: &random) }
}
