import ArgumentParser
import Foundation
import NodeConfig

struct PushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "push", abstract: "Try push notifications out.", subcommands: [TestPush.self])
}

struct TestPush: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "test",
        abstract:
            "Send a test notification to a user's devices, through the providers that the node has set up.",
        discussion: """
            Shows what each provider answered. Exits with 1 unless every device was delivered to. The \
            notification has "type" "test" and no badge; nothing is stored, and a registration that has ended \
            stays.
            """)

    @OptionGroup var options: AdminOptions

    @Argument(help: "The user's id.")
    var user: String

    @Option(help: "One device only (default: all that are registered for push).")
    var device: String?

    struct Answer: Decodable {
        struct Device: Decodable {
            var device_id: String
            var provider: String
            var result: String
            var reason: String?
        }
        var devices: [Device]
    }

    func run() async throws {
        var query = URLComponents()
        query.queryItems =
            [URLQueryItem(name: "user_id", value: user)]
            + (device.map { [URLQueryItem(name: "device_id", value: $0)] } ?? [])
        let text = try await options.post("/push/test?\(query.percentEncodedQuery ?? "")")
        let answer = try JSONDecoder().decode(Answer.self, from: Data(text.utf8))
        if options.json {
            print(text)
        } else {
            var table = TextTable(["device", "provider", "result", "reason"])
            for device in answer.devices {
                table.add([device.device_id, device.provider, device.result, device.reason ?? "-"])
            }
            print(table.text)
        }
        let failed = answer.devices.filter { $0.result != "delivered" }
        guard failed.isEmpty else {
            throw CommandFailure(.failed, "\(failed.count) of \(answer.devices.count) were not delivered to")
        }
    }
}
