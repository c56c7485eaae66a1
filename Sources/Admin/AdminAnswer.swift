import Foundation
import HTTPTypes
import Hummingbird

/// Makes responses.
enum AdminAnswer {
    /// The answer to an operation that has begun.
    static let accepted = json(["status": "accepted"], status: .accepted)

    static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(value) else {
            // Only a number that JSON has no word for gets here.
            return text(
                "{\"error\":{\"code\":\"internal\",\"message\":\"not encodable\"}}",
                type: "application/json", status: .internalServerError)
        }
        return response(ByteBuffer(bytes: data), type: "application/json", status: status)
    }

    static func text(_ text: String, type: String, status: HTTPResponse.Status = .ok) -> Response {
        response(ByteBuffer(string: text), type: type, status: status)
    }

    static func refusal(_ refusal: AdminRefusal) -> Response {
        json(
            ["error": ["code": refusal.code, "message": refusal.message]],
            status: HTTPResponse.Status(code: refusal.status))
    }

    private static func response(_ body: ByteBuffer, type: String, status: HTTPResponse.Status) -> Response {
        Response(
            status: status, headers: [.contentType: type, .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: body))
    }
}
