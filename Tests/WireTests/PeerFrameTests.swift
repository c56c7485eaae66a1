import GoldenKit
import Testing
import Vocabulary

@testable import Wire

/// What nodes say to each other comes back as it was said, and nothing that is not a frame is taken for one.
struct PeerFrameTests {
    private let ann = UserID(unchecked: "ann")
    private let bob = UserID(unchecked: "bob")
    private let phone = DeviceID(unchecked: "phone")
    private let node = NodeID(high: 1, low: 2)
    private let conversation = ConversationID(high: 0x1122_3344_5566_8788, low: 0x99AA_BBCC_DDEE_FF00)
    private var position: ConversationPosition { ConversationPosition(seq: Seq(7), rev: Rev(300)) }
    private var session: SessionKey { SessionKey(node: node, number: 1 << 40) }

    private var update: UpdateEvent {
        UpdateEvent(
            conversation: conversation, messageID: MessageID(high: 3, low: 4), seq: Seq(9), user: bob,
            change: .reaction("👍"), timestamp: Timestamp(12), rev: Rev(4))
    }

    private var record: MessageRecord {
        var record = MessageRecord(
            conversation: conversation, seq: Seq(9), ordinal: Ordinal(8),
            messageID: MessageID(high: 3, low: 4),
            sender: ann, senderDevice: phone, recipient: .user(bob),
            clientMessageID: ClientMessageID(unchecked: "c-1"), type: .text, content: "héllo 🐦",
            timestamp: Timestamp(1_700_000_000_000), clientTimestamp: Timestamp(-5),
            replyTo: MessageID(high: 5, low: 6), mentions: [bob], expiresInMilliseconds: 86_400_000)
        record.amendments.editedAt = Timestamp(8)
        record.amendments.reactors = 1
        record.reactions = [Reaction(emoji: "👍", users: [bob])]
        return record
    }

    private var status: StatusEvent {
        StatusEvent(
            conversation: conversation, messageID: MessageID(high: 3, low: 4), seq: Seq(9), user: bob,
            status: .read, timestamp: Timestamp(12), rev: Rev(4))
    }

    private var row: InboxRow {
        InboxRow(
            conversation: conversation, kind: .group, peer: nil, title: "team", head: Seq(4), rev: Rev(5),
            lastAt: Timestamp(6), preview: "p", headOrdinal: Ordinal(3), markOrdinal: Ordinal(1),
            read: Seq(2),
            memberEpoch: 7, isMember: true, version: InboxVersion(8))
    }

    private var around: HistoryQuery {
        var query = HistoryQuery(
            conversation: conversation, user: ann, bound: nil, order: .descending, limit: 5)
        query.around = .message(MessageID(high: 1, low: 1))
        query.isStaleAllowed = true
        query.minSeq = Seq(8)
        return query
    }

