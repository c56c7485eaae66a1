import COpenSSL

/// SHA-256 (FIPS 180-4) by libcrypto: whole arrays with `hash`, pieces with `update` and `finish`.
///
/// Used for hash chains, state hashes and derived ids. A digest has 32 bytes.
package struct SHA256: ~Copyable {
    /// Bytes of a digest.
    package static let digestByteCount = 32

    private let context: OpaquePointer

    /// A hash of nothing yet.
    package init() {
        guard let context = EVP_MD_CTX_new() else {
            preconditionFailure("libcrypto could not allocate a digest context")
        }
        self.context = context
        require(EVP_DigestInit_ex2(context, FetchedDigest.sha256.pointer, nil) == 1, "begin a SHA-256")
    }

    deinit { EVP_MD_CTX_free(context) }

    /// Appends `bytes` to what is hashed.
    package mutating func update(_ bytes: some Collection<UInt8>) {
        let whole: Void? = bytes.withContiguousStorageIfAvailable { update(buffer: $0) }
        if whole == nil { [UInt8](bytes).withUnsafeBufferPointer { update(buffer: $0) } }
    }

    /// The digest of everything appended; the hash is used up.
    package consuming func finish() -> [UInt8] {
        var digest = [UInt8](repeating: 0, count: SHA256.digestByteCount)
        require(EVP_DigestFinal_ex(context, &digest, nil) == 1, "finish a SHA-256")
        return digest
    }

    /// The 32-byte digest of `bytes`.
    package static func hash(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }

    private func update(buffer: UnsafeBufferPointer<UInt8>) {
        require(EVP_DigestUpdate(context, buffer.baseAddress, buffer.count) == 1, "extend a SHA-256")
    }
}

/// An algorithm looked up once: libcrypto 3 otherwise searches its providers at every use, which costs more
/// than hashing a short message. Fetched algorithms never change and may be used by any thread.
private struct FetchedDigest: @unchecked Sendable {
    let pointer: OpaquePointer

    static let sha256: FetchedDigest = {
        guard let pointer = EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("libcrypto has no SHA-256")
        }
        return FetchedDigest(pointer: pointer)
    }()
}

/// Stops the process when libcrypto refuses a call that cannot fail but for want of memory.
func require(_ succeeded: Bool, _ what: StaticString) {
    precondition(succeeded, "libcrypto could not \(what)")
}
