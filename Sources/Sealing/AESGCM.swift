import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) by libcrypto; the tag follows the ciphertext.
enum AESGCM {
    static func seal(
        _ plaintext: [UInt8], key: [UInt8], nonce: [UInt8], associated: [UInt8], tagByteCount: Int
    ) -> [UInt8] {
        let context = makeContext()
        defer { EVP_CIPHER_CTX_free(context) }
        var box = [UInt8](repeating: 0, count: plaintext.count + tagByteCount)
        var tag = [UInt8](repeating: 0, count: tagByteCount)
        var written: Int32 = 0
        var sealed = EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
        sealed = sealed && EVP_EncryptUpdate(context, nil, &written, associated, Int32(associated.count)) == 1
        sealed = sealed && EVP_EncryptUpdate(context, &box, &written, plaintext, Int32(plaintext.count)) == 1
        sealed = sealed && EVP_EncryptFinal_ex(context, nil, &written) == 1
        sealed = sealed && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(tagByteCount), &tag) == 1
        require(sealed, "seal with AES-256-GCM")
        box.replaceSubrange(plaintext.count..., with: tag)
        return box
    }

    /// `nil` when the tag does not fit.
    static func open(
        _ box: [UInt8], key: [UInt8], nonce: [UInt8], associated: [UInt8], tagByteCount: Int
    ) -> [UInt8]? {
        guard box.count >= tagByteCount else { return nil }
        let context = makeContext()
        defer { EVP_CIPHER_CTX_free(context) }
        let length = box.count - tagByteCount
        var tag = [UInt8](box[length...])
        // One byte more than needed, because an empty array has no address to write to.
        var plaintext = [UInt8](repeating: 0, count: length + 1)
        var written: Int32 = 0
        var begun = EVP_DecryptInit_ex(context, EVP_aes_256_gcm(), nil, key, nonce) == 1
        begun = begun && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, Int32(tagByteCount), &tag) == 1
        begun = begun && EVP_DecryptUpdate(context, nil, &written, associated, Int32(associated.count)) == 1
        begun = begun && EVP_DecryptUpdate(context, &plaintext, &written, box, Int32(length)) == 1
        require(begun, "open with AES-256-GCM")
        guard EVP_DecryptFinal_ex(context, nil, &written) == 1 else { return nil }
        plaintext.removeLast()
        return plaintext
    }

    private static func makeContext() -> OpaquePointer {
        guard let context = EVP_CIPHER_CTX_new() else {
            preconditionFailure("libcrypto could not allocate a cipher context")
        }
        return context
    }
}
