import Testing
import Vocabulary
import Wire

@testable import Chat

/// Devices of a user: naming, waking, revoking.
@Suite struct DeviceTests {
    private func change(_ cluster: TestCluster, _ user: UserID, _ change: AccountChange) -> OperationResult? {
        cluster.call(.account(AccountRequest(user: user, ask: .change(change))))
    }

    private func devices(_ cluster: TestCluster, _ user: UserID) -> [DeviceState] {
        guard
            case .account(.devices(let devices))? = cluster.call(
                .account(AccountRequest(user: user, ask: .devices)))
        else { return [] }
        return devices
    }

    @Test func devicesAreListedWithNameUseAndConnection() {
        let cluster = TestCluster()
        let onPhone = TestDevice(cluster, ann, phone)
        let onLaptop = TestDevice(cluster, ann, laptop)
        onPhone.connect()
        cluster.settle()
        onLaptop.connect()
        cluster.settle()
        onLaptop.disconnect()
        #expect(change(cluster, ann, .renameDevice(laptop, name: "Work")) == .account(.done))
        cluster.advance(120_000)
        let listed = devices(cluster, ann)
        #expect(listed.map(\.device) == [phone, laptop])
        #expect(listed.map(\.name) == ["", "Work"])
        #expect(listed.map { $0.node != nil } == [true, false])
        // One that is connected is in use now, the other since it went.
        #expect(listed[0].usedAt == cluster.now.wall)
        #expect(listed[1].usedAt.milliseconds < cluster.now.wall.milliseconds - 100_000)
    }

    @Test func aDeviceNobodyHasIsNotFound() {
        let cluster = TestCluster()
        TestDevice(cluster, ann, phone).connect()
        cluster.settle()
        let tablet = DeviceID(unchecked: "tablet")
        let push = PushRegistration(target: .fcm(token: "t"), content: .full, registeredAt: .zero)
        let keys = KeyUpload(
            identityKey: "i", signedPrekey: Prekey(id: 1, publicKey: "p", signature: "s"), oneTimePrekeys: [])
        for wish: AccountChange in [
            .renameDevice(tablet, name: "x"), .revokeDevice(tablet), .setPush(tablet, push),
            .uploadKeys(tablet, keys),
        ] {
            guard case .refused(let refusal)? = change(cluster, ann, wish) else {
                Issue.record("\(wish) was taken")
                continue
            }
            #expect(refusal.code == .notFound)
        }
    }

    @Test func aRevokedDeviceIsClosedAndEverythingOfItIsGone() {
        let cluster = TestCluster()
        let onPhone = TestDevice(cluster, ann, phone)
        let onLaptop = TestDevice(cluster, ann, laptop)
        for device in [onPhone, onLaptop] {
            device.connect()
            cluster.settle()
        }
        let push = PushRegistration(target: .fcm(token: "t"), content: .full, registeredAt: .zero)
        #expect(change(cluster, ann, .setPush(phone, push)) == .account(.done))
        #expect(cluster.store(of: ann).reader.pushRegistrations(of: ann).map(\.device) == [phone])
        let keys = KeyUpload(
            identityKey: "i", signedPrekey: Prekey(id: 1, publicKey: "p", signature: "s"),
            oneTimePrekeys: [Prekey(id: 1, publicKey: "o")])
        _ = change(cluster, ann, .uploadKeys(phone, keys))
        _ = cluster.send(bob, to: .user(ann), "1")
        cluster.advance(2_000)
        let reader = cluster.store(of: ann).reader
        #expect(reader.position(of: phone, of: ann, in: annBob).seq == Seq(1))
        #expect(reader.view.pairs(in: Tables.oneTimePrekeys(ann, phone)).count == 1)

        #expect(change(cluster, ann, .revokeDevice(phone)) == .account(.done))
        #expect(onPhone.closeCode == 4003)
        #expect(onLaptop.closeCode == nil)
        #expect(devices(cluster, ann).map(\.device) == [laptop])
        #expect(reader.pushRegistrations(of: ann).isEmpty)
        #expect(reader.view.deviceKeys(ann, phone) == nil)
        #expect(reader.view.pairs(in: Tables.oneTimePrekeys(ann, phone)).isEmpty)
        // It can be said again.
        #expect(change(cluster, ann, .revokeDevice(phone)) == .account(.done))
    }

    @Test func aRevokedDeviceThatComesBackIsANewOne() {
        let cluster = TestCluster()
        let onPhone = TestDevice(cluster, ann, phone)
        let onLaptop = TestDevice(cluster, ann, laptop)
        for device in [onPhone, onLaptop] {
            device.connect()
            cluster.settle()
        }
        onPhone.acknowledges = false
        _ = cluster.send(bob, to: .user(ann), "1")
        cluster.advance(2_000)
        _ = change(cluster, ann, .revokeDevice(phone))
        // The laptop has acknowledged the message; a new device starts after it, the old phone would not.
        let again = TestDevice(cluster, ann, phone)
        again.connect()
        cluster.settle()
        again.finishOpening()
        #expect(again.isConnected)
        #expect(again.written.isEmpty)
        #expect(devices(cluster, ann).map(\.device) == [laptop, phone])
    }

