import GoldenKit
import Testing
import Vocabulary
import Wire

@testable import Chat

struct CommandCodecTests {
    private var all: [Command] {
        var full = request(ann, to: .group(club), "x", "text \u{1F980}")
        full.clientTimestamp = Timestamp(-5)
        full.replyTo = MessageID(conversation: club, seq: Seq(2))
        full.mentions = [bob, cat]
        full.expiresInMilliseconds = 86_400_000
        let row = InboxRow(
            conversation: annBob, kind: .direct, peer: bob, title: "", head: Seq(4), rev: Rev(9),
            lastAt: Timestamp(7), preview: "p", headOrdinal: Ordinal(4), markOrdinal: Ordinal(1),
            read: Seq(1),
            memberEpoch: 1, isMember: true, version: .zero)
        let ack = DeviceAck(
            user: ann, device: phone, conversation: annBob,
            position: ConversationPosition(seq: Seq(3), rev: Rev(8)))
        var settings = GroupSettingsEdit()
        settings.send = .admins
        settings.approveJoins = true
        settings.history = .last(20)
        return [
            send(ann, to: .user(bob), "1"),
            .sendMessage(SendCommand(conversation: club, request: full, digest: 77, at: Timestamp(5))),
            receipt(bob, annBob, delivered: 3, read: 2),
            change(ann, .create(name: "n", members: [bob])), change(ann, .add([cat])),
            change(ann, .remove(cat)),
            change(bob, .leave), change(ann, .rename("m")),
            change(ann, .setRole(bob, .admin)), change(ann, .close),
            change(ann, .edit(GroupEdit(description: "d", settings: settings))),
            change(
                ann,
                .create(GroupCreation(name: "n", description: "d", settings: settings, members: [bob]))),
            change(ann, .invite(InviteOffer(secret: secret(3), lastsMilliseconds: 9, usesMax: 2))),
            change(ann, .revokeInvites(secret(3))), change(ann, .revokeInvites(nil)),
            change(dan, .join(secret(3))), change(ann, .decide(dan, admits: true)),
            .fanoutProgress([FanoutMark(conversation: club, rev: Rev(3))]),
            .ensureUsers([ann, bob], at: Timestamp(1)),
            .registerDevice(RegisterDevice(user: ann, device: phone, devicesMax: 10, at: Timestamp(2))),
            .inboxBatch([InboxUpdate(user: ann, row: row)]),
            .deviceAcks(
                DeviceAckBatch(
                    at: Timestamp(3), acks: [ack],
                    versions: [DeviceVersion(user: ann, device: phone, version: InboxVersion(4))])),
            .lastSeen([LastSeenMark(user: ann, at: Timestamp(4))]),
            changing(1, by: ann, .edit("é")), changing(1, by: ann, .deleteForEveryone),
            changing(1, by: ann, .deleteForMe), changing(1, by: ann, .react("👍")),
            changing(1, by: ann, .unreact),
            .setDisappearing(
                DisappearingRequest(conversation: club, actor: ann, milliseconds: 86_400_000),
                at: Timestamp(8)),
            .expireMessages(
                ExpiryCommand(at: Timestamp(9), places: [.init(conversation: club, seq: Seq(3))])),
            .account(
                AccountCommand(
                    user: ann, change: .renameDevice(phone, name: "p"), at: Timestamp(6), token: 7)),
            .pushed([
                PushedMark(
                    user: ann, conversation: annBob, through: Seq(4), shown: Seq(3), isCleared: true)
            ]),
        ] + privacy
    }

