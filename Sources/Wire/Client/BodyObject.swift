import Vocabulary

/// A request body that is read as a tree: for routes that are seldom used and whose fields nest.
package struct BodyObject: Sendable {
    private let object: JSONObject
    /// The way to this object from the body, with a dot at its end; empty for the body itself.
    private let path: String

    /// Refuses what is not one JSON object.
    package init(_ bytes: [UInt8]) throws(Refusal) {
        let value: JSONValue
        do throws(JSONFailure) {
            value = try JSONReader.parse(bytes)
        } catch {
            throw Refusal(.invalidRequest, "not a JSON object: \(error.reason) at byte \(error.offset)")
        }
        guard case .object(let object) = value else { throw Refusal(.invalidRequest, "not a JSON object") }
        self.init(object, path: "")
    }

    private init(_ object: JSONObject, path: String) {
        self.object = object
        self.path = path
    }

    package func missing(_ name: String) -> Refusal {
        Refusal(
            .missingField, "\(path)\(name) is missing", details: [.init("field", .text(path + name))])
    }

    package func bad(_ name: String, _ reason: String) -> Refusal {
        Refusal(
            .invalidRequest, "\(path)\(name) \(reason)", details: [.init("field", .text(path + name))])
    }

    /// Whether the field is there, if only as null.
    package func has(_ name: String) -> Bool { object[name] != nil }

    /// `nil` when absent or null.
    private func value(_ name: String) -> JSONValue? {
        guard let value = object[name], value != .null else { return nil }
        return value
    }

    package func optionalText(_ name: String, bytesMax: Int) throws(Refusal) -> String? {
        guard let value = value(name) else { return nil }
        guard case .string(let text) = value else { throw bad(name, "must be a string") }
        guard text.utf8.count <= bytesMax else { throw bad(name, "has more than \(bytesMax) bytes") }
        return text
    }

    package func text(_ name: String, bytesMax: Int) throws(Refusal) -> String {
        guard let text = try optionalText(name, bytesMax: bytesMax) else { throw missing(name) }
        guard !text.isEmpty else { throw bad(name, "must not be empty") }
        return text
    }

    package func optionalBool(_ name: String) throws(Refusal) -> Bool? {
        guard let value = value(name) else { return nil }
        guard case .bool(let flag) = value else { throw bad(name, "must be true or false") }
        return flag
    }

    package func optionalInteger(_ name: String, in range: ClosedRange<Int64>) throws(Refusal) -> Int64? {
        guard let value = value(name) else { return nil }
        guard case .integer(let number) = value else { throw bad(name, "must be an integer") }
        guard range.contains(number) else { throw bad(name, "is out of range") }
        return number
    }

    package func optionalObject(_ name: String) throws(Refusal) -> BodyObject? {
        guard let value = value(name) else { return nil }
        guard case .object(let object) = value else { throw bad(name, "must be an object") }
        return BodyObject(object, path: path + name + ".")
    }

    package func object(_ name: String) throws(Refusal) -> BodyObject {
        guard let object = try optionalObject(name) else { throw missing(name) }
        return object
    }

    /// Empty when absent.
    package func objects(_ name: String, max: Int) throws(Refusal) -> [BodyObject] {
        guard let value = value(name) else { return [] }
        guard case .array(let elements) = value else { throw bad(name, "must be an array of objects") }
        guard elements.count <= max else {
            throw Refusal(
                .invalidRequest, "\(path)\(name) has more than \(max) elements",
                details: [.init("field", .text(path + name)), .init("max", .number(Int64(max)))])
        }
        var objects: [BodyObject] = []
        for (place, element) in elements.enumerated() {
            guard case .object(let object) = element else { throw bad(name, "must be an array of objects") }
            objects.append(BodyObject(object, path: "\(path)\(name).\(place)."))
        }
        return objects
    }
}
