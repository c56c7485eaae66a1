import COpenSSL

/// HMAC-SHA256 (RFC 2104) by libcrypto: proof that a message comes from a holder of the key.
package enum HMACSHA256 {
    /// The 32-byte authentication code of `message` under `key`.
    package static func code(for message: [UInt8], key: [UInt8]) -> [UInt8] {
        var code = [UInt8](repeating: 0, count: SHA256.digestByteCount)
        var written: UInt32 = 0
        let made = HMAC(EVP_sha256(), key, Int32(key.count), message, message.count, &code, &written)
        require(made != nil && written == SHA256.digestByteCount, "make an HMAC-SHA256")
        return code
    }

    /// Whether `code` is the code of `message` under `key`; takes the same time wherever they differ.
    package static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
        guard code.count == SHA256.digestByteCount else { return false }
        return CRYPTO_memcmp(code, self.code(for: message, key: key), code.count) == 0
    }
}
