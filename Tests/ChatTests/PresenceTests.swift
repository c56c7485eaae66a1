import Testing
import Vocabulary
import Wire

@testable import Chat

/// Who sees whose presence, and when watchers hear of it.
struct PresenceTests {
    private let cluster = TestCluster()

    private func change(_ user: UserID, _ change: (inout SettingsChange) -> Void) {
        var value = SettingsChange()
        change(&value)
        _ = cluster.call(.privacy(.change(user, value)))
    }

    private func sight(of user: UserID, for viewer: UserID) -> PresenceSight {
        guard
            case .privacy(.sights(let sights))? = cluster.call(
                .privacy(.sights(viewer: viewer, of: [user]))), let sight = sights.first
        else { preconditionFailure("no sight") }
        return sight
    }

    private func presence(of user: UserID, for viewer: UserID) -> PresenceState? {
        let query = PresenceQuery(user: user, sight: sight(of: user, for: viewer))
        guard case .presence(let states)? = cluster.call(.presenceOf([query], viewer: viewer)) else {
            return nil
        }
        return states.first
    }

    private func watch(_ user: UserID, by device: TestDevice) {
        guard let session = device.session else { return }
        let watch = PresenceWatch(
            session: session, viewer: device.user, user: user, sight: sight(of: user, for: device.user))
        _ = cluster.call(.watchPresence([watch]))
    }

    private func connected(_ user: UserID, _ device: DeviceID = phone) -> TestDevice {
        let device = TestDevice(cluster, user, device)
        device.connect()
        cluster.settle()
        return device
    }

    @Test func onlineIsOneForegroundSession() {
        #expect(presence(of: bob, for: ann) == PresenceState(user: bob, online: false, lastSeen: nil))
        let bobPhone = connected(bob)
        #expect(presence(of: bob, for: ann)?.online == true)
        guard let session = bobPhone.session else { return }
        func refresh(_ foreground: Bool) {
            _ = cluster.call(
                .refreshSessions([
                    SessionRefresh(user: bob, device: phone, session: session, foreground: foreground)
                ]))
        }
        refresh(false)
        #expect(presence(of: bob, for: ann)?.online == false)
        refresh(true)
        #expect(presence(of: bob, for: ann)?.online == true)
        bobPhone.disconnect()
        #expect(presence(of: bob, for: ann)?.online == false)
        #expect(presence(of: bob, for: ann)?.lastSeen != nil)
    }

    @Test func aSessionThatNobodyRefreshesIsOffline() {
        let bobPhone = connected(bob)
        cluster.devices[bobPhone.session?.number ?? 0] = nil
        cluster.advance(29_000)
        #expect(presence(of: bob, for: ann)?.online == true)
        cluster.advance(2_000)
        #expect(presence(of: bob, for: ann)?.online == false)
    }

    @Test func audiencesHoldBothWays() {
        _ = connected(bob)
        #expect(presence(of: bob, for: ann)?.lastSeen != nil)
        // Nobody: not even contacts.
        change(bob) { $0.lastSeen = .nobody }
        #expect(presence(of: bob, for: ann)?.lastSeen == nil)
        #expect(presence(of: bob, for: ann)?.online == true)
        change(bob) { $0.online = .nobody }
        #expect(presence(of: bob, for: ann)?.online == false)
        // Oneself is always seen.
        #expect(presence(of: bob, for: bob)?.online == true)
        // Contacts: with whom there is a direct conversation.
        change(bob) {
            $0.online = .contacts
            $0.lastSeen = .contacts
        }
        #expect(presence(of: bob, for: ann)?.online == false)
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(1_000)
        #expect(presence(of: bob, for: ann)?.online == true)
        #expect(presence(of: bob, for: ann)?.lastSeen != nil)
        #expect(presence(of: bob, for: cat)?.online == false)
        // Who hides does not see: each field by itself.
        change(ann) { $0.online = .nobody }
        #expect(presence(of: bob, for: ann)?.online == false)
        #expect(presence(of: bob, for: ann)?.lastSeen != nil)
        change(ann) { $0.lastSeen = .nobody }
        #expect(presence(of: bob, for: ann)?.lastSeen == nil)
        change(ann) {
            $0.lastSeen = .contacts
            $0.online = .contacts
        }
        #expect(presence(of: bob, for: ann)?.online == true)
        #expect(presence(of: bob, for: ann)?.lastSeen != nil)
    }

