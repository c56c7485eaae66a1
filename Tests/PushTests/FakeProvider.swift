import Foundation
import NIOConcurrencyHelpers
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL

/// A push service on a loopback port, over TLS, that keeps what it is asked: HTTP/2 where the client offers it.
final class FakeProvider: Sendable {
    struct Asked: Sendable {
        var isHTTP2: Bool
        var path: String
        var headers: HTTPHeaders
        var body: [UInt8]

        var json: [String: Any] {
            (try? JSONSerialization.jsonObject(with: Data(body))) as? [String: Any] ?? [:]
        }
    }
    struct Answer: Sendable {
        var status = 200
        var headers: HTTPHeaders = [:]
        var body = ""
    }

    typealias Answering = @Sendable (Asked) -> Answer

    let port: Int
    private let channel: any Channel
    private let asked: NIOLockedValueBox<[Asked]>

    var requests: [Asked] { asked.withLockedValue { $0 } }
    var url: String { "https://localhost:\(port)" }

    /// Runs `body` with a service that answers by `answer`.
    static func run<T>(
        _ answer: @escaping Answering, _ body: (FakeProvider) async throws -> T
    ) async throws -> T {
        let provider = try await FakeProvider(answer)
        do {
            let result = try await body(provider)
            try await provider.channel.close().get()
            return result
        } catch {
            try? await provider.channel.close().get()
            throw error
        }
    }

    private init(_ answer: @escaping Answering) async throws {
        var tls = TLSConfiguration.makeServerConfiguration(
            certificateChain: [
                .certificate(try NIOSSLCertificate(bytes: Array(TestKeys.certificate.utf8), format: .pem))
            ],
            privateKey: .privateKey(
                try NIOSSLPrivateKey(bytes: Array(TestKeys.certificateKey.utf8), format: .pem)))
        tls.applicationProtocols = ["h2", "http/1.1"]
        let context = try NIOSSLContext(configuration: tls)
        let asked = NIOLockedValueBox<[Asked]>([])
        self.asked = asked
        channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: context))
                }.flatMap {
                    channel.configureCommonHTTPServerPipeline { stream in
                        stream.eventLoop.makeCompletedFuture {
                            try stream.pipeline.syncOperations.addHandler(
                                Recorder(isHTTP2: stream.parent?.parent != nil, asked: asked, answer: answer))
                        }
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = channel.localAddress?.port ?? 0
    }
}

private final class Recorder: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let isHTTP2: Bool
    private let asked: NIOLockedValueBox<[FakeProvider.Asked]>
    private let answer: @Sendable (FakeProvider.Asked) -> FakeProvider.Answer
    private var request: FakeProvider.Asked?

    init(
        isHTTP2: Bool, asked: NIOLockedValueBox<[FakeProvider.Asked]>,
        answer: @escaping @Sendable (FakeProvider.Asked) -> FakeProvider.Answer
    ) {
        self.isHTTP2 = isHTTP2
        self.asked = asked
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            request = FakeProvider.Asked(isHTTP2: isHTTP2, path: head.uri, headers: head.headers, body: [])
        case .body(let part): request?.body += Array(part.readableBytesView)
        case .end:
            guard let request else { return }
            asked.withLockedValue { $0.append(request) }
            let answer = answer(request)
            var headers = answer.headers
            headers.add(name: "content-length", value: String(answer.body.utf8.count))
            context.write(
                wrapOutboundOut(
                    .head(
                        .init(
                            version: .http1_1, status: .init(statusCode: answer.status), headers: headers))),
                promise: nil)
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: answer.body)))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }
}
