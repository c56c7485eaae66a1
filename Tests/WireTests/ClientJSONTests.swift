import Testing
import Vocabulary

@testable import Wire

@Suite struct ClientJSONTests {
    private func parse(_ text: String) -> JSONValue? { try? JSONReader.parse(Array(text.utf8)) }

    private func reason(_ bytes: [UInt8]) -> JSONFailure.Reason? {
        do throws(JSONFailure) {
            _ = try JSONReader.parse(bytes)
            return nil
        } catch {
            return error.reason
        }
    }

    @Test(arguments: [
        ("0", JSONValue.integer(0)), ("-0", .integer(0)), ("9223372036854775807", .integer(.max)),
        ("-9223372036854775808", .integer(.min)), ("9223372036854775808", .number(9_223_372_036_854_775_808)),
        ("1e3", .integer(1_000)), ("1.0", .integer(1)), ("1.5", .number(1.5)), ("-2.5E-1", .number(-0.25)),
    ])
    func numbersAreIntegersWhereTheyFit(text: String, value: JSONValue) {
        #expect(parse(text) == value)
    }

    @Test(arguments: [
        "01", "1.", ".5", "-", "+1", "1e", "1e+", "0x1", "NaN", "1e999", "tru", "nulll", "{", "[1,]",
        "{\"a\":1,}",
        "{\"a\" 1}", "{a:1}", "'a'", "[1 2]", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"", "\"\\udc00\"",
        "\"\\ud800\\u0041\"", "\"a\nb\"", "\"a", "\"\\", "", " ", "1 1", "[1]]", "\"\\u00g0\"",
    ])
    func refuses(text: String) {
        #expect(reason(Array(text.utf8)) != nil)
    }

    @Test func stringsDecodeEveryEscape() {
        #expect(parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\uD83D\uDE00""#) == .string("\"\\/\u{8}\u{c}\n\r\tAé😀"))
        #expect(parse("\"é😀\"") == .string("é😀"))
        #expect(reason([0x22, 0xFF, 0x22]) == .invalidUTF8)
        #expect(reason([0x22, 0xED, 0xA0, 0x80, 0x22]) == .invalidUTF8)
        #expect(reason([0x22, 0x01, 0x22]) == .controlCharacter)
    }

    @Test func ofDuplicatesTheLastCounts() {
        guard case .object(let object)? = parse(#"{"a":1,"b":2,"a":3}"#) else {
            Issue.record("no object")
            return
        }
        #expect(object["a"] == .integer(3))
    }

    @Test func depthIsBounded() {
        let deepest = String(repeating: "[", count: 32) + String(repeating: "]", count: 32)
        #expect(parse(deepest) != nil)
        #expect(reason(Array(("[" + deepest + "]").utf8)) == .tooDeep)
        // Also where values are skipped, and whatever the length.
        #expect(reason([UInt8](repeating: UInt8(ascii: "["), count: 500_000)) == .tooDeep)
        let hidden = Array((#"{"unknown":"# + "[" + deepest + "]}").utf8)
        #expect(throws: Refusal.self) { try ClientFields(hidden) }
        // Siblings are not nested.
        #expect(parse("[" + String(repeating: "[],", count: 100) + "[]]") != nil)
    }

    @Test func writesWhatItReads() {
        let text = #"{"a":[1,-2.5,true,false,null,"x\"\\\n\u0001é😀"],"b":{"c":{}},"d":[]}"#
        var json = JSONWriter()
        if let value = parse(text) { json.value(value) }
        #expect(String(decoding: json.bytes, as: UTF8.self) == text)
    }

    @Test func integersAreWrittenWhole() {
        var json = JSONWriter()
        json.beginArray()
        for value: Int64 in [0, 7, 10, 99, 100, -1, .max, .min] { json.integer(value) }
        json.integer(UInt64.max)
        json.endArray()
        let text = "[0,7,10,99,100,-1,9223372036854775807,-9223372036854775808,18446744073709551615]"
        #expect(String(decoding: json.bytes, as: UTF8.self) == text)
    }

    /// Random damage to a legal frame never traps, and what is still legal reads the same when written and read again.
    @Test func survivesDamage() {
        var random = SeededGenerator(seed: 41)
        let seed = Array(
            #"{"type":"send","ref":"r\u00e9\n","mentions":["a","b"],"timestamp":-1.5e3,"x":{"y":[null,true]}}"#
                .utf8)
        var survivors = 0
        for _ in 0..<20_000 {
            var bytes = seed
            for _ in 0..<Int.random(in: 1...3, using: &random) where !bytes.isEmpty {
                let place = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(bytes[Int.random(in: 0..<bytes.count, using: &random)], at: place)
                default: bytes = Array(bytes.prefix(max(1, place)))
                }
            }
            guard let value = try? JSONReader.parse(bytes) else { continue }
            survivors += 1
            var json = JSONWriter()
            json.value(value)
            #expect((try? JSONReader.parse(json.bytes)) == value)
        }
        #expect(survivors > 100)
    }
}