    @Test func behindABlockBothLookOffline() {
        _ = connected(bob)
        _ = connected(ann)
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: true)))
        let hidden = PresenceState(user: bob, online: false, lastSeen: nil)
        #expect(presence(of: bob, for: ann) == hidden)
        #expect(presence(of: ann, for: bob) == PresenceState(user: ann, online: false, lastSeen: nil))
        #expect(presence(of: bob, for: cat)?.online == true)
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: false)))
        #expect(presence(of: bob, for: ann)?.online == true)
    }

    @Test func watchersHearAtOnceAndOnChange() {
        let annPhone = connected(ann)
        watch(bob, by: annPhone)
        #expect(annPhone.presences.map(\.online) == [false])
        let bobPhone = connected(bob)
        cluster.advance(100)
        #expect(annPhone.presences.map(\.online) == [false, true])
        // A second device changes nothing; nor does a minute of being there.
        let bobLaptop = connected(bob, laptop)
        cluster.advance(61_000)
        #expect(annPhone.presences.map(\.online) == [false, true])
        bobLaptop.disconnect()
        bobPhone.disconnect()
        cluster.advance(100)
        #expect(annPhone.presences.map(\.online) == [false, true, false])
        #expect(
            annPhone.presences.last?.lastSeen == cluster.store(of: bob).reader.lastSeen(bob)
                || annPhone.presences.last?.lastSeen != nil)
    }

    @Test func changesOfOneUserAreToldOnceASecond() {
        let annPhone = connected(ann)
        watch(bob, by: annPhone)
        for _ in 0..<10 {
            let bobPhone = connected(bob)
            cluster.advance(50)
            bobPhone.disconnect()
            cluster.advance(50)
        }
        cluster.advance(1_000)
        // The first answer, the first change, and where it stands a second later.
        #expect(annPhone.presences.count <= 4)
        #expect(annPhone.presences.last?.online == false)
    }

    @Test func watchersHearOfBlocksAndSettings() {
        let annPhone = connected(ann)
        _ = connected(bob)
        watch(bob, by: annPhone)
        #expect(annPhone.presences.map(\.online) == [true])
        cluster.advance(1_000)
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: true)))
        cluster.advance(100)
        #expect(annPhone.presences.last == PresenceState(user: bob, online: false, lastSeen: nil))
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: false)))
        cluster.advance(1_100)
        #expect(annPhone.presences.last?.online == true)
        change(bob) { $0.online = .nobody }
        cluster.advance(1_100)
        #expect(annPhone.presences.last?.online == false)
        #expect(annPhone.presences.last?.lastSeen != nil)
        // The viewer's own change is told to its sessions, who ask again.
        change(ann) { $0.lastSeen = .nobody }
        #expect(annPhone.events.contains(.privacyChanged))
        watch(bob, by: annPhone)
        #expect(annPhone.presences.last?.lastSeen == nil)
    }

    @Test func watchesEndAndAreForgottenAndComeBack() {
        let annPhone = connected(ann)
        watch(bob, by: annPhone)
        cluster.failover(cluster.index(of: bob))
        _ = connected(bob)
        cluster.advance(1_000)
        #expect(annPhone.presences.count == 1)
        // The node repeats its watches to the new leader, which answers with the state.
        watch(bob, by: annPhone)
        #expect(annPhone.presences.map(\.online) == [false, true])
        watch(bob, by: annPhone)
        #expect(annPhone.presences.count == 2)
        guard let session = annPhone.session else { return }
        _ = cluster.call(
            .watchPresence([PresenceWatch(session: session, viewer: ann, user: bob, sight: nil)]))
        change(bob) { $0.online = .nobody }
        cluster.advance(2_000)
        #expect(annPhone.presences.count == 2)
    }

    @Test func aWatchThatNobodyRepeatsEnds() {
        var board = PresenceBoard(limits: Limits())
        let watch = PresenceWatch(
            session: SessionKey(node: cluster.node, number: 1), viewer: ann, user: bob,
            sight: PresenceSight(lastSeen: .everyone, online: .everyone, isBlocking: false))
        let states: PresenceBoard.States = { PresenceState(user: $0, online: false, lastSeen: nil) }
        let reader = TestStore().reader
        #expect(board.watch([watch], now: Tick(0), states: states, reader: reader).count == 1)
        _ = board.tick(now: Tick(99_000), states: states, reader: reader)
        #expect(board.watcherCount == 1)
        #expect(board.watch([watch], now: Tick(99_500), states: states, reader: reader).isEmpty)
        _ = board.tick(now: Tick(150_000), states: states, reader: reader)
        #expect(board.watcherCount == 1)
        _ = board.tick(now: Tick(200_000), states: states, reader: reader)
        #expect(board.watcherCount == 0)
        _ = board.watch([watch], now: Tick(200_000), states: states, reader: reader)
        board.lost(cluster.node)
        #expect(board.watcherCount == 0)
    }

    @Test func whoWatchesAnewIsToldAgain() {
        var board = PresenceBoard(limits: Limits())
        let watch = PresenceWatch(
            session: SessionKey(node: cluster.node, number: 1), viewer: ann, user: bob,
            sight: PresenceSight(lastSeen: .everyone, online: .everyone, isBlocking: false))
        var end = watch
        end.sight = nil
        let states: PresenceBoard.States = { PresenceState(user: $0, online: false, lastSeen: nil) }
        let reader = TestStore().reader
        #expect(board.watch([end, watch], now: Tick(0), states: states, reader: reader).count == 1)
        #expect(board.watch([watch], now: Tick(10), states: states, reader: reader).isEmpty)
        #expect(board.watch([end, watch], now: Tick(20), states: states, reader: reader).count == 1)
        #expect(board.watcherCount == 1)
    }

    @Test func oneUserHasABoundedNumberOfWatchers() {
        var limits = Limits()
        limits.presenceWatchersMax = 3
        var board = PresenceBoard(limits: limits)
        let watches = (1...5).map { number in
            PresenceWatch(
                session: SessionKey(node: cluster.node, number: UInt64(number)), viewer: ann, user: bob,
                sight: PresenceSight(lastSeen: .everyone, online: .everyone, isBlocking: false))
        }
        let states: PresenceBoard.States = { PresenceState(user: $0, online: true, lastSeen: nil) }
        let directives = board.watch(watches, now: Tick(0), states: states, reader: TestStore().reader)
        // All five are told once, in one push; three are told of changes.
        guard case .push(_, let push)? = directives.first else {
            Issue.record("no push")
            return
        }
        #expect(directives.count == 1 && push.addressees.count == 5)
        #expect(board.watcherCount == 3)
    }

    @Test func lastSeenIsWrittenAtMostOnceAMinute() {
        for _ in 0..<30 {
            let bobPhone = connected(bob)
            cluster.advance(500)
            bobPhone.disconnect()
            cluster.advance(500)
        }
        func written() -> Int {
            cluster.proposed.filter { if case .lastSeen = $0 { true } else { false } }.count
        }
        #expect(written() == 1)
        let seen = presence(of: bob, for: ann)?.lastSeen
        cluster.advance(61_000)
        // The last word is written too, once its minute has come, and was answered truly meanwhile.
        #expect(written() == 2)
        #expect(cluster.store(of: bob).reader.lastSeen(bob) == seen)
    }

    @Test func audiencesOfGroupAdd() {
        _ = cluster.call(.ensureUser(ann))
        _ = cluster.call(.ensureUser(bob))
        func admission(of user: UserID) -> MemberResult? {
            guard case .mayAdd(let results)? = cluster.call(.mayAdd(actor: ann, users: [user])) else {
                return nil
            }
            return results.first
        }
        #expect(admission(of: bob) == .added)
        change(bob) { $0.groupAdd = .contacts }
        #expect(admission(of: bob) == .inviteNeeded)
        _ = cluster.send(ann, to: .user(bob), "1")
        cluster.advance(1_000)
        #expect(admission(of: bob) == .added)
        change(bob) { $0.groupAdd = .nobody }
        #expect(admission(of: bob) == .inviteNeeded)
        _ = cluster.call(.privacy(.block(bob, peer: ann, isBlocked: true)))
        #expect(admission(of: bob) == .blocked)
        #expect(admission(of: dan) == .notFound)
    }
}