    private var operations: [Operation] {
        let send = SendRequest(
            sender: ann, device: nil, clientMessageID: ClientMessageID(unchecked: "c"),
            recipient: .group(conversation), type: .image, content: "ref", clientTimestamp: nil)
        let cursor = SyncCursor(
            version: InboxVersion(3), marks: [.init(conversation: conversation, position: position)])
        return [
            .send(send),
            .receipt(ReceiptRequest(user: bob, status: .read, target: .upTo(conversation, Seq(3)))),
            .receipt(
                ReceiptRequest(user: bob, status: .delivered, target: .message(MessageID(high: 1, low: 1)))),
            .history(
                HistoryQuery(
                    conversation: conversation, user: ann, bound: Seq(2), order: .ascending, limit: 50)),
            .history(
                HistoryQuery(
                    conversation: conversation, user: ann, bound: nil, order: .descending, limit: 1,
                    proof: true)),
            .catchUp(CatchUpQuery(conversation: conversation, user: ann, after: position, limit: 100)),
            .group(GroupRequest(group: conversation, actor: ann, change: .create(name: "n", members: [bob]))),
            .group(GroupRequest(group: conversation, actor: ann, change: .add([bob]))),
            .group(GroupRequest(group: conversation, actor: ann, change: .remove(bob))),
            .group(GroupRequest(group: conversation, actor: ann, change: .leave)),
            .group(GroupRequest(group: conversation, actor: ann, change: .rename("m"))),
            .groupQuery(GroupQuery(group: conversation, actor: ann, subject: .description)),
            .groupQuery(GroupQuery(group: conversation, actor: ann, subject: .members(after: bob, limit: 9))),
            .groupQuery(
                GroupQuery(group: conversation, actor: ann, subject: .requests(after: nil, limit: 9))),
            .groupQuery(GroupQuery(group: conversation, actor: ann, subject: .invites)),
            .mayAdd(actor: ann, users: [bob]),
            .ensureUser(ann), .usersExist([ann, bob]),
            .openSession(
                OpenSession(
                    user: ann, device: phone, session: session, cursor: cursor, isRenewal: true,
                    foreground: false)),
            .closeSession(user: ann, session: session),
            .refreshSessions([
                SessionRefresh(user: ann, device: phone, session: session, foreground: true)
            ]),
            .deviceAcks([DeviceAck(user: ann, device: phone, conversation: conversation, position: position)]
            ),
            .conversations(
                ConversationsQuery(
                    user: ann,
                    before: ConversationsCursor(lastAt: Timestamp(4), conversation: conversation), limit: 20)),
            .presence(viewer: ann, users: [bob]), .devices(ann),
            .changeMessage(
                MessageChangeRequest(message: MessageID(high: 1, low: 1), actor: ann, change: .edit("é"))),
            .setDisappearing(
                DisappearingRequest(conversation: conversation, actor: ann, milliseconds: 86_400_000)),
            .history(around), .messageInfo(InfoQuery(message: MessageID(high: 1, low: 1), user: ann)),
            .clear(ClearRequest(conversation: conversation, user: ann, upTo: Seq(9))),
            .eraseMember(EraseMemberRequest(user: ann, conversation: conversation, from: Seq(65))),
        ] + accountRequests.map { .account($0) } + privacy
    }

    private var privacy: [Operation] {
        let sight = PresenceSight(lastSeen: .contacts, online: .nobody, isBlocking: true)
        var change = SettingsChange()
        change.readReceipts = true
        change.quietHours = .hours(QuietHours(startMinute: 0, endMinute: 1_439, timeZone: "UTC"))
        return [
            .privacy(.settings(ann)), .privacy(.change(ann, change)),
            .privacy(.block(ann, peer: bob, isBlocked: true)),
            .privacy(.blocks(ann, after: bob, limit: 10)), .privacy(.sights(viewer: ann, of: [bob])),
            .presenceOf([PresenceQuery(user: bob, sight: sight)], viewer: ann),
            .subscribePresence(
                PresenceSubscription(session: session, viewer: ann, users: [bob], isEnd: true)),
            .watchPresence([
                PresenceWatch(session: session, viewer: ann, user: bob, sight: sight),
                PresenceWatch(session: session, viewer: ann, user: bob, sight: nil),
            ]),
            .memberFlags([
                MemberFlagsUpdate(
                    conversation: conversation, user: ann,
                    flags: MemberFlags(version: 9, isBlocking: true, hidesReads: false))
            ]),
            .typing(TypingRequest(conversation: conversation, user: ann, isTyping: true)),
        ]
    }

    private var answers: [PrivacyAnswer] {
        var settings = UserSettings()
        settings.groupAdd = .contacts
        settings.quietHours = QuietHours(startMinute: 5, endMinute: 6, timeZone: "Asia/Tokyo")
        return [
            .settings(settings),
            .blocks(BlocksPage(blocks: [.init(user: bob, at: Timestamp(3))], hasMore: true)),
            .sights([PresenceSight(lastSeen: .everyone, online: .contacts, isBlocking: false)]),
        ]
    }

