import Consensus
import Vocabulary
import Wire

/// The connections between devices and nodes: in order both ways, until they are cut.
extension Simulation {
    /// A device dials whoever serves on a host.
    func connect(_ number: Int, toHost host: Int) {
        guard let target = hosts[host], let node = serving(target) else {
            chat.devices[number].reconnectAt = now + 200_000
            return
        }
        chat.lastConnection += 1
        let id = chat.lastConnection
        chat.connections[id] = DeviceConnection(device: number, node: target, boot: node.boots)
        chat.devices[number].connection = id
        chat.devices[number].heardAt = now
        let withCursor = chat.devices[number].random.chance(percent: 70)
        let cursor = withCursor ? chat.devices[number].cursor : nil
        let delay = UInt64.random(in: 500...5_000, using: &chat.random)
        chat.connections[id]?.lastUp = now + delay
        note("device \(number) dials node \(target) as \(id)\(cursor == nil ? "" : " with a cursor")")
        schedule(.chat(.connect(id, cursor: cursor)), after: delay)
    }

    /// The node, when it takes connections: nobody notices that a process is only stopped.
    private func serving(_ number: Int) -> SimulatedNode? {
        let node = node(number)
        guard node.isUp, node.swim != nil, node.metadata.partitionCount > 0,
            [.up, .joining].contains(node.metadata.members[node.id]?.state)
        else { return nil }
        return node
    }

    func connected(_ id: UInt64, cursor text: String?) {
        guard let connection = chat.connections[id], !connection.isCut else { return }
        var cursor: SyncCursor?
        if let text {
            guard let parsed = try? CursorText.syncCursor(text) else {
                return chat.checker.fail("a cursor of the server's is refused: \(text)")
            }
            cursor = parsed
        }
        let viewer = chat.devices[connection.device].viewer
        onNode(connection.node, .chat(.connect(id, cursor: text)), boot: connection.boot) { node in
            step(node) { $0.connect(id, user: viewer.user, device: viewer.device, cursor: cursor) }
        }
    }

    /// Nothing passes any more; each end notices in its own time.
    func cut(_ id: UInt64) {
        guard let connection = chat.connections[id], !connection.isCut else { return }
        chat.connections[id]?.isCut = true
        schedule(
            .chat(.deviceSideClosed(id)), after: UInt64.random(in: 1_000...2_000_000, using: &chat.random))
        schedule(
            .chat(.nodeSideClosed(id, node: connection.node, boot: connection.boot)),
            after: UInt64.random(in: 1_000...8_000_000, using: &chat.random))
    }

    func send(_ frame: UpFrame, up id: UInt64) {
        guard let connection = chat.connections[id], !connection.isCut else { return }
        let arrival = max(connection.lastUp, now + UInt64.random(in: 200...3_000, using: &chat.random))
        chat.connections[id]?.lastUp = arrival
        schedule(.chat(.toNode(id, frame)), after: arrival - now)
    }

    func send(_ frame: DeviceBound, down id: UInt64) {
        guard let connection = chat.connections[id], !connection.isCut else { return }
        let arrival = max(connection.lastDown, now + UInt64.random(in: 200...3_000, using: &chat.random))
        chat.connections[id]?.lastDown = arrival
        schedule(.chat(.toDevice(id, frame)), after: arrival - now)
    }

    /// The device knows that its connection is gone.
    func deviceLost(_ id: UInt64) {
        guard let connection = chat.connections.removeValue(forKey: id) else { return }
        let number = connection.device
        guard chat.devices[number].connection == id else { return }
        let isLong = chat.devices[number].random.chance(percent: 15) && areFaultsOn
        let pause = UInt64.random(
            in: 10_000...(isLong ? 8_000_000 : 1_500_000), using: &chat.devices[number].random)
        note("device \(number) has lost \(id)")
        chat.devices[number].disconnected(at: now, pause: pause)
    }

    /// The device hangs up; the node hears of it when the bytes arrive.
    func hangUp(_ number: Int) {
        guard let id = chat.devices[number].connection, let connection = chat.connections[id] else { return }
        chat.connections[id]?.isCut = true
        let isClean = chat.devices[number].random.chance(percent: 60)
        schedule(
            .chat(.nodeSideClosed(id, node: connection.node, boot: connection.boot)),
            after: isClean ? 3_000 : UInt64.random(in: 10_000...9_000_000, using: &chat.random))
        deviceLost(id)
    }
}
