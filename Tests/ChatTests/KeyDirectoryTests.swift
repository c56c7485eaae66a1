import Testing
import Vocabulary
import Wire

@testable import Chat

/// One-time keys are handed out once.
@Suite struct KeyDirectoryTests {
    private let signed = Prekey(id: 1, publicKey: "signed", signature: "sig")

    private func cluster(_ devices: DeviceID...) -> TestCluster {
        let cluster = TestCluster()
        for device in devices {
            TestDevice(cluster, ann, device).connect()
            cluster.settle()
        }
        return cluster
    }

    private func upload(
        _ cluster: TestCluster, _ device: DeviceID, identity: String? = "id", signed: Prekey? = nil,
        _ ids: ClosedRange<UInt32>
    ) -> OperationResult? {
        let upload = KeyUpload(
            identityKey: identity, signedPrekey: signed ?? (identity == nil ? nil : self.signed),
            oneTimePrekeys: ids.map { Prekey(id: $0, publicKey: "\(device)-\($0)") })
        return cluster.call(
            .account(AccountRequest(user: ann, ask: .change(.uploadKeys(device, upload)))))
    }

    private func take(_ cluster: TestCluster, _ id: UInt64) -> [DeviceKeyBundle] {
        let fetch = AccountChange.takeKeys(KeyFetchID(high: 0, low: id))
        guard
            case .account(.keys(let bundles))? = cluster.call(
                .account(AccountRequest(user: ann, ask: .change(fetch))))
        else { return [] }
        return bundles
    }

    private func count(_ result: OperationResult?) -> Int? {
        guard case .account(.keyStock(let stock))? = result else { return nil }
        return stock.oneTimePrekeys
    }

    private func refusal(_ result: OperationResult?) -> RefusalCode? {
        guard case .refused(let refusal)? = result else { return nil }
        return refusal.code
    }

    @Test func eachFetchTakesOneKeyOfEachDevice() {
        let cluster = cluster(phone, laptop)
        #expect(count(upload(cluster, phone, 1...2)) == 2)
        #expect(count(upload(cluster, laptop, 1...1)) == 1)
        #expect(take(cluster, 1).map(\.device) == [phone, laptop])
        #expect(take(cluster, 2).map { $0.oneTimePrekey?.publicKey } == ["phone-2", nil])
        // Nothing is left: the signed prekey alone.
        let last = take(cluster, 3)
        #expect(last.map { $0.oneTimePrekey } == [nil, nil])
        #expect(last.map(\.signedPrekey) == [signed, signed])
    }

    @Test func aFetchThatIsRepeatedGetsWhatItGotAlsoFromALaterLeader() {
        let cluster = cluster(phone)
        _ = upload(cluster, phone, 1...3)
        let first = take(cluster, 1)
        cluster.failover(cluster.index(of: ann))
        #expect(take(cluster, 1) == first)
        #expect(take(cluster, 2).first?.oneTimePrekey?.id == 2)
        // Long after, nobody repeats it any more.
        cluster.advance(61_000)
        #expect(take(cluster, 3).first?.oneTimePrekey?.id == 3)
        #expect(take(cluster, 1).first?.oneTimePrekey == nil)
    }

    @Test func noKeyIsEverHandedOutTwice() {
        let cluster = cluster(phone, laptop)
        _ = upload(cluster, phone, 1...40)
        _ = upload(cluster, laptop, 1...40)
        let place = cluster.index(of: ann)
        // Fetches that overlap, and a leader that goes with some of them in hand.
        var handed: [String] = []
        for round in 0..<8 {
            let tokens = (0..<4).map { number in
                cluster.ask(
                    .account(
                        AccountRequest(
                            user: ann,
                            ask: .change(.takeKeys(KeyFetchID(high: 1, low: UInt64(round * 10 + number)))))))
            }
            if round % 3 == 1 { cluster.failover(place) }
            cluster.settle()
            for token in tokens {
                guard case .account(.keys(let bundles))? = cluster.results[token] else { continue }
                handed += bundles.compactMap { $0.oneTimePrekey?.publicKey }
            }
        }
        #expect(handed.count >= 40)
        #expect(Set(handed).count == handed.count)
    }

    @Test func aRepeatedUploadAddsNothingAndAHandedOutKeyDoesNotReturn() {
        let cluster = cluster(phone)
        _ = upload(cluster, phone, 1...3)
        _ = take(cluster, 1)
        #expect(count(upload(cluster, phone, 1...3)) == 2)
        #expect(count(upload(cluster, phone, identity: nil, 3...5)) == 4)
        #expect(take(cluster, 2).first?.oneTimePrekey?.id == 2)
    }

    @Test func anotherIdentityBeginsAnew() {
        let cluster = cluster(phone)
        _ = upload(cluster, phone, 5...9)
        #expect(count(upload(cluster, phone, identity: "new", 1...2)) == 2)
        let bundle = take(cluster, 1).first
        #expect(bundle?.identityKey == "new" && bundle?.oneTimePrekey?.id == 1)
    }

    @Test func theFirstUploadNeedsIdentityAndSignedPrekey() {
        let cluster = cluster(phone)
        #expect(refusal(upload(cluster, phone, identity: nil, 1...1)) == .missingField)
        let upload = KeyUpload(identityKey: "id", signedPrekey: nil, oneTimePrekeys: [])
        let result = cluster.call(
            .account(AccountRequest(user: ann, ask: .change(.uploadKeys(phone, upload)))))
        #expect(refusal(result) == .missingField)
        #expect(take(cluster, 1).isEmpty)
    }

    @Test func theStoreOfKeysIsLimited() {
        let cluster = cluster(phone)
        let max = UInt32(ChatRules.oneTimePrekeysMax)
        #expect(count(upload(cluster, phone, 1...max)) == Int(max))
        #expect(refusal(upload(cluster, phone, identity: nil, max + 1...max + 1)) == .invalidRequest)
        _ = take(cluster, 1)
        #expect(count(upload(cluster, phone, identity: nil, max + 1...max + 1)) == Int(max))
    }

    @Test func aRevokedDeviceHasNoKeys() {
        let cluster = cluster(phone, laptop)
        _ = upload(cluster, phone, 1...3)
        _ = upload(cluster, laptop, 1...3)
        _ = cluster.call(.account(AccountRequest(user: ann, ask: .change(.revokeDevice(phone)))))
        #expect(take(cluster, 1).map(\.device) == [laptop])
    }

    @Test func aSendersListIsComparedWithDevicesThatHaveKeys() {
        let cluster = cluster(phone, laptop, DeviceID(unchecked: "tv"))
        _ = upload(cluster, phone, 1...3)
        _ = upload(cluster, laptop, 1...3)
        let stale = DeviceID(unchecked: "old")
        let asked = AccountRequest(user: ann, ask: .compareDevices([phone, stale]))
        #expect(
            cluster.call(.account(asked))
                == .account(.deviceDifference(missing: [laptop], extra: [stale])))
        let current = AccountRequest(user: ann, ask: .compareDevices([laptop, phone]))
        #expect(cluster.call(.account(current)) == .account(.deviceDifference(missing: [], extra: [])))
    }
}
