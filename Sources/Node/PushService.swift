import Chat
import Foundation
import Logging
import NIOCore
import NodeConfig
import Observability
import Push
import Vocabulary
import Wire

/// Carries out push jobs for the partitions that this node leads: reads the messages, asks the providers, and hands
/// each result back to its partition. How many jobs there are at once is bounded by the machines that order them.
final class PushService: Sendable {
    private let senders: PushSenders
    private let dispatcher: NodeDispatcher
    private let loop: any EventLoop
    private let metrics: NodeMetrics
    private let logger: Logger
    private let jobs: AsyncStream<Order>.Continuation
    private let worker: Task<Void, Never>

    private typealias Order = (job: PushJob, answer: @Sendable (PushJobResult) -> Void)

    /// Messages of one conversation told in one job; what is beyond follows in the next.
    private static let messagesMax = 20

    init(
        senders: PushSenders, dispatcher: NodeDispatcher, loop: any EventLoop, metrics: NodeMetrics,
        logger: Logger
    ) {
        self.senders = senders
        self.dispatcher = dispatcher
        self.loop = loop
        self.metrics = metrics
        self.logger = logger
        let (orders, jobs) = AsyncStream<Order>.makeStream()
        self.jobs = jobs
        let runner = Runner(
            senders: senders, dispatcher: dispatcher, loop: loop, metrics: metrics, logger: logger)
        worker = Task {
            await withDiscardingTaskGroup { group in
                for await order in orders {
                    group.addTask { order.answer(await runner.run(order.job)) }
                }
            }
        }
    }

    func take(_ job: PushJob, answer: @escaping @Sendable (PushJobResult) -> Void) {
        jobs.yield((job, answer))
    }

    func send(_ notification: PushNotification, to target: PushTarget) async -> PushOutcome {
        await senders.send(notification, to: target)
    }

    func stop() async {
        jobs.finish()
        worker.cancel()
        await senders.shutdown()
    }

    private struct Runner: Sendable {
        let senders: PushSenders
        let dispatcher: NodeDispatcher
        let loop: any EventLoop
        let metrics: NodeMetrics
        let logger: Logger

        func run(_ job: PushJob) async -> PushJobResult {
            if job.isClear { return await clear(job) }
            var job = job
            guard let page = await messages(of: job) else { return again(job) }
            if let question = job.sightsToAsk(for: page.messages),
                !job.take(await ask(question), for: page.messages)
            {
                return again(job)
            }
            let through = job.through(page)
            var endings: [DeviceID: (PushJobResult.Ending, Seq)] = [:]
            for device in job.devices {
                let planned = job.notifications(for: device, of: page.messages)
                endings[device.id] = await send(planned, to: device, of: job)
            }
            return result(job, through: through) { endings[$0.id] ?? (.done, .zero) }
        }

        private func send(
            _ planned: [PlannedNotification], to device: PushJob.Device, of job: PushJob
        ) async -> (PushJobResult.Ending, Seq) {
            var told = Seq.zero
            for notification in planned {
                let push = PushNotification(
                    id: notification.id,
                    alert: notification.isSilent
                        ? nil : .init(title: notification.title, body: notification.body),
                    badge: job.badge, conversation: job.key.conversation, message: notification.message,
                    seq: notification.seq)
                switch await attempt(push, device) {
                case .done: told = notification.seq
                case let ending: return (ending, told)
                }
            }
            return (.done, told)
        }

        private func attempt(
            _ push: PushNotification, _ device: PushJob.Device
        ) async -> PushJobResult.Ending {
            let target = PushTarget(device.registration.target)
            let outcome = await senders.send(push, to: target)
            metrics.pushes.add("\(target.provider.rawValue) \(outcome.word)")
            switch outcome {
            case .delivered: return .done
            case .dead(let reason):
                log("a device's push registration has ended", target, reason)
                return .dead
            case .retry(_, let wait): return .retry(afterMilliseconds: wait)
            case .failed(let reason):
                // Trying again would fail again, and hold up what comes after.
                log("a push notification was refused", target, reason)
                return .done
            }
        }

