import Vocabulary
import Wire

extension PrivacyRequest {
    /// The user whose partition is asked.
    var user: UserID {
        switch self {
        case .settings(let user), .change(let user, _), .block(let user, _, _), .blocks(let user, _, _): user
        case .sights(let viewer, _): viewer
        }
    }

    /// Whether it writes.
    package var isChange: Bool {
        switch self {
        case .change, .block: true
        default: false
        }
    }
}

extension Operation {
    /// The partition whose leader carries this operation out. Operations on several users name users of one
    /// partition only; the router splits what does not.
    package func partition(count: Int) -> PartitionID {
        switch self {
        case .send(let request): .of(.conversation(of: request.sender, with: request.recipient), count: count)
        case .receipt(let request):
            switch request.target {
            case .upTo(let conversation, _): .of(conversation, count: count)
            case .message(let message): .of(message, count: count)
            }
        case .history(let query): .of(query.conversation, count: count)
        case .catchUp(let query): .of(query.conversation, count: count)
        case .group(let request): .of(request.group, count: count)
        case .ensureUser(let user): .of(user, count: count)
        case .usersExist(let users): users.first.map { .of($0, count: count) } ?? PartitionID(0)
        case .openSession(let request): .of(request.user, count: count)
        case .closeSession(let user, _): .of(user, count: count)
        case .refreshSessions(let sessions):
            sessions.first.map { .of($0.user, count: count) } ?? PartitionID(0)
        case .deviceAcks(let acks): acks.first.map { .of($0.user, count: count) } ?? PartitionID(0)
        case .conversations(let query): .of(query.user, count: count)
        case .devices(let user): .of(user, count: count)
        case .account(let request): .of(request.user, count: count)
        case .eraseMember(let request): .of(request.conversation, count: count)
        case .clear(let request): .of(request.conversation, count: count)
        case .presence(_, let users): users.first.map { .of($0, count: count) } ?? PartitionID(0)
        case .changeMessage(let request): .of(request.message, count: count)
        case .messageInfo(let query): .of(query.message, count: count)
        case .groupQuery(let query): .of(query.group, count: count)
        case .mayAdd(_, let users): users.first.map { .of($0, count: count) } ?? PartitionID(0)
        case .setDisappearing(let request): .of(request.conversation, count: count)
        case .privacy(let request): .of(request.user, count: count)
        case .presenceOf(let queries, _): queries.first.map { .of($0.user, count: count) } ?? PartitionID(0)
        case .subscribePresence(let subscription): .of(subscription.viewer, count: count)
        case .watchPresence(let watches): watches.first.map { .of($0.user, count: count) } ?? PartitionID(0)
        case .memberFlags(let updates):
            updates.first.map { .of($0.conversation, count: count) } ?? PartitionID(0)
        case .typing(let request): .of(request.conversation, count: count)
        }
    }
}
