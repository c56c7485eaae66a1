import Vocabulary

extension ByteWriter {
    package mutating func operation(_ value: Operation) {
        switch value {
        case .send(let request):
            u8(1)
            sendRequest(request)
        case .receipt(let request):
            u8(2)
            receiptRequest(request)
        case .history(let query):
            u8(3)
            historyQuery(query)
        case .catchUp(let query):
            u8(4)
            catchUpQuery(query)
        case .group(let request):
            u8(5)
            groupRequest(request)
        case .ensureUser(let user):
            u8(10)
            text(user)
        case .usersExist(let users):
            u8(11)
            list(users) { $0.text($1) }
        case .openSession(let request):
            u8(12)
            openSession(request)
        case .closeSession(let user, let session):
            u8(13)
            text(user)
            sessionKey(session)
        case .refreshSessions(let sessions):
            u8(14)
            list(sessions) { $0.sessionRefresh($1) }
        case .deviceAcks(let acks):
            u8(15)
            list(acks) { $0.deviceAck($1) }
        case .conversations(let query):
            u8(16)
            conversationsQuery(query)
        case .presence(let viewer, let users):
            u8(17)
            text(viewer)
            list(users) { $0.text($1) }
        case .devices(let user):
            u8(18)
            text(user)
        case .changeMessage(let request):
            u8(40)
            messageChangeRequest(request)
        case .messageInfo(let query):
            u8(41)
            infoQuery(query)
        case .groupQuery(let query):
            u8(60)
            groupQuery(query)
        case .mayAdd(let actor, let users):
            u8(61)
            text(actor)
            list(users) { $0.text($1) }
        case .account(let request):
            u8(90)
            accountRequest(request)
        case .setDisappearing(let request):
            u8(42)
            disappearingRequest(request)
        case .privacy(let request):
            u8(80)
            request.write(into: &self)
        case .presenceOf(let queries, let viewer):
            u8(81)
            list(queries) { $1.write(into: &$0) }
            text(viewer)
        case .subscribePresence(let subscription):
            u8(82)
            subscription.write(into: &self)
        case .watchPresence(let watches):
            u8(83)
            list(watches) { $1.write(into: &$0) }
        case .memberFlags(let updates):
            u8(84)
            list(updates) { $1.write(into: &$0) }
        case .typing(let request):
            u8(85)
            request.write(into: &self)
        case .eraseMember(let request):
            u8(91)
            eraseMemberRequest(request)
        case .clear(let request):
            u8(220)
            clearRequest(request)
        }
    }

    package mutating func operationResult(_ value: OperationResult) {
        switch value {
        case .sent(let result):
            u8(1)
            identity(result.messageID)
            identity(result.conversation)
            counter(result.seq)
            timestamp(result.timestamp)
            bool(result.duplicate)
        case .ok:
            u8(2)
        case .history(let page):
            u8(3)
            list(page.messages) { $0.messageRecord($1) }
            bool(page.hasMore)
            counter(page.newest)
            list(page.links) { $0.chainLink($1) }
            optional(page.hasPrevious) { $0.bool($1) }
            counter(page.gone)
        case .caughtUp(let page):
            u8(4)
            list(page.messages) { $0.messageRecord($1) }
            list(page.statuses) { $0.statusEvent($1) }
            position(page.position)
            bool(page.hasMore)
            list(page.updates) { $0.updateEvent($1) }
            counter(page.form)
            optional(page.counts) { $0.receiptCounts($1) }
            optional(page.gone) { $0.seqs($1) }
        case .group(let result):
            u8(5)
            groupResult(result)
        case .usersExist(let flags):
            u8(6)
            list(flags) { $0.bool($1) }
        case .opened(let opened):
            u8(7)
            sessionOpened(opened)
        case .unknownSessions(let keys):
            u8(8)
            list(keys) { $0.sessionKey($1) }
        case .conversations(let page):
            u8(9)
            list(page.rows) { $0.inboxRow($1) }
            bool(page.hasMore)
        case .presence(let states):
            u8(10)
            list(states) { $0.presenceState($1) }
        case .devices(let devices):
            u8(12)
            list(devices) { writer, device in
                writer.text(device.device)
                writer.optional(device.node) { $0.identity($1) }
            }
        case .privacy(let answer):
            u8(80)
            answer.write(into: &self)
        case .refused(let refusal):
            u8(11)
            self.refusal(refusal)
        case .messageChanged(let event):
            u8(40)
            updateEvent(event)
        case .messageInfo(let info):
            u8(41)
            messageInfo(info)
        case .groupAnswer(let answer):
            u8(60)
            groupAnswer(answer)
        case .mayAdd(let results):
            u8(61)
            list(results) { $0.text($1.rawValue) }
        case .account(let result):
            u8(90)
            accountResult(result)
        }
    }

    package mutating func refusal(_ value: Refusal) {
        u8(value.code.rawValue)
        text(value.message)
        optional(value.retryAfterMilliseconds) { $0.varint($1) }
        list(value.details) { writer, detail in
            writer.text(detail.name)
            switch detail.value {
            case .text(let text):
                writer.u8(0)
                writer.text(text)
            case .number(let number):
                writer.u8(1)
                writer.timestamp(Timestamp(number))
            case .texts(let texts):
                writer.u8(2)
                writer.list(texts) { $0.text($1) }
            }
        }
    }
}