    private var results: [OperationResult] {
        let member = GroupResult.Member(user: bob, role: .admin, result: .notFound)
        let refusal = Refusal(
            .messageTooLong, "too long", retryAfterMilliseconds: 5,
            details: [RefusalDetail("max", .number(65_536)), RefusalDetail("field", .text("content"))])
        let secret = InviteSecret(raw: UInt128ID(high: 1, low: 2))
        let invite = GroupInvite(
            InviteOffer(secret: secret, lastsMilliseconds: 5, usesMax: 6), by: ann, at: Timestamp(7))
        let members = [GroupMember(user: bob, role: .admin, joinedSeq: Seq(3))]
        var settings = GroupSettings()
        settings.addMembers = .all
        settings.history = .all
        let description = GroupDescription(
            group: conversation, name: "n", description: "d", settings: settings, head: Seq(4),
            memberEpoch: 5, memberCount: 6, createdAt: Timestamp(7), creator: ann, isClosed: true,
            role: .owner, members: members, hasMoreMembers: true)
        var cut = HistoryPage(messages: [], hasMore: false, newest: Seq(9))
        cut.gone = Seq(8)
        var cutPage = CatchUpPage(messages: [], statuses: [], position: position, hasMore: false)
        cutPage.gone = Seq(3)...Seq(8)
        return [
            .groupAnswer(.description(description)), .groupAnswer(.members(members, hasMore: true)),
            .groupAnswer(.requests([GroupJoinRequest(user: bob, at: Timestamp(1))], hasMore: false)),
            .groupAnswer(.invites([invite])),
            .group(
                GroupResult(
                    group: conversation, name: "n", seq: Seq(2), members: [], invite: invite, isPending: true)
            ),
            .mayAdd([.added, .already, .blocked, .notFound, .inviteNeeded]),
            .sent(
                SentResult(
                    messageID: MessageID(high: 1, low: 2), conversation: conversation, seq: Seq(1),
                    timestamp: Timestamp(2), duplicate: true)),
            .ok, .history(HistoryPage(messages: [record], hasMore: true, newest: Seq(9))),
            .history(
                HistoryPage(
                    messages: [record], hasMore: false, newest: Seq(9),
                    links: [ChainLink(contentHash: [1], previous: [2], value: [3])])),
            .caughtUp(
                CatchUpPage(messages: [record], statuses: [status], position: position, hasMore: false)),
            .history(cut), .caughtUp(cutPage),
            .group(GroupResult(group: conversation, name: "n", seq: Seq(2), members: [member])),
            .usersExist([true, false]),
            .opened(
                SessionOpened(
                    version: InboxVersion(2),
                    missed: [.init(conversation: conversation, position: .start, head: position)])),
            .unknownSessions([session]), .conversations(ConversationsPage(rows: [row], hasMore: true)),
            .presence([PresenceState(user: bob, online: false, lastSeen: Timestamp(3))]),
            .devices([DeviceLocation(device: phone, node: node), DeviceLocation(device: phone, node: nil)]),
            .refused(refusal), .messageChanged(update),
            .messageInfo(
                MessageInfo(
                    message: MessageID(high: 1, low: 1),
                    members: [
                        .init(
                            user: bob, deliveredAt: Timestamp(5), readAt: nil, leftAt: Timestamp(6))
                    ])),
        ] + accountResults.map { .account($0) } + answers.map { .privacy($0) }
    }

