import Chat
import Vocabulary
import Wire

/// What a client asks of a node.
enum ClientRequest {
    case send(SendCommand)
    /// The head of the ticket's conversation, linearizable.
    case readHead
}

enum ClientAnswer {
    case sent(Seq)
    case head(Seq)
    case refused
    /// With the host to ask, if it is known.
    case notLeader(Int?)
    /// Nothing is known: ask again with the same id.
    case interrupted
}

/// Names one attempt of one client's operation.
struct ClientTicket {
    var client: Int
    var attempt: Int
    var conversation: ConversationID
}

/// One client that proposes straight to the leaders of groups: one operation at a time, repeated under the same
/// id until it is answered. What users and their devices see is simulated elsewhere.
struct SimulatedClient {
    struct Operation {
        var conversation: ConversationID
        var request: ClientRequest
        /// The highest acknowledged seq when it began.
        var floor: Seq
    }

    let number: Int
    let user: UserID
    var random: SeededGenerator
    var operation: Operation?
    /// Counts attempts; answers to earlier ones are ignored.
    var attempt = 0
    /// The host that it asks.
    var target: Int?
    var sends = 0

    init(number: Int, random: SeededGenerator) {
        self.number = number
        user = SimulatedClient.user(number)
        self.random = random
    }

    static func user(_ number: Int) -> UserID { UserID(unchecked: "log\(number)") }

    /// The next thing to do: mostly a send, sometimes a read.
    mutating func begin(clients: Int, model: ConversationModel) {
        let peer = SimulatedClient.user(Int.random(in: 0..<max(1, clients), using: &random))
        let conversation = ConversationID.direct(between: user, and: peer)
        let floor = model.head(conversation)
        if random.chance(percent: 30) {
            operation = Operation(conversation: conversation, request: .readHead, floor: floor)
            return
        }
        sends += 1
        let length = Int.random(in: 1...200, using: &random)
        let request = SendRequest(
            sender: user, device: nil, clientMessageID: ClientMessageID(unchecked: "\(user)-\(sends)"),
            recipient: .user(peer), type: .text,
            content: "\(number):\(sends) " + String(repeating: "x", count: length), clientTimestamp: nil)
        let command = SendCommand(
            conversation: conversation, request: request, digest: request.payloadDigest, at: .zero)
        operation = Operation(conversation: conversation, request: .send(command), floor: floor)
    }
}
