import NIOCore

/// A document of the interface that the client port serves itself: no token is needed to read it.
enum ServedDocument: Sendable, CaseIterable {
    case openAPI
    case asyncAPI

    init?(path: String) {
        guard let document = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = document
    }

    var path: String {
        switch self {
        case .openAPI: "/v1/openapi.yaml"
        case .asyncAPI: "/v1/asyncapi.yaml"
        }
    }

    var text: String {
        switch self {
        case .openAPI: OpenAPIDocument.text
        case .asyncAPI: AsyncAPIDocument.text
        }
    }

    var answer: HTTPAnswer {
        HTTPAnswer(
            status: 200,
            headers: [("content-type", "application/yaml"), HTTPAnswer.anyOrigin],
            body: ByteBuffer(string: text))
    }
}