        private func clear(_ job: PushJob) async -> PushJobResult {
            var endings: [DeviceID: PushJobResult.Ending] = [:]
            for device in job.devices {
                let message = MessageID(hash60: 0, seq: job.through)
                let push = PushNotification(
                    id: PushJob.id(device.id, of: job.key.user, message), alert: nil, badge: job.badge,
                    conversation: job.key.conversation, message: message, seq: job.through)
                endings[device.id] = await attempt(push, device)
            }
            return result(job, through: job.through) { (endings[$0.id] ?? .done, .zero) }
        }

        private func messages(of job: PushJob) async -> HistoryPage? {
            let query = HistoryQuery(
                conversation: job.key.conversation, user: job.key.user, bound: job.after, order: .ascending,
                limit: PushService.messagesMax)
            switch await ask(.history(query)) {
            case .history(let page): return page
            // Removed from the conversation: there is nothing it may be told.
            case .refused(let refusal) where [.notMember, .notFound, .gone].contains(refusal.code):
                return HistoryPage(messages: [], hasMore: false, newest: .zero)
            default: return nil
            }
        }

        private func ask(_ operation: Wire.Operation) async -> OperationResult {
            await withCheckedContinuation { continuation in
                dispatcher.perform(operation, on: loop) { continuation.resume(returning: $0) }
            }
        }

        private func again(_ job: PushJob) -> PushJobResult {
            result(job, through: job.through) { _ in (.retry(afterMilliseconds: nil), .zero) }
        }

        private func result(
            _ job: PushJob, through: Seq,
            _ ending: (PushJob.Device) -> (PushJobResult.Ending, Seq)
        ) -> PushJobResult {
            PushJobResult(
                key: job.key, through: through, isClear: job.isClear,
                devices: job.devices.map { device in
                    let (ending, told) = ending(device)
                    return PushJobResult.Device(
                        id: device.id, registeredAt: device.registration.registeredAt, ending: ending,
                        told: told)
                })
        }

        private func log(_ text: Logger.Message, _ target: PushTarget, _ reason: String) {
            logger.notice(
                text, metadata: ["push.provider": "\(target.provider.rawValue)", "error": "\(reason)"])
        }
    }
}

extension PushTarget {
    init(_ target: PushRegistration.Target) {
        switch target {
        case .apns(let token, let topic, let isSandbox):
            self = .apns(token: token, topic: topic, isSandbox: isSandbox)
        case .fcm(let token): self = .fcm(token: token)
        case .webpush(let endpoint, let p256dh, let auth):
            self = .webPush(
                endpoint: endpoint, p256dh: Base64URLText.encode(p256dh), auth: Base64URLText.encode(auth))
        case .webhook(let url, let secret): self = .webhook(url: url, secret: secret)
        }
    }
}

extension PushSettings {
    /// What the configuration and its files say; `nil` when no provider is set up.
    init?(_ section: PushSection, _ secrets: PushSecrets) {
        guard section.isEnabled else { return nil }
        self.init(
            trustedCertificates: secrets.trustedCertificates, lifetimeSeconds: section.lifetimeSeconds)
        if let given = section.apns, let key = secrets.apnsKey {
            var settings = APNs(key: key, keyID: given.keyID, teamID: given.teamID, topic: given.topic)
            if let url = given.url { settings.url = url }
            if let url = given.sandboxURL { settings.sandboxURL = url }
            apns = settings
        }
        if let given = section.fcm, let account = secrets.fcmAccount {
            var settings = FCM(serviceAccount: account)
            if let url = given.url { settings.url = url }
            fcm = settings
        }
        if let given = section.webPush, let key = secrets.webPushKey {
            webPush = WebPush(key: key, subject: given.subject, hosts: given.hosts ?? WebPush.knownHosts)
        }
        if let given = section.webhook, let secret = secrets.webhookSecret {
            webhook = Webhook(hosts: given.hosts, secret: secret)
        }
    }
}

extension PushMachine.Rules {
    init(_ section: PushSection) {
        self.init(
            isEnabled: section.isEnabled, graceMilliseconds: section.graceMilliseconds,
            lifetimeMilliseconds: UInt64(section.lifetimeSeconds) * 1_000)
    }
}