    private var privacy: [Command] {
        var change = SettingsChange()
        change.lastSeen = .contacts
        change.online = .nobody
        change.groupAdd = .everyone
        change.readReceipts = false
        change.quietHours = .hours(QuietHours(startMinute: 1_320, endMinute: 0, timeZone: "Europe/Berlin"))
        var ended = SettingsChange()
        ended.quietHours = SettingsChange.Quiet.none
        return [
            .privacy(.change(ann, change)), .privacy(.change(ann, ended)),
            .privacy(.change(ann, SettingsChange())),
            .privacy(
                .block(BlockCommand(user: ann, peer: bob, isBlocked: true, blocksMax: 9, at: Timestamp(1)))),
            .privacy(
                .flagsDelivered([
                    FlagsMark(user: ann, conversation: annBob, version: 7),
                    FlagsMark(user: ann, conversation: nil, version: 8),
                ])),
            .memberFlags([
                MemberFlagsUpdate(
                    conversation: annBob, user: ann,
                    flags: MemberFlags(version: 300, isBlocking: true, hidesReads: true))
            ]),
            .account(
                AccountCommand(
                    user: ann,
                    change: .setPush(
                        phone,
                        PushRegistration(
                            target: .webpush(endpoint: "https://p", p256dh: [4], auth: [5]), content: .sender,
                            registeredAt: Timestamp(6))), at: Timestamp(6), token: 7)),
            .account(
                AccountCommand(
                    user: ann,
                    change: .uploadKeys(
                        phone,
                        KeyUpload(
                            identityKey: "aWQ",
                            signedPrekey: Prekey(id: 1, publicKey: "c3A", signature: "cw"),
                            oneTimePrekeys: [
                                Prekey(id: 1, publicKey: "b25l"), Prekey(id: 2, publicKey: "dHdv"),
                            ])),
                    at: Timestamp(6), token: 7)),
            .account(
                AccountCommand(
                    user: ann, change: .takeKeys(KeyFetchID(high: 1, low: 2)), at: Timestamp(6), token: 8)),
            .account(
                AccountCommand(
                    user: ann,
                    change: .settings(
                        club, RowSettingsChange(mute: .until(Timestamp(9)), pinned: true), pending: nil),
                    at: Timestamp(6), token: 9)),
            .eraseMember(
                EraseMemberCommand(
                    request: EraseMemberRequest(user: bob, conversation: club, from: Seq(1)),
                    at: Timestamp(7),
                    token: 10)),
            .account(AccountCommand(user: bob, change: .erase, at: Timestamp(7), token: 11)),
            .clear(ClearCommand(request: ClearRequest(conversation: club, user: bob, upTo: nil), token: 12)),
            .retention(RetentionCommand(before: Timestamp(9), conversations: [club, annBob], step: 32)),
        ]
    }

    @Test func everyCommandComesBackAsItWas() throws {
        #expect(try Command.decode(Command.encode(all)) == all)
        #expect(try Command.decode(Command.encode([])) == [])
    }

    /// What is in logs stays readable: these bytes never change.
    @Test func theBytesOfEveryCommandAreTheOldOnes() {
        let bytes = all.map { Command.encode([$0]) }
        #expect(
            GoldenFile("commands", of: "data format", DataFormat.current).differences("command", bytes) == [])
        let sampled = Set(bytes.map { $0[2] })
        for kind in UInt8.min...UInt8.max where !sampled.contains(kind) {
            #expect(
                throws: DecodingFailure.unknown(field: "command", value: UInt64(kind)),
                "kind \(kind) has no sample"
            ) { try Command.decode([1, 1, kind]) }
        }
    }

    /// The same for what is stored: the records that these commands leave.
    @Test func theBytesOfStoredRecordsAreTheOldOnes() throws {
        let store = TestStore()
        for command in all { try store.apply(command) }
        let records = store.content.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        #expect(
            GoldenFile("stored-records", of: "data format", DataFormat.current).differences(
                records.map {
                    (name: $0.key.map { String($0, radix: 16) }.joined(separator: "."), bytes: $0.value)
                })
                == [])
    }

    @Test func anUnknownKindHaltsInsteadOfBeingSkipped() {
        #expect(throws: DecodingFailure.unknown(field: "command", value: 200)) {
            try Command.decode([1, 1, 200])
        }
        #expect(throws: DecodingFailure.unknown(field: "bundle format", value: 9)) {
            try Command.decode([9, 0])
        }
    }

    @Test func brokenBytesNeverDecodeAndNeverTrap() {
        let bytes = Command.encode(all)
        for count in 0..<bytes.count {
            #expect(throws: DecodingFailure.self) { try Command.decode(Array(bytes.prefix(count))) }
        }
        #expect(throws: DecodingFailure.trailingBytes) { try Command.decode(bytes + [0]) }
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<2_000 {
            var broken = bytes
            broken[Int(generator.next() % UInt64(bytes.count))] = UInt8(truncatingIfNeeded: generator.next())
            _ = try? Command.decode(broken)
        }
    }

    @Test func aSendKeepsItsBytesOnDisk() {
        let bytes = Command.encode([
            receipt(bob, ConversationID(high: 1, low: 2), delivered: 3, read: 2, at: 1)
        ])
        #expect(
            bytes == [1, 1, 2, 2, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 3, 98, 111, 98, 3, 2])
    }
}
