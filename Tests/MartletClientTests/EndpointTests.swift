import Testing

@testable import MartletClient

@Suite struct EndpointTests {
    @Test func takesAddressesWithAndWithoutScheme() {
        #expect(Endpoint("127.0.0.1:8410") == Endpoint(host: "127.0.0.1", port: 8410))
        #expect(Endpoint("ws://chat.example:80/v1/ws") == Endpoint(host: "chat.example", port: 80))
        #expect(
            Endpoint("wss://host:443") == Endpoint(host: "host", port: 443, isSecure: true))
        #expect(Endpoint("[::1]:8410") == Endpoint(host: "::1", port: 8410))
        #expect(Endpoint(host: "::1", port: 8410).description == "[::1]:8410")
    }

    @Test func refusesWhatIsNoAddress() {
        for text in ["", "host", ":8410", "host:0", "host:65536", "host:port"] {
            #expect(Endpoint(text) == nil, "\(text)")
        }
    }
}