    private var frames: [PeerFrame] {
        let point = SnapshotPoint(
            index: LogIndex(5), term: Term(2),
            configuration: Configuration(voters: [Replica(node: node, id: ReplicaID(3))]))
        var item = FanoutItem(
            partition: PartitionID(3), conversation: conversation, kind: .direct, pair: [ann, bob], title: "",
            memberEpoch: 1, rev: Rev(4), headOrdinal: Ordinal(2), lastAt: Timestamp(5), preview: "p",
            targets: [.init(user: bob, markOrdinal: Ordinal(1), read: Seq(1), isMember: true, head: Seq(2))],
            messages: [record], statuses: [status])
        item.updates = [update]
        item.previewRev = Rev(9)
        item.targets[0].isHeadHidden = true
        var elsewhere = item
        elsewhere.partition = PartitionID(4)
        elsewhere.targets = []
        elsewhere.membersHead = Seq(3)
        var later = elsewhere
        later.rev = Rev(5)
        let members = MemberSnapshot(
            conversation: conversation, partition: PartitionID(4), epoch: 6,
            members: [.init(user: ann, joinedSeq: Seq(2)), .init(user: bob, joinedSeq: Seq(1))])
        let events: [SessionPush.Event] = [
            .message(record, rev: Rev(2)), .status(status), .advanced(conversation, head: position),
            .version(InboxVersion(4)), .close(code: 4_001, reason: "replaced"), .update(update),
            .settings(setRow),
            .privacyChanged,
            .presence(PresenceState(user: bob, online: true, lastSeen: Timestamp(3))),
            .typing(TypingRequest(conversation: conversation, user: ann, isTyping: false)),
        ]
        let pushes = events.map {
            SessionPush(addressees: [.init(session: 9, position: position)], event: $0)
        }
        return operations.map {
            .request(
                id: 7, place: StreamPlace(stream: 1 << 33, position: 4), partition: PartitionID(3), $0)
        }
            + results.map { .response(id: 8, .result($0)) }
            + [
                .response(id: 1, .notLeader(hint: node)), .response(id: 1, .interrupted(hint: nil)),
                .leading([LedGroup(group: GroupID(4), term: Term(9))]), .keepAlive, .accepted,
                .refused(.staleBoot), .proof([1, 2, 3]), .fanout([item]),
                .fanout([item, elsewhere, later, item]), .fanout([]), .memberSnapshots([members]),
                .memberQueries([MemberQuery(conversation: conversation, partition: PartitionID(4), epoch: 6)]
                ),
                .fanoutAcks([FanoutAck(partition: PartitionID(1), conversation: conversation, rev: Rev(2))]),
                .typing([
                    TypingItem(
                        partition: PartitionID(3),
                        event: TypingRequest(conversation: conversation, user: ann, isTyping: true),
                        targets: [bob])
                ]),
                .push(pushes), .control(id: 1, .metadata([1, 2])), .control(id: 2, .fullSync([])),
                .control(id: 3, .join(JoinRequest(node: node, name: "node4", zone: "a"))),
                .control(id: 4, .transfer(PartitionID(3), to: node)),
                .control(id: 5, .transfer(PartitionID(3), to: nil)),
                .controlAnswer(id: 3, .committed), .controlAnswer(id: 4, .refused("no")),
                .snapshot(
                    .begin(
                        transfer: 1, group: GroupID(2), from: ReplicaID(3), to: ReplicaID(4), term: Term(5),
                        point: point)),
                .snapshot(.chunk(transfer: 1, number: 2, pairs: [StatePair(key: [1], value: [])])),
                .snapshot(.end(transfer: 1, chunks: 3, digest: StateDigest(7))),
                .snapshot(.finished(transfer: 1, installed: true)),
            ]
    }

    private func body(_ frame: PeerFrame) -> ArraySlice<UInt8> {
        var writer = ByteWriter()
        frame.encode(into: &writer)
        return writer.bytes[4...]
    }

