import MartletClient

/// The steps of the demo, told as they come true; the first that does not ends it.
struct DemoStory {
    let endpoints: [Endpoint]
    let admin: DemoAdmin
    let tokens: BenchToken
    let clusterTool: String?

    /// Seconds that the cluster may take to acknowledge a send after the leader was killed.
    private static let failoverSecondsMax = 5.0

    func tell() async throws {
        let cluster = try await admin.cluster()
        say("A cluster of \(cluster.members.count) nodes, epoch \(cluster.epoch):")
        for member in cluster.members {
            say("  node \(member.number)  \(member.state), gossip says \(member.gossip)  \(member.node_id)")
        }
        guard endpoints.count > 1 else { throw BenchFailure("the story needs two nodes") }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            let (alice, bob) = try await meet(&tasks)
            let conversation = try await chat(alice, bob)
            if let clusterTool {
                try await survive(alice, bob, conversation: conversation, tool: DemoTool(path: clusterTool))
            }
            alice.client.close()
            bob.client.close()
            tasks.cancelAll()
        }
        say("\nEverything came true.")
    }

    private func say(_ line: String) { print(line) }

    // MARK: Chapters

    /// Two users on different nodes; each goes on to another node when its own dies.
    private func meet(_ tasks: inout ThrowingTaskGroup<Void, any Error>) async throws -> (DemoUser, DemoUser)
    {
        let suffix = String(UInt32.random(in: .min ... .max), radix: 36)
        var users: [DemoUser] = []
        for (index, name) in ["alice", "bob"].enumerated() {
            let home = index == 0 ? 0 : endpoints.count - 1
            let order = endpoints[home...] + endpoints[..<home]
            let user = "\(name)-\(suffix)"
            let made = try await DemoUser.connect(
                name: user, to: Array(order), token: tokens.mint(user: user))
            tasks.addTask { await made.listen() }
            _ = try await made.wait("welcome") { if case .connected = $0 { true } else { false } }
            say("\(index == 0 ? "\n" : "")\(user) is connected to \(endpoints[home])")
            users.append(made)
        }
        return (users[0], users[1])
    }

    /// One message, its receipts, and presence. Returns the conversation.
    private func chat(_ alice: DemoUser, _ bob: DemoUser) async throws -> String {
        let text = "Hello from the other node"
        let (sent, took) = try await timed { try await alice.client.send(to: .user(bob.name), text: text) }
        say("\n\(alice.name) sends '\(text)'")
        say("  sent: seq \(sent.seq), on the disks of a majority after \(milliseconds(took))")
        let message = try await bob.message(text)
        say("  \(bob.name) has it: '\(message.content)', seq \(message.seq)")
        guard message.seq == sent.seq, message.messageID == sent.messageID else {
            throw BenchFailure("bob's message is not the one that was sent")
        }
        bob.client.markDelivered(message)
        try await alice.receipt(.delivered, by: bob.name, seq: sent.seq)
        say("  \(alice.name) sees: delivered")
        bob.client.markRead(message)
        try await alice.receipt(.read, by: bob.name, seq: sent.seq)
        say("  \(alice.name) sees: read")
        let bobName = bob.name
        alice.client.subscribePresence(of: [bobName])
        _ = try await alice.wait("presence of \(bobName)") { event in
            if case .presence(let presence) = event {
                presence.userID == bobName && presence.isOnline
            } else {
                false
            }
        }
        say("  \(alice.name) sees: \(bob.name) is online")
        return sent.conversationID
    }

    /// The leader of the conversation is killed; the next message must be acknowledged all the same.
    private func survive(_ alice: DemoUser, _ bob: DemoUser, conversation: String, tool: DemoTool)
        async throws
    {
        let location = try await admin.locate(conversationID: conversation)
        let members = try await admin.cluster().members
        guard let leader = members.first(where: { $0.node_id == location.leader }) else {
            throw BenchFailure("nobody leads partition \(location.partition)")
        }
        say(
            "\nNode \(leader.number) leads their conversation (partition \(location.partition)). Killing it with SIGKILL."
        )
        try await tool.run("kill", "\(leader.number)")
        do {
            try await goOn(alice, bob)
        } catch {
            // The cluster is left whole, also after a failure.
            try? await tool.run("start", "\(leader.number)")
            throw error
        }
        try await bringBack(leader.number, partition: location.partition, tool: tool)
        let text = "And we are all back"
        let sent = try await alice.client.send(to: .user(bob.name), text: text)
        _ = try await bob.message(text)
        say("  \(bob.name) has '\(text)', seq \(sent.seq): no place was lost or given twice")
        guard sent.seq == 3 else { throw BenchFailure("seq \(sent.seq) instead of 3") }
    }

    private func goOn(_ alice: DemoUser, _ bob: DemoUser) async throws {
        let text = "Still here?"
        let (sent, took) = try await within(seconds: 30, "the send after the kill") {
            try await timed { try await alice.client.send(to: .user(bob.name), text: text) }
        }
        say("  \(alice.name) sends '\(text)': acknowledged after \(milliseconds(took)), seq \(sent.seq)")
        guard seconds(took) <= Self.failoverSecondsMax else {
            throw BenchFailure("it took longer than \(Self.failoverSecondsMax) s")
        }
        guard sent.seq == 2 else { throw BenchFailure("seq \(sent.seq) instead of 2") }
        let message = try await bob.message(text)
        bob.client.markDelivered(message)
        try await alice.receipt(.delivered, by: bob.name, seq: sent.seq)
        say("  \(bob.name) has it, and \(alice.name) sees: delivered")
    }

    private func bringBack(_ number: Int, partition: Int, tool: DemoTool) async throws {
        say("\nStarting node \(number) again.")
        let (_, took) = try await timed {
            try await tool.run("start", "\(number)")
            try await within(seconds: 60, "node \(number) catches up") {
                try await caughtUp(number, partition)
            }
        }
        say("  it has caught up after \(milliseconds(took))")
    }

    /// Ready, and everything that the partition's leader has committed is applied there too.
    private func caughtUp(_ number: Int, _ partition: Int) async throws {
        while true {
            if await admin.isReady(node: number), try await isLevel(number, partition) { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }

    private func isLevel(_ number: Int, _ partition: Int) async throws -> Bool {
        guard let own = try? await admin.partition(partition, node: number) else { return false }
        let members = try await admin.cluster().members
        guard let leader = members.first(where: { $0.node_id == own.leader }),
            let truth = try? await admin.partition(partition, node: leader.number)
        else { return false }
        return own.applied >= truth.commit
    }
}

private func timed<Result: Sendable>(_ work: () async throws -> Result) async rethrows -> (Result, Duration) {
    let clock = ContinuousClock()
    let start = clock.now
    let result = try await work()
    return (result, clock.now - start)
}

private func seconds(_ duration: Duration) -> Double {
    Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
}

private func milliseconds(_ duration: Duration) -> String {
    BenchValue.decimal((seconds(duration) * 10_000).rounded() / 10) + " ms"
}