extension ByteReader {
    package mutating func operation() throws(DecodingFailure) -> Operation {
        switch try u8() {
        case 1: return .send(try sendRequest())
        case 2: return .receipt(try receiptRequest())
        case 3: return .history(try historyQuery())
        case 4: return .catchUp(try catchUpQuery())
        case 5: return .group(try groupRequest())
        case 10: return .ensureUser(try textIdentity())
        case 11: return .usersExist(try userIDs())
        case 12: return .openSession(try openSession())
        case 13: return .closeSession(user: try textIdentity(), session: try sessionKey())
        case 14:
            return .refreshSessions(try list { r throws(DecodingFailure) in try r.sessionRefresh() })
        case 15: return .deviceAcks(try list { r throws(DecodingFailure) in try r.deviceAck() })
        case 16: return .conversations(try conversationsQuery())
        case 17: return .presence(viewer: try textIdentity(), users: try userIDs())
        case 18: return .devices(try textIdentity())
        case 40: return .changeMessage(try messageChangeRequest())
        case 41: return .messageInfo(try infoQuery())
        case 60: return .groupQuery(try groupQuery())
        case 61: return .mayAdd(actor: try textIdentity(), users: try userIDs())
        case 90: return .account(try accountRequest())
        case 42: return .setDisappearing(try disappearingRequest())
        case 80: return .privacy(try PrivacyRequest(from: &self))
        case 81:
            return .presenceOf(
                try list { r throws(DecodingFailure) in try PresenceQuery(from: &r) },
                viewer: try textIdentity())
        case 82: return .subscribePresence(try PresenceSubscription(from: &self))
        case 83:
            return .watchPresence(try list { r throws(DecodingFailure) in try PresenceWatch(from: &r) })
        case 84:
            return .memberFlags(try list { r throws(DecodingFailure) in try MemberFlagsUpdate(from: &r) })
        case 85: return .typing(try TypingRequest(from: &self))
        case 91: return .eraseMember(try eraseMemberRequest())
        case 220: return .clear(try clearRequest())
        case let tag: throw .unknown(field: "operation", value: UInt64(tag))
        }
    }

    package mutating func userIDs() throws(DecodingFailure) -> [UserID] {
        try list { r throws(DecodingFailure) in try r.textIdentity(UserID.self) }
    }

    package mutating func operationResult() throws(DecodingFailure) -> OperationResult {
        switch try u8() {
        case 1:
            return .sent(
                SentResult(
                    messageID: try identity(), conversation: try identity(), seq: try counter(),
                    timestamp: try timestamp(), duplicate: try bool()))
        case 2: return .ok
        case 3:
            var page = HistoryPage(
                messages: try list { r throws(DecodingFailure) in try r.messageRecord() },
                hasMore: try bool(), newest: try counter(),
                links: try list { r throws(DecodingFailure) in try r.chainLink() })
            page.hasPrevious = try optional { r throws(DecodingFailure) in try r.bool() }
            page.gone = try counter()
            return .history(page)
        case 4:
            var page = CatchUpPage(
                messages: try list { r throws(DecodingFailure) in try r.messageRecord() },
                statuses: try list { r throws(DecodingFailure) in try r.statusEvent() },
                position: try position(), hasMore: try bool())
            page.updates = try list { r throws(DecodingFailure) in try r.updateEvent() }
            page.form = try counter()
            page.counts = try optional { r throws(DecodingFailure) in try r.receiptCounts() }
            page.gone = try optional { r throws(DecodingFailure) in try r.seqs() }
            return .caughtUp(page)
        case 5: return .group(try groupResult())
        case 6: return .usersExist(try list { r throws(DecodingFailure) in try r.bool() })
        case 7: return .opened(try sessionOpened())
        case 8: return .unknownSessions(try list { r throws(DecodingFailure) in try r.sessionKey() })
        case 9:
            return .conversations(
                ConversationsPage(
                    rows: try list { r throws(DecodingFailure) in try r.inboxRow() }, hasMore: try bool()))
        case 10: return .presence(try list { r throws(DecodingFailure) in try r.presenceState() })
        case 11: return .refused(try refusal())
        case 12:
            return .devices(
                try list { r throws(DecodingFailure) in
                    DeviceLocation(
                        device: try r.textIdentity(),
                        node: try r.optional { r throws(DecodingFailure) in try r.identity(NodeID.self) })
                })
        case 40: return .messageChanged(try updateEvent())
        case 41: return .messageInfo(try messageInfo())
        case 60: return .groupAnswer(try groupAnswer())
        case 61: return .mayAdd(try list { r throws(DecodingFailure) in try r.memberResult() })
        case 90: return .account(try accountResult())
        case 80: return .privacy(try PrivacyAnswer(from: &self))
        case let tag: throw .unknown(field: "operation result", value: UInt64(tag))
        }
    }

    package mutating func refusal() throws(DecodingFailure) -> Refusal {
        let code = try u8()
        guard let known = RefusalCode(rawValue: code) else {
            throw .unknown(field: "refusal code", value: UInt64(code))
        }
        return Refusal(
            known, try text(),
            retryAfterMilliseconds: try optional { r throws(DecodingFailure) in try r.varint() },
            details: try list { r throws(DecodingFailure) in
                let name = try r.text()
                switch try r.u8() {
                case 0: return RefusalDetail(name, .text(try r.text()))
                case 1: return RefusalDetail(name, .number(try r.timestamp().milliseconds))
                case 2:
                    return RefusalDetail(
                        name, .texts(try r.list { r throws(DecodingFailure) in try r.text() }))
                case let tag: throw DecodingFailure.unknown(field: "refusal detail", value: UInt64(tag))
                }
            })
    }
}