    @Test func everyFrameComesBackAsItWas() throws {
        for frame in frames { #expect(try PeerFrame(body: body(frame)) == frame) }
    }

    /// Two versions in one cluster understand each other: these bytes never change.
    @Test func theBytesOfEveryKindOfFrameAreTheOldOnes() {
        let hello = Hello(
            cluster: ClusterID(high: 1, low: 2), node: node, bootEpoch: 3, bootNonce: 4, expected: node,
            challenge: [5, 6])
        let last = LogPosition(index: LogIndex(8), term: Term(2))
        let entry = LogEntry(index: LogIndex(9), term: Term(5), payload: .command([7]))
        let messages: [RaftMessage.Body] = [
            .preVote(last: last), .preVoteResponse(isGranted: true), .vote(last: last, isTransfer: true),
            .voteResponse(isGranted: false), .append(previous: last, entries: [entry], commit: LogIndex(7)),
            .appendResponse(.matched(LogIndex(9))),
            .appendResponse(.rejected(previous: LogIndex(9), hint: last)), .timeoutNow,
        ]
        let raft = messages.map {
            RaftMessage(group: GroupID(2), from: ReplicaID(3), to: ReplicaID(4), term: Term(5), body: $0)
        }
        let mark = StateMark(index: LogIndex(256), digest: StateDigest(9))
        let beat = PairHeartbeat.Entry(
            group: GroupID(2), from: ReplicaID(3), to: ReplicaID(4), term: Term(5), commit: LogIndex(6),
            reportThrough: LogIndex(256), verdict: StateVerdict(mark: mark, isByMajority: true))
        let reject = PairHeartbeatAck.Reject(
            group: GroupID(2), from: ReplicaID(3), to: ReplicaID(4), term: Term(5))
        let answer = HelloAnswer(cluster: hello.cluster, node: node, proof: [1], challenge: [2])
        let all =
            frames + [
                .hello(hello), .helloAnswer(answer), .raft(raft),
                .heartbeat(PairHeartbeat(round: 1, walAgeMilliseconds: 2, entries: [beat])),
                .heartbeatAck(
                    PairHeartbeatAck(
                        round: 1, rejects: [reject],
                        reports: [.init(group: GroupID(2), to: ReplicaID(4), mark: mark)])),
            ]
        let bodies = all.map { Array(body($0)) }
        #expect(
            GoldenFile("peer-frames", of: "peer protocol", Int(PeerProtocol.current)).differences(
                "frame", bodies) == [])
        let sampled = Set(bodies.map { $0[0] })
        for kind in UInt8.min...UInt8.max where !sampled.contains(kind) {
            #expect(
                throws: DecodingFailure.unknown(field: "peer frame", value: UInt64(kind)),
                "kind \(kind) has no sample"
            ) { try PeerFrame(body: [kind]) }
        }
    }

    @Test func theLengthIsOfWhatFollows() {
        var writer = ByteWriter()
        PeerFrame.proof([7, 8]).encode(into: &writer)
        #expect(writer.bytes == [4, 0, 0, 0, 3, 2, 7, 8])
    }

    @Test func aCutFrameIsRefused() {
        for frame in frames where frame != .keepAlive && frame != .accepted {
            let whole = body(frame)
            for length in 0..<whole.count {
                #expect(throws: DecodingFailure.self) { try PeerFrame(body: whole.prefix(length)) }
            }
        }
    }

    @Test func randomAndDamagedBytesNeverCrash() {
        var generator = SeededGenerator(seed: 20_261_124)
        let whole = frames.map { Array(body($0)) }
        for round in 0..<20_000 {
            var bytes = whole[round % whole.count]
            for _ in 0..<(1 + Int(generator.next() % 4)) where !bytes.isEmpty {
                bytes[Int(generator.next() % UInt64(bytes.count))] = UInt8(
                    truncatingIfNeeded: generator.next())
            }
            _ = try? PeerFrame(body: bytes[...])
            let noise = (0..<Int(generator.next() % 64)).map { _ in
                UInt8(truncatingIfNeeded: generator.next())
            }
            _ = try? PeerFrame(body: noise[...])
        }
    }
}
