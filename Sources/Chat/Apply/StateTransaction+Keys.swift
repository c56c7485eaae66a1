import Vocabulary
import Wire

/// The key directory: a one-time key leaves it in the same entry that hands it out, so no two fetches, whatever
/// leader serves them, get the same.
extension StateTransaction {
    mutating func upload(
        _ upload: KeyUpload, _ device: DeviceID, of user: UserID
    ) -> Result<AccountResult, Refusal> {
        guard self.user(user)?.device(device) != nil else { return .failure(.noSuchDevice) }
        var stored = deviceKeys(user, device)
        let isNew = upload.identityKey.map { $0 != stored?.identityKey } ?? (stored == nil)
        if isNew {
            guard let identityKey = upload.identityKey else { return .failure(.missing("identity_key")) }
            guard let signedPrekey = upload.signedPrekey else { return .failure(.missing("signed_prekey")) }
            stored = DeviceKeysRecord(identityKey: identityKey, signedPrekey: signedPrekey)
        }
        guard var record = stored else { return .failure(.missing("identity_key")) }
        let fresh = upload.oneTimePrekeys.filter { key in record.highestID.map { key.id > $0 } ?? true }
        guard record.oneTimePrekeys + fresh.count <= ChatRules.oneTimePrekeysMax else {
            return .failure(.tooManyPrekeys)
        }
        if isNew { for pair in pairs(in: Tables.oneTimePrekeys(user, device)) { remove(pair.key) } }
        if let signedPrekey = upload.signedPrekey { record.signedPrekey = signedPrekey }
        var ids: Set<UInt32> = []
        for key in fresh where ids.insert(key.id).inserted {
            set(Tables.oneTimePrekey(user, device, key.id), Array(key.publicKey.utf8))
            record.oneTimePrekeys += 1
            record.highestID = max(record.highestID ?? 0, key.id)
        }
        set(Tables.deviceKeys(user, device), record.bytes)
        return .success(.keyStock(record.stock))
    }

    /// One bundle per device with keys, in the order the devices registered. A fetch that is repeated gets what
    /// it got.
    mutating func takeKeys(_ id: KeyFetchID, _ command: AccountCommand) -> [DeviceKeyBundle] {
        if let earlier = keyFetch(command.user, id) { return earlier.bundles }
        let devices = user(command.user)?.devices ?? []
        let bundles = devices.compactMap { takeKeys(of: $0.id, command.user) }
        forgetKeyFetches(command)
        if bundles.contains(where: { $0.oneTimePrekey != nil }) {
            let fetch = KeyFetchRecord(at: command.at, bundles: bundles)
            set(Tables.keyFetch(command.user, id), fetch.bytes)
        }
        return bundles
    }

    private mutating func takeKeys(of device: DeviceID, _ user: UserID) -> DeviceKeyBundle? {
        guard var record = deviceKeys(user, device) else { return nil }
        var bundle = DeviceKeyBundle(
            device: device, identityKey: record.identityKey, signedPrekey: record.signedPrekey,
            oneTimePrekey: nil)
        if let first = pairs(in: Tables.oneTimePrekeys(user, device), limit: 1).first,
            let id = Tables.prekeyID(atEndOf: first.key)
        {
            bundle.oneTimePrekey = Prekey(id: id, publicKey: String(decoding: first.value, as: UTF8.self))
            remove(first.key)
            record.oneTimePrekeys -= 1
            set(Tables.deviceKeys(user, device), record.bytes)
        }
        return bundle
    }

    /// Retries come within seconds; the newest stay in any case, up to a bound.
    private mutating func forgetKeyFetches(_ command: AccountCommand) {
        var kept: [(at: Timestamp, key: [UInt8])] = []
        for pair in pairs(in: Tables.keyFetches(command.user)) {
            let fetch = decoded(pair) { (bytes) throws(DecodingFailure) in try KeyFetchRecord(bytes) }
            let age = command.at.milliseconds - fetch.at.milliseconds
            if age > ChatRules.keyFetchMilliseconds {
                remove(pair.key)
            } else {
                kept.append((fetch.at, pair.key))
            }
        }
        guard kept.count >= ChatRules.keyFetchesMax else { return }
        kept.sort { $0.at == $1.at ? $0.key.lexicographicallyPrecedes($1.key) : $0.at < $1.at }
        for entry in kept.prefix(kept.count - ChatRules.keyFetchesMax + 1) { remove(entry.key) }
    }
}
