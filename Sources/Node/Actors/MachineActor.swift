import Chat
import NIOCore
import Vocabulary

/// One active conversation, group or user on the leader of its partition: an actor with its machine. Executor: the
/// partition's loop, so that the shard calls it synchronously. It holds nothing that a new one would not read from
/// the replicated state or get from clients that ask again.
actor MachineActor<Machine: Sendable>: MachineCell {
    private let loop: any EventLoop
    /// Isolated all the same: whoever calls is checked to run on the loop. The closures that come in are of there and
    /// cannot be sent, so that `assumeIsolated` does not take them.
    nonisolated(unsafe) private var machine: Machine

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.executor.asUnownedSerialExecutor() }

    init(_ machine: Machine, loop: any EventLoop) {
        self.loop = loop
        self.machine = machine
    }

    nonisolated func change<Result: Sendable>(_ body: (inout Machine) -> Result) -> Result {
        preconditionIsolated()
        return body(&machine)
    }

    nonisolated func read<Result: Sendable>(_ body: (Machine) -> Result) -> Result {
        preconditionIsolated()
        return body(machine)
    }
}

/// The sends, changes and receipts in hand of one conversation.
typealias ConversationActor = MachineActor<ConversationMachine>
/// Changes of members in hand of one group, and its members for fan-out.
typealias GroupActor = MachineActor<GroupMachine>
/// Live sessions of one user's devices; after a change of leader rebuilt from the sessions that register again.
typealias UserActor = MachineActor<UserMachine>

/// Gives every machine of a partition an actor on the partition's loop.
struct ActorHome: MachineHome {
    let loop: any EventLoop

    func house(_ machine: ConversationMachine) -> ConversationActor { MachineActor(machine, loop: loop) }
    func house(_ machine: GroupMachine) -> GroupActor { MachineActor(machine, loop: loop) }
    func house(_ machine: UserMachine) -> UserActor { MachineActor(machine, loop: loop) }
}
