/// Where the machines of a led partition live: side by side in memory, or each in an actor of its own on the
/// partition's loop. The partition is the same code in both.
package protocol MachineHome: Sendable {
    associatedtype Conversation: MachineCell<ConversationMachine>
    associatedtype Group: MachineCell<GroupMachine>
    associatedtype User: MachineCell<UserMachine>

    func house(_ machine: ConversationMachine) -> Conversation
    func house(_ machine: GroupMachine) -> Group
    func house(_ machine: UserMachine) -> User
}

/// One machine at its place. Whoever calls is where it runs, so that nothing waits.
package protocol MachineCell<Machine>: Sendable {
    associatedtype Machine: Sendable

    mutating func change<Result: Sendable>(_ body: (inout Machine) -> Result) -> Result
    func read<Result: Sendable>(_ body: (Machine) -> Result) -> Result
}

/// Machines side by side.
package struct MachinesInPlace: MachineHome {
    package struct Cell<Machine: Sendable>: MachineCell {
        private var machine: Machine

        init(_ machine: Machine) { self.machine = machine }

        package mutating func change<Result: Sendable>(_ body: (inout Machine) -> Result) -> Result {
            body(&machine)
        }

        package func read<Result: Sendable>(_ body: (Machine) -> Result) -> Result { body(machine) }
    }

    package init() {}

    package func house(_ machine: ConversationMachine) -> Cell<ConversationMachine> { Cell(machine) }
    package func house(_ machine: GroupMachine) -> Cell<GroupMachine> { Cell(machine) }
    package func house(_ machine: UserMachine) -> Cell<UserMachine> { Cell(machine) }
}
