import Chat
import Vocabulary
import Wire

extension ChatLedger {
    /// What notifications depend on, as it stood at every index of the log of the user's partition.
    struct Standing {
        struct Device: Hashable {
            var user: UserID
            var device: DeviceID
        }

        struct Position: Hashable {
            var device: Device
            var conversation: ConversationID
        }

        /// A value from an index on.
        private struct Course<Value: Equatable> {
            private var steps: [(from: LogIndex, value: Value)] = []

            mutating func note(_ value: Value, at index: LogIndex) {
                if steps.last?.value != value { steps.append((index, value)) }
            }
            func value(at index: LogIndex) -> Value? { steps.last { $0.from <= index }?.value }
            var latest: Value? { steps.last?.value }
            var values: [Value] { steps.map(\.value) }
        }

        private var mutes: [Rows.Key: Course<Int64?>] = [:]
        private var reads: [Rows.Key: Course<Seq>] = [:]
        private var positions: [Position: Course<Seq>] = [:]
        private var blocks: [Privacy.Block: Course<Bool>] = [:]
        private var erased: [UserID: LogIndex] = [:]
        private var quiet: [UserID: Course<Bool>] = [:]
        /// Where a device may be told, by the count of commands when it said so.
        private(set) var registrations: [Device: Int] = [:]

        mutating func committed(
            _ command: Command, _ outcome: CommandOutcome, at index: LogIndex, _ rows: Rows, _ count: Int
        ) {
            switch (command, outcome) {
            case (.inboxBatch(let updates), _):
                for update in updates { note(update.user, update.row.conversation, at: index, rows) }
            case (.account(let command), .account(let outcome)) where outcome.isErased:
                erased[command.user] = index
            case (.account(let command), .account(let outcome)):
                guard case .success = outcome.result else { return }
                switch command.change {
                case .settings(let id, _, _): note(command.user, id, at: index, rows)
                case .setPush(let device, _):
                    let device = Device(user: command.user, device: device)
                    registrations[device] = registrations[device] ?? count
                default: break
                }
            case (.deviceAcks(let batch), _):
                for ack in batch.acks {
                    let device = Device(user: ack.user, device: ack.device)
                    let position = Position(device: device, conversation: ack.conversation)
                    let before = positions[position]?.value(at: index) ?? .zero
                    positions[position, default: Course()].note(max(before, ack.position.seq), at: index)
                }
            case (.privacy(let command), .privacy(let outcome)):
                guard case .success = outcome.result else { return }
                switch command {
                case .block(let block):
                    let pair = Privacy.Block(user: block.user, peer: block.peer)
                    blocks[pair, default: Course()].note(block.isBlocked, at: index)
                case .change(let user, let change):
                    guard let hours = change.quietHours else { return }
                    quiet[user, default: Course()].note(hours != .none, at: index)
                case .flagsDelivered: break
                }
            default: break
            }
        }

        private mutating func note(_ user: UserID, _ id: ConversationID, at index: LogIndex, _ rows: Rows) {
            guard let row = rows[user, id] else { return }
            let key = Rows.Key(user: user, conversation: id)
            mutes[key, default: Course()].note(row.settings.mutedUntil, at: index)
            reads[key, default: Course()].note(row.read, at: index)
        }

        /// Why a leader that had applied `index` must not tell a device of a message; `nil` when it may.
        func forbids(
            _ message: Message, in id: ConversationID, device: Device, at index: LogIndex, _ time: Timestamp
        ) -> String? {
            let key = Rows.Key(user: device.user, conversation: id)
            if let end = erased[device.user], end <= index { return "is no more" }
            if registrations[device] == nil { return "is not registered" }
            if let read = reads[key]?.value(at: index), read >= message.seq {
                return "has read up to \(read)"
            }
            if let until = mutes[key]?.value(at: index) ?? nil, until > time.milliseconds {
                return "has muted it"
            }
            if quiet[device.user]?.value(at: index) == true { return "wants quiet" }
            let position = positions[Position(device: device, conversation: id)]?.value(at: index) ?? .zero
            if position >= message.seq { return "has acknowledged \(position)" }
            let block = Privacy.Block(user: device.user, peer: message.sender)
            // Asked about after the job was ordered: the block may have been lifted meanwhile.
            guard let course = blocks[block], course.value(at: index) == true, course.latest == true else {
                return nil
            }
            return "has blocked \(message.sender)"
        }

        /// Whether there was ever a reason not to tell a user of a message.
        func mayHaveForbidden(_ message: Message, in id: ConversationID, user: UserID) -> Bool {
            let key = Rows.Key(user: user, conversation: id)
            return erased[user] != nil || (mutes[key]?.values.contains { $0 != nil } ?? false)
                || (reads[key]?.values.contains { $0 >= message.seq } ?? false)
                || (quiet[user]?.values.contains(true) ?? false)
                || (blocks[Privacy.Block(user: user, peer: message.sender)]?.values.contains(true) ?? false)
                || (blocks[Privacy.Block(user: message.sender, peer: user)]?.values.contains(true) ?? false)
        }
    }
}
