import Vocabulary

/// A key of the end-to-end key directory: opaque text that this server never reads.
package struct Prekey: Hashable, Sendable {
    package var id: UInt32
    package var publicKey: String
    /// Only signed prekeys have one.
    package var signature: String?

    package init(id: UInt32, publicKey: String, signature: String? = nil) {
        self.id = id
        self.publicKey = publicKey
        self.signature = signature
    }
}

/// What a device uploads. Another identity key than before begins anew: all its earlier keys are gone.
package struct KeyUpload: Hashable, Sendable {
    /// `nil` in a top-up.
    package var identityKey: String?
    package var signedPrekey: Prekey?
    /// Ids at or below the highest that was ever taken are passed over, so that a repeated upload adds nothing.
    package var oneTimePrekeys: [Prekey]

    package init(identityKey: String?, signedPrekey: Prekey?, oneTimePrekeys: [Prekey]) {
        self.identityKey = identityKey
        self.signedPrekey = signedPrekey
        self.oneTimePrekeys = oneTimePrekeys
    }
}

/// What a fetch hands out of one device.
package struct DeviceKeyBundle: Hashable, Sendable {
    package var device: DeviceID
    package var identityKey: String
    package var signedPrekey: Prekey
    /// `nil` when none is left.
    package var oneTimePrekey: Prekey?

    package init(device: DeviceID, identityKey: String, signedPrekey: Prekey, oneTimePrekey: Prekey?) {
        self.device = device
        self.identityKey = identityKey
        self.signedPrekey = signedPrekey
        self.oneTimePrekey = oneTimePrekey
    }
}

/// What is left of a device's keys, for its owner.
package struct KeyStock: Hashable, Sendable {
    package var signedPrekeyID: UInt32
    package var oneTimePrekeys: Int
    /// The highest one-time id ever taken: uploads go on above it.
    package var highestID: UInt32?

    package init(signedPrekeyID: UInt32, oneTimePrekeys: Int, highestID: UInt32?) {
        self.signedPrekeyID = signedPrekeyID
        self.oneTimePrekeys = oneTimePrekeys
        self.highestID = highestID
    }
}

/// Names one fetch of keys, drawn by the node that took the request: its retry gets the same keys.
package struct KeyFetchID: Identity128 {
    package var raw: UInt128ID
    package init(raw: UInt128ID) { self.raw = raw }
}
