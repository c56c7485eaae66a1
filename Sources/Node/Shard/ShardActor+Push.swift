import Chat
import PeerTransport
import Vocabulary
import Wire

/// Waking devices: the machine of each led partition decides, the node's push service carries out.
extension ShardActor {
    /// What the push outboxes of a led partition have that is due.
    func takePushes(_ leading: LeadingPartition, now: Moment) {
        guard !leading.push.isIdle else { return }
        let directives = leading.push.take(
            now: now, reader: reader(leading.group), pending: { leading.inbox.rows(of: $0) },
            positions: { self.positions(of: $0, in: leading) },
            isQuiet: { user in self.isQuiet(user, at: now.wall, in: leading) })
        perform(directives, in: leading)
    }

    /// Whether the user's quiet hours are on.
    private func isQuiet(_ user: UserID, at time: Timestamp, in leading: LeadingPartition) -> Bool {
        reader(leading.group).settings(of: user).quietHours?.isOn(at: time) ?? false
    }

    func order(_ job: PushJob, in leading: LeadingPartition) {
        let group = leading.group
        let term = leading.term
        let shard = ports.shard(of: group)
        ports.push(job) { result in shard.post(.pushed(result, group, term)) }
    }

    /// The result of a job, when this is still the leadership that ordered it.
    func pushed(_ result: PushJobResult, group: GroupID, term: Term) {
        guard let leading = groups[group]?.leading, leading.term == term else { return }
        perform(leading.push.finished(result, now: moment()), in: leading)
    }
}
