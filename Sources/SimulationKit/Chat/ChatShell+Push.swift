import Chat
import Vocabulary
import Wire

/// A push job that is under way.
struct RunningPush {
    var job: PushJob
    let group: GroupID
    let term: Term
    /// What the leader had applied when it ordered the job, and its clock.
    let applied: LogIndex
    let at: Timestamp
    var through: Seq
    /// What is still to be told, device by device; of a clear nothing is shown.
    var left: [(device: PushJob.Device, shown: PlannedNotification?)] = []
    var endings: [DeviceID: (ending: PushJobResult.Ending, told: Seq)] = [:]
}

/// One notification on its way to the provider.
struct ProviderCall {
    let push: UInt64
    let job: PushJob
    let device: PushJob.Device
    let shown: PlannedNotification?
    /// Whose word it is.
    let leader: ChatChecker.PushLeader
    let applied: LogIndex
    let at: Timestamp
}

/// Carries push jobs out as `Node/PushService` does, one call to the provider after the other.
extension ChatShell {
    /// Messages of one conversation told in one job.
    private static let pushMessagesMax = 20

    func order(_ job: PushJob, _ group: GroupID) {
        guard let term = led[group]?.term else { return }
        lastPush += 1
        let id = lastPush
        pushes[id] = RunningPush(
            job: job, group: group, term: term, applied: host.applied(group), at: now.wall,
            through: job.through)
        if job.isClear {
            pushes[id]?.left = job.devices.map { ($0, nil) }
            return tellNext(id)
        }
        let query = HistoryQuery(
            conversation: job.key.conversation, user: job.key.user, bound: job.after, order: .ascending,
            limit: Self.pushMessagesMax)
        perform(.history(query), .push(id))
    }

    /// The messages of a job are read.
    func readForPush(_ id: UInt64, _ result: OperationResult) {
        guard let job = pushes[id]?.job else { return }
        var messages: [MessageRecord] = []
        switch result {
        case .history(let page):
            messages = page.messages
            pushes[id]?.through = job.through(page)
        case .refused(let refusal) where [.notMember, .notFound, .gone].contains(refusal.code): break
        default: return endAgain(id)
        }
        if let question = job.sightsToAsk(for: messages) {
            return perform(question, .pushSights(id, messages))
        }
        tell(messages, id)
    }

    func sawForPush(_ id: UInt64, _ messages: [MessageRecord], _ result: OperationResult) {
        guard pushes[id]?.job.take(result, for: messages) == true else { return endAgain(id) }
        tell(messages, id)
    }

    private func endAgain(_ id: UInt64) {
        for device in pushes[id]?.job.devices ?? [] {
            pushes[id]?.endings[device.id] = (.retry(afterMilliseconds: nil), .zero)
        }
        end(id)
    }

    private func tell(_ messages: [MessageRecord], _ id: UInt64) {
        guard let job = pushes[id]?.job else { return }
        for device in job.devices {
            pushes[id]?.endings[device.id] = (.done, .zero)
            for planned in job.notifications(for: device, of: messages) {
                pushes[id]?.left.append((device, planned))
            }
        }
        tellNext(id)
    }

    private func tellNext(_ id: UInt64) {
        guard let push = pushes[id] else { return }
        guard let next = push.left.first else { return end(id) }
        let leader = ChatChecker.PushLeader(node: node, boot: bootEpoch, term: push.term)
        toProvider.append(
            ProviderCall(
                push: id, job: push.job, device: next.device, shown: next.shown, leader: leader,
                applied: push.applied, at: push.at))
    }

    /// What the provider said to the call under way.
    func providerSaid(_ ending: PushJobResult.Ending, to id: UInt64) {
        guard let (device, shown) = pushes[id]?.left.first else { return }
        pushes[id]?.left.removeFirst()
        let before = pushes[id]?.endings[device.id]?.told ?? .zero
        let isDone = ending == .done
        pushes[id]?.endings[device.id] = (ending, isDone ? shown?.seq ?? .zero : before)
        // What comes after a failure is told in order, later.
        if !isDone { pushes[id]?.left.removeAll { $0.device.id == device.id } }
        tellNext(id)
    }

    private func end(_ id: UInt64) {
        guard let push = pushes.removeValue(forKey: id) else { return }
        guard led[push.group]?.term == push.term else { return }
        let result = PushJobResult(
            key: push.job.key, through: push.through, isClear: push.job.isClear,
            devices: push.job.devices.map { device in
                let (ending, told) = push.endings[device.id] ?? (.done, .zero)
                return PushJobResult.Device(
                    id: device.id, registeredAt: device.registration.registeredAt, ending: ending,
                    told: told)
            })
        perform(led[push.group]?.machines.users.pushed(result, now: now) ?? [], push.group)
    }
}
