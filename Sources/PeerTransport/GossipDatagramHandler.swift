import NIOConcurrencyHelpers
import NIOCore
import Sealing
import Vocabulary
import Wire

/// Opens and reads arriving datagrams; counts what it drops.
final class GossipDatagramHandler: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>

    private let sealer: NIOLockedValueBox<GossipSealer>
    private let counts: NIOLockedValueBox<GossipSocketCounters>
    private let receive: @Sendable (GossipDatagram, String) -> Void

    init(
        sealer: NIOLockedValueBox<GossipSealer>, counts: NIOLockedValueBox<GossipSocketCounters>,
        receive: @escaping @Sendable (GossipDatagram, String) -> Void
    ) {
        self.sealer = sealer
        self.counts = counts
        self.receive = receive
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        let sealed = [UInt8](envelope.data.readableBytesView)
        counts.withLockedValue {
            $0.datagramsReceived += 1
            $0.bytesReceived += UInt64(sealed.count)
        }
        guard let datagram = read(sealed), let address = text(of: envelope.remoteAddress) else { return }
        receive(datagram, address)
    }

    /// A refused datagram (ICMP) or a full buffer is no reason to close the port.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        counts.withLockedValue { $0.sendFailures += 1 }
    }

    private func read(_ sealed: [UInt8]) -> GossipDatagram? {
        let opened: [UInt8]
        do throws(GossipSealFailure) {
            opened = try sealer.withLockedValue { $0 }.open(sealed)
        } catch {
            counts.withLockedValue {
                if error == .otherCluster { $0.otherClusters += 1 } else { $0.badSeals += 1 }
            }
            return nil
        }
        do throws(DecodingFailure) {
            return try GossipDatagram(decoding: opened)
        } catch {
            counts.withLockedValue { $0.malformed += 1 }
            return nil
        }
    }

    private func text(of address: SocketAddress) -> String? {
        guard let host = address.ipAddress, let port = address.port else { return nil }
        return PeerAddress(host: host, port: port).description
    }
}
