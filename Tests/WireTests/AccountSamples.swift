import Vocabulary

@testable import Wire

private let ann = UserID(unchecked: "ann")
private let phone = DeviceID(unchecked: "phone")
private let conversation = ConversationID(high: 0x1122_3344_5566_8788, low: 0x99AA_BBCC_DDEE_FF00)
private let signed = Prekey(id: 7, publicKey: "c2lnbmVk", signature: "c2ln")

/// A row with every setting set.
let setRow: InboxRow = {
    var row = InboxRow(
        conversation: conversation, kind: .direct, peer: ann, title: "", head: Seq(4), rev: Rev(5),
        lastAt: Timestamp(6), preview: "p", headOrdinal: Ordinal(3), markOrdinal: Ordinal(1), read: Seq(2),
        memberEpoch: 7, isMember: true, version: InboxVersion(8))
    row.settings.mutedUntil = Timestamp(1_900_000_000_000)
    row.settings.isPinned = true
    row.settings.isArchived = true
    row.settings.isMarkedUnread = true
    row.settings.version = InboxVersion(8)
    return row
}()

/// Rows that are not committed have no version.
private let pendingRow: InboxRow = {
    var row = setRow
    row.version = .zero
    row.previewRev = Rev(5)
    return row
}()

private let registrations: [PushRegistration] = [
    .init(
        target: .apns(token: "ab", topic: "org.x", isSandbox: true), content: .full,
        registeredAt: Timestamp(1)),
    .init(target: .fcm(token: "t:1"), content: .sender, registeredAt: Timestamp(2)),
    .init(
        target: .webpush(endpoint: "https://push.example/1", p256dh: [4, 5], auth: [6]), content: .silent,
        registeredAt: Timestamp(3)),
    .init(
        target: .webhook(url: "https://hook.example", secret: nil), content: .full, registeredAt: Timestamp(4)
    ),
]

let accountChanges: [AccountChange] =
    [
        .renameDevice(phone, name: "Ann's 📱"), .revokeDevice(phone),
        .removePush(phone, registeredUpTo: Timestamp(3)), .removePush(phone, registeredUpTo: nil),
        .uploadKeys(
            phone,
            KeyUpload(
                identityKey: "aWQ", signedPrekey: signed, oneTimePrekeys: [Prekey(id: 1, publicKey: "b25l")])),
        .uploadKeys(phone, KeyUpload(identityKey: nil, signedPrekey: nil, oneTimePrekeys: [])),
        .takeKeys(KeyFetchID(high: 3, low: 4)), .erase, .forgotten(conversation),
        .settings(
            conversation,
            RowSettingsChange(mute: .until(Timestamp(9)), pinned: true, archived: false, markedUnread: true),
            pending: pendingRow),
        .settings(conversation, RowSettingsChange(mute: .off), pending: nil),
    ] + registrations.map { .setPush(phone, $0) }

let accountRequests: [AccountRequest] =
    accountChanges.map { AccountRequest(user: ann, ask: .change($0)) }
    + [
        AccountRequest(user: ann, ask: .devices),
        AccountRequest(user: ann, ask: .deviceToken(phone, issued: Timestamp(7))),
        AccountRequest(user: ann, ask: .keyStock(phone)),
        AccountRequest(user: ann, ask: .compareDevices([phone])),
        AccountRequest(user: ann, ask: .row(conversation)),
        AccountRequest(user: ann, ask: .rows(after: conversation, limit: 5)),
    ]

let accountResults: [AccountResult] = [
    .done,
    .devices([
        DeviceState(
            device: phone, name: "n", createdAt: Timestamp(1), usedAt: Timestamp(2),
            node: NodeID(high: 1, low: 2), push: registrations[2], oneTimePrekeys: 3)
    ]),
    .keyStock(KeyStock(signedPrekeyID: 7, oneTimePrekeys: 2, highestID: nil)),
    .keys([
        DeviceKeyBundle(
            device: phone, identityKey: "aWQ", signedPrekey: signed,
            oneTimePrekey: Prekey(id: 1, publicKey: "b25l"))
    ]),
    .deviceDifference(missing: [phone], extra: []),
    .rows(ConversationsPage(rows: [setRow], hasMore: true)), .row(setRow),
    .erased(next: Seq(65)), .erased(next: nil),
]
