import Chat
import NIOCore
import RocksStorage
import Vocabulary
import Wire

/// One active conversation, on the leader of its partition: the sends and receipts in hand. Executor: the
/// partition's loop, so that the shard calls it synchronously. It holds nothing that a new one would not read
/// from the replicated state or get from clients that ask again.
actor ConversationActor {
    typealias Reader = ChatReader<RocksStateStore.View>

    private let loop: any EventLoop
    private var machine: ConversationMachine

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(conversation: ConversationID, loop: any EventLoop, now: Tick) {
        self.loop = loop
        machine = ConversationMachine(conversation: conversation, now: now)
    }

    func send(
        _ token: UInt64, _ request: SendRequest, limits: Limits, now: Moment, reader: Reader
    ) -> [ChatDirective] {
        machine.send(token, request, limits: limits, now: now, reader: reader)
    }

    func applied(_ outcome: MessageOutcome) -> [ChatDirective] { machine.applied(outcome) }

    func refused(_ send: SendCommand, _ refusal: Refusal) -> [ChatDirective] {
        machine.refused(send, refusal)
    }

    func receipt(_ token: UInt64, user: UserID, status: ReceiptStatus, upTo seq: Seq, now: Moment) {
        machine.receipt(token, user: user, status: status, upTo: seq, now: now)
    }

    var hasReceipts: Bool { machine.hasReceipts }

    func takeReceipts(reader: Reader) -> (marks: [ReceiptMark], answers: [ChatDirective]) {
        machine.takeReceipts(reader: reader)
    }

    func applied(_ outcome: ReceiptOutcome) -> [ChatDirective] { machine.applied(outcome) }

    func refused(_ mark: ReceiptMark, _ refusal: Refusal) -> [ChatDirective] {
        machine.refused(mark, refusal)
    }

    func change(
        _ token: UInt64, _ request: MessageChangeRequest, limits: Limits, now: Moment
    ) -> [ChatDirective] {
        machine.change(token, request, limits: limits, now: now)
    }

    func applied(_ outcome: MessageChangeOutcome) -> [ChatDirective] { machine.applied(outcome) }

    func refused(_ change: MessageChangeCommand, _ refusal: Refusal) -> [ChatDirective] {
        machine.refused(change, refusal)
    }

    func setDisappearing(_ token: UInt64, _ request: DisappearingRequest, now: Moment) -> [ChatDirective] {
        machine.setDisappearing(token, request, now: now)
    }

    func applied(_ outcome: DisappearingOutcome) -> [ChatDirective] { machine.applied(outcome) }

    func refused(_ request: DisappearingRequest, _ refusal: Refusal) -> [ChatDirective] {
        machine.refused(request, refusal)
    }

    func abandon(_ refusal: Refusal) -> [ChatDirective] { machine.abandon(refusal) }

    func isIdle(now: Tick, after milliseconds: UInt64) -> Bool {
        machine.isIdle(now: now, after: milliseconds)
    }
}
