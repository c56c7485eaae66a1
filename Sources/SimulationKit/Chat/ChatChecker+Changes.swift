import Chat
import Vocabulary
import Wire

/// Edits, deletions, reactions, as clients are told of them.
extension ChatChecker {
    /// An acknowledged change is in the log.
    func acknowledged(_ request: MessageChangeRequest, _ event: UpdateEvent) {
        changes += 1
        let name = "\(request.actor)'s \(request.change) of \(event.seq) of \(event.conversation)"
        guard let message = ledger[event.conversation]?.message(event.seq),
            message.messageID == request.message
        else { return fail("\(name) was acknowledged, and there is no such message") }
        let isThere =
            switch request.change {
            case .edit(let content): message.hasHad(content)
            case .deleteForEveryone: message.fate.isDeleted
            case .deleteForMe: message.fate.hiddenBy.contains(request.actor)
            case .react(let emoji): message.fate.hasBeenGiven(emoji, by: request.actor)
            // There may have been none to take back, and one since.
            case .unreact: true
            }
        if !isThere { fail("\(name) was acknowledged and is not in the log") }
        if case .deleteForEveryone = request.change {
            deletionsTold.append((event.conversation, event.seq))
        }
    }

    /// A definite refusal has a reason in the log.
    func refused(
        _ request: MessageChangeRequest, _ refusal: Refusal, of seq: Seq, in id: ConversationID, floor: Seq
    ) {
        let name = "\(request.actor)'s \(request.change) of \(seq) of \(id)"
        guard let known = ledger[id], let message = known.message(seq) else {
            return fail("\(name) is of no message")
        }
        switch refusal.code {
        case .unknown, .unavailable, .overloaded, .draining, .rateLimited, .storageFull: break
        // Who has joined again sees nothing of the time before.
        case .notFound where known.stays[request.actor]?.last?.includes(seq) != true: break
        case .notFound where seq <= known.gone: break
        case .notMember: refused("not_member", user: request.actor, in: id, floor: floor)
        case .forbidden where message.isSystem || message.sender != request.actor: break
        case .blocked where ledger.privacy.everBlocked.contains(id): break
        case .gone where message.fate.isDeleted || ledger.erasures.closed.contains(id): break
        default: fail("\(name) was refused: \(refusal)")
        }
    }

    /// Nothing is invented, and only who may see a message is told of what became of it.
    func updated(_ object: JSONObject, to viewer: Viewer) {
        updatesTold += 1
        let name = "\(viewer.user)/\(viewer.device)"
        guard let id = object.conversation, let seq = object.number("seq"),
            let change = object.text("change"),
            let actor = object.text("user_id").map({ UserID(unchecked: $0) })
        else { return fail("\(name): an update lacks fields: \(object)") }
        guard let known = ledger[id], let stored = known.message(Seq(seq)),
            object.text("message_id") == stored.messageID.description
        else { return fail("\(name) is told of a change of \(seq) of \(id), which is not there") }
        guard known.shows(Seq(seq), to: viewer.user) else {
            return fail("\(name) is told of a change of \(seq) of \(id), of which it is no member then")
        }
        var screen = screens[viewer.number]?[id] ?? Screen()
        var state = screen.messages[seq] ?? ShownState()
        let isTrue: Bool
        switch change {
        case "edited":
            let content = object.text("content") ?? ""
            isTrue = stored.fate.edits.contains(content)
            state.content = content
        case "deleted":
            isTrue =
                object.text("for") == "me"
                ? actor == viewer.user && stored.fate.hiddenBy.contains(actor) : stored.fate.isDeleted
            state.isDeleted = true
        case "reaction":
            let emoji = object.text("emoji")
            isTrue = stored.fate.hasBeenGiven(emoji ?? "", by: actor)
            state.reactions[actor] = emoji
        default: isTrue = false
        }
        if !isTrue { fail("\(name) is told what is not so: \(object)") }
        screen.messages[seq] = state
        screens[viewer.number, default: [:]][id] = screen
    }

    /// A device's own send is on its screen.
    func noteSent(_ send: SimulatedSend, seq: UInt64, by viewer: Viewer) {
        let id = send.conversation
        var state = screens[viewer.number]?[id]?.messages[seq] ?? ShownState()
        state.isShown = true
        // An edit may have been faster.
        state.content = state.content ?? send.content
        screens[viewer.number, default: [:]][id, default: Screen()].messages[seq] = state
    }

    /// What stands on a screen that is not so, at the end.
    func showsWrongly(_ viewer: Viewer, _ known: ChatLedger.Conversation, _ screen: Screen?) -> String? {
        // Who has left is told of nothing more.
        guard known.isMember(viewer.user), let visible = known.visible(to: viewer.user) else { return nil }
        // What is gone it may keep as it was.
        for seq in visible where seq > known.gone.raw {
            guard let stored = known.message(Seq(seq)), !stored.isSystem else { continue }
            guard let state = screen?.messages[seq], state.isShown else {
                // It came when that was history.
                if viewer.isLate { continue }
                let send = RefusedSend(user: viewer.user, id: stored.id)
                if stored.device == viewer.device, refusedAgain.contains(send) { continue }
                return "does not show \(seq)"
            }
            let isGone = stored.isGone(for: viewer.user)
            if state.isDeleted != isGone { return "shows \(isGone ? "the deleted" : "no more the") \(seq)" }
            if isGone { continue }
            if state.content != stored.currentContent {
                return "shows \"\(state.content ?? "nothing")\", not \"\(stored.currentContent)\" as \(seq)"
            }
            if state.reactions != stored.fate.reactions {
                return "shows reactions \(state.reactions), not \(stored.fate.reactions) at \(seq)"
            }
        }
        return nil
    }
}

extension ChatLedger.Fate {
    fileprivate func hasBeenGiven(_ emoji: String, by user: UserID) -> Bool {
        everGiven.contains(ChatLedger.GivenReaction(user: user, emoji: emoji))
    }
}
