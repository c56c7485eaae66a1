import Push
import Testing

@Suite struct PushProviderTests {
    @Test func wordsAreThoseOfTheProtocol() {
        #expect(PushProvider.allCases.map(\.rawValue) == ["apns", "fcm", "webpush", "webhook"])
    }
}
