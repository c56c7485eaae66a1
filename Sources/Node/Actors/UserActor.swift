import Chat
import NIOCore
import RocksStorage
import Vocabulary
import Wire

/// One active user, on the leader of its partition: live sessions of its devices, and whether it is online.
/// Executor: the partition's loop. After a change of leader it is rebuilt from the sessions that register again.
actor UserActor {
    typealias Reader = ChatReader<RocksStateStore.View>
    /// Where a device stands in a conversation, committed or about to be.
    typealias Positions = @Sendable (DeviceID, ConversationID) -> ConversationPosition

    private let loop: any EventLoop
    private var machine: UserMachine

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(user: UserID, limits: Limits, loop: any EventLoop) {
        self.loop = loop
        machine = UserMachine(user: user, limits: limits)
    }

    var sessionCount: Int { machine.sessionCount }
    var isIdle: Bool { machine.isIdle }

    func open(
        _ token: UInt64, _ request: OpenSession, now: Moment, reader: Reader, pending: [InboxRow],
        positions: Positions
    ) -> [ChatDirective] {
        machine.open(token, request, now: now, reader: reader, pending: pending, positions: positions)
    }

    func deviceRegistered(
        _ device: DeviceID, evicted: [DeviceID], now: Moment, reader: Reader, pending: [InboxRow],
        positions: Positions
    ) -> [ChatDirective] {
        machine.deviceRegistered(
            device, evicted: evicted, now: now, reader: reader, pending: pending, positions: positions)
    }

    func refused(_ device: DeviceID, _ refusal: Refusal) -> [ChatDirective] {
        machine.refused(device, refusal)
    }

    func close(_ session: SessionKey, now: Moment) -> [ChatDirective] { machine.close(session, now: now) }

    func refresh(_ refresh: SessionRefresh, now: Moment) -> (isKnown: Bool, directives: [ChatDirective]) {
        let (isKnown, directives) = machine.refresh(refresh, now: now)
        return (isKnown, directives)
    }

    func devices(known: [DeviceID]) -> [DeviceLocation] { machine.devices(known: known) }

    func lost(_ node: NodeID, now: Moment) -> [ChatDirective] { machine.lost(node, now: now) }

    func expire(now: Moment) -> [ChatDirective] { machine.expire(now: now) }

    func receive(
        _ item: FanoutItem, _ target: FanoutItem.Target, before: @Sendable () -> InboxRow?,
        positions: Positions
    ) -> [LivePush] {
        machine.receive(item, target, before: before, positions: positions)
    }

    func committed(_ outcome: InboxOutcome) -> [LivePush] { machine.committed(outcome) }

    func applied(_ outcome: AccountOutcome, now: Moment) -> [ChatDirective] {
        machine.applied(outcome, now: now)
    }

    func connected(_ devices: [DeviceState], now: Timestamp) -> [DeviceState] {
        machine.connected(devices, now: now)
    }

    func tell(_ event: SessionPush.Event) -> [LivePush] { machine.tell(event) }

    func typing(_ request: TypingRequest) -> [LivePush] { machine.typing(request) }

    func presence(lastSeen: Timestamp?) -> PresenceState { machine.presence(lastSeen: lastSeen) }
}
