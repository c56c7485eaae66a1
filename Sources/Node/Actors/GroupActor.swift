import Chat
import NIOCore
import RocksStorage
import Vocabulary
import Wire

/// One active group, on the leader of its partition: changes of members in hand, and the members for fan-out.
/// Executor: the partition's loop.
actor GroupActor {
    typealias Reader = ChatReader<RocksStateStore.View>

    private let loop: any EventLoop
    private var machine: GroupMachine

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(group: ConversationID, limits: Limits, loop: any EventLoop, now: Tick) {
        self.loop = loop
        machine = GroupMachine(group: group, limits: limits, now: now)
    }

    func handle(_ token: UInt64, _ request: GroupRequest, now: Moment, reader: Reader) -> [ChatDirective] {
        machine.handle(token, request, missing: [], now: now, reader: reader)
    }

    func applied(_ outcome: GroupOutcome) -> [ChatDirective] { machine.applied(outcome) }

    func refused(_ command: GroupCommand, _ refusal: Refusal) -> [ChatDirective] {
        machine.refused(command, refusal)
    }

    func update(_ change: ConversationChange) { machine.update(change) }

    func roster(reader: Reader, partitionCount: Int, now: Tick) -> GroupRoster {
        machine.roster(reader: reader, partitionCount: partitionCount, now: now)
    }

    func abandon(_ refusal: Refusal) -> [ChatDirective] { machine.abandon(refusal) }

    func isIdle(now: Tick, after milliseconds: UInt64) -> Bool {
        machine.isIdle(now: now, after: milliseconds)
    }
}