    /// What the old device acknowledged last is not committed yet, and is no word of the new one.
    @Test func whatARevokedDeviceAcknowledgedLastIsForgotten() {
        let cluster = TestCluster()
        let onPhone = cluster.connected(ann)
        cluster.advance(1_000)
        _ = cluster.send(bob, to: .user(ann), "1")
        #expect(onPhone.written[annBob] == [1])
        #expect(cluster.store(of: ann).reader.position(of: phone, of: ann, in: annBob) == .start)
        _ = change(cluster, ann, .revokeDevice(phone))
        #expect(cluster.connected(ann).written[annBob] == [1])
    }

    @Test func aRevokedSessionDoesNotComeBackByRenewal() {
        let cluster = TestCluster()
        let onPhone = TestDevice(cluster, ann, phone)
        onPhone.connect()
        cluster.settle()
        // The leader that revokes does not know the session: it has just taken over.
        cluster.failover(cluster.index(of: ann))
        _ = change(cluster, ann, .revokeDevice(phone))
        #expect(onPhone.isConnected)
        onPhone.connect(isRenewal: true)
        cluster.settle()
        onPhone.finishOpening()
        #expect(onPhone.refusal?.code == .forbidden)
        #expect(devices(cluster, ann).isEmpty)
    }

    /// What nodes ask before they serve a request with a token that is bound to a device.
    @Test func requestsWithATokenOfARevokedDeviceAreUnauthenticated() {
        let cluster = TestCluster()
        let device = TestDevice(cluster, ann, phone)
        device.connect()
        cluster.settle()
        let issued = cluster.now.wall
        func ask(_ issued: Timestamp) -> OperationResult? {
            cluster.call(.account(AccountRequest(user: ann, ask: .deviceToken(phone, issued: issued))))
        }
        #expect(ask(issued) == .account(.done))
        cluster.advance(1_000)
        _ = change(cluster, ann, .revokeDevice(phone))
        guard case .refused(let refusal)? = ask(issued) else {
            Issue.record("the token still holds")
            return
        }
        #expect(refusal.code == .unauthenticated && refusal.code.status == 401)
        cluster.advance(1_000)
        #expect(ask(cluster.now.wall) == .account(.done), "a token of after the revocation holds")
        cluster.failover(cluster.index(of: ann))
        guard case .refused? = ask(issued) else {
            Issue.record("a new leader has forgotten the revocation")
            return
        }
    }

    @Test func aTokenBoundToTheDeviceEndsWithItsRevocation() {
        let cluster = TestCluster()
        let old = TestDevice(cluster, ann, phone)
        old.boundSince = cluster.now.wall
        old.connect()
        cluster.settle()
        cluster.advance(1_000)
        _ = change(cluster, ann, .revokeDevice(phone))
        old.connect()
        cluster.settle()
        old.finishOpening()
        #expect(old.refusal?.code == .forbidden)
        cluster.advance(1_000)
        let new = TestDevice(cluster, ann, phone)
        new.boundSince = cluster.now.wall
        new.connect()
        cluster.settle()
        new.finishOpening()
        #expect(new.isConnected)
        #expect(new.refusal == nil)
        // The old token stays refused, whoever else uses the device's name.
        old.connect()
        cluster.settle()
        old.finishOpening()
        #expect(old.refusal?.code == .forbidden)
    }

    @Test func theEleventhDeviceEndsTheOneUnusedLongest() {
        let cluster = TestCluster()
        var all: [TestDevice] = []
        for number in 1...11 {
            let device = TestDevice(cluster, ann, DeviceID(unchecked: "d\(number)"))
            device.connect()
            cluster.settle()
            device.finishOpening()
            all.append(device)
            cluster.advance(100)
        }
        #expect(all.map { $0.closeCode } == [4003] + Array(repeating: nil, count: 10))
        #expect(devices(cluster, ann).count == 10)
    }

    @Test func aProvidersVerdictDoesNotTouchANewerRegistration() {
        let cluster = TestCluster()
        TestDevice(cluster, ann, phone).connect()
        cluster.settle()
        let push = PushRegistration(target: .fcm(token: "t"), content: .full, registeredAt: .zero)
        _ = change(cluster, ann, .setPush(phone, push))
        let at = cluster.now.wall
        let reader = cluster.store(of: ann).reader
        #expect(reader.pushRegistrations(of: ann).map(\.registration.registeredAt) == [at])
        _ = change(cluster, ann, .removePush(phone, registeredUpTo: Timestamp(at.milliseconds - 1)))
        #expect(reader.pushRegistrations(of: ann).count == 1)
        _ = change(cluster, ann, .removePush(phone, registeredUpTo: at))
        #expect(reader.pushRegistrations(of: ann).isEmpty)
    }
}
