import HTTPTypes
import Hummingbird
import HummingbirdCore
import Vocabulary
import Wire

/// A user's own devices. A backend names the user with `?sender_id=`.
extension RestRoutes {
    func addDevices(to router: Router<RestContext>) {
        router.get("/v1/users/me/devices") { request, context in
            let user = try await context.own(request)
            guard case .devices(let devices) = try await context.ask(user, .devices) else {
                throw RestCluster.wrongKind
            }
            let own = user == context.caller.user ? context.caller.device : nil
            return Self.json(.ok, RestAnswer.devices(devices, own: own))
        }
        router.patch("/v1/users/me/devices/:id") { request, context in
            let device = try context.device("id")
            let name = try context.object().text("name", bytesMax: limits.deviceNameBytesMax)
            return try await change(device, .renameDevice(device, name: name), request, context)
        }
        router.delete("/v1/users/me/devices/:id") { request, context in
            let device = try context.device("id")
            return try await change(device, .revokeDevice(device), request, context)
        }
        router.put("/v1/users/me/devices/:id/push") { request, context in
            let device = try context.device("id")
            let registration = try context.object().pushRegistration()
            return try await change(device, .setPush(device, registration), request, context)
        }
        router.delete("/v1/users/me/devices/:id/push") { request, context in
            let device = try context.device("id")
            return try await change(device, .removePush(device, registeredUpTo: nil), request, context)
        }
    }

    private func change(
        _ device: DeviceID, _ change: AccountChange, _ request: Request, _ context: RestContext
    ) async throws(Refusal) -> Response {
        _ = try await context.ask(try await context.own(request), .change(change))
        return Self.json(.ok, RestAnswer.device(device))
    }
}

/// The key directory of end-to-end encryption.
extension RestRoutes {
    func addKeys(to router: Router<RestContext>) {
        router.put("/v1/users/me/devices/:id/keys") { request, context in
            let device = try context.device("id")
            let upload = try context.object().keyUpload()
            let user = try await context.own(request)
            let result = try await context.ask(user, .change(.uploadKeys(device, upload)))
            guard case .keyStock(let stock) = result else { throw RestCluster.wrongKind }
            return Self.json(.ok, RestAnswer.keyStock(stock, of: device))
        }
        router.get("/v1/users/me/devices/:id/keys") { request, context in
            let device = try context.device("id")
            guard case .keyStock(let stock) = try await context.ask(context.own(request), .keyStock(device))
            else { throw RestCluster.wrongKind }
            return Self.json(.ok, RestAnswer.keyStock(stock, of: device))
        }
        router.get("/v1/users/:id/keys") { request, context in
            let user = try context.user("id")
            _ = try await context.own(request)
            var random = SystemRandomNumberGenerator()
            let fetch = KeyFetchID(high: random.next(), low: random.next())
            guard case .keys(let bundles) = try await context.ask(user, .change(.takeKeys(fetch))) else {
                throw RestCluster.wrongKind
            }
            return Self.json(.ok, RestAnswer.keys(bundles, of: user))
        }
    }
}

/// One row of the conversation list, and what its user sets for it.
extension RestRoutes {
    func addConversationSettings(to router: Router<RestContext>) {
        router.get("/v1/conversations/:id") { request, context in
            let id: ConversationID = try context.identity("id")
            guard case .row(let row) = try await context.ask(context.own(request), .row(id)) else {
                throw RestCluster.wrongKind
            }
            return Self.json(.ok, RestAnswer.conversation(row))
        }
        router.delete("/v1/conversations/:id") { request, context in
            let id: ConversationID = try context.identity("id")
            let upTo = try request.upToSeq()
            let user = try await context.own(request)
            let clear = ClearRequest(conversation: id, user: user, upTo: upTo)
            guard case .ok = try await context.cluster.perform(.clear(clear)) else {
                throw RestCluster.wrongKind
            }
            return Self.json(.ok, RestAnswer.cleared(id))
        }
        router.patch("/v1/conversations/:id/settings") { request, context in
            let id: ConversationID = try context.identity("id")
            let object = try context.object()
            let change = try object.rowSettings()
            let disappearing = try object.disappearing()
            guard !change.isEmpty || disappearing != nil else {
                throw Refusal(
                    .invalidRequest,
                    "give muted_until, pinned, archived, marked_unread or disappearing_ms")
            }
            let user = try await context.own(request)
            if let disappearing {
                // The conversation's own affair, for all its members.
                let request = DisappearingRequest(conversation: id, actor: user, milliseconds: disappearing)
                _ = try await context.cluster.perform(.setDisappearing(request))
            }
            let result = try await context.ask(
                user, change.isEmpty ? .row(id) : .change(.settings(id, change, pending: nil)))
            guard case .row(let row) = result else { throw RestCluster.wrongKind }
            return Self.json(.ok, RestAnswer.conversation(row))
        }
    }
}

extension Request {
    /// `?up_to_seq=`, where given.
    fileprivate func upToSeq() throws(Refusal) -> Seq? {
        guard let text = uri.queryParameters["up_to_seq"] else { return nil }
        guard let seq = UInt64(text), seq > 0, seq <= UInt64(Int64.max) else {
            throw Refusal(
                .invalidRequest, "up_to_seq must be a seq", details: [.init("field", .text("up_to_seq"))])
        }
        return Seq(seq)
    }
}

extension RestContext {
    /// The body, which must be one JSON object.
    func object() throws(Refusal) -> BodyObject { try BodyObject(Array(body.readableBytesView)) }

    /// Whom a request on a user's own things is made for, within its rate.
    func own(_ request: Request) async throws(Refusal) -> UserID {
        let user = try await actor(request)
        try admit(user)
        return user
    }

    func device(_ name: String) throws(Refusal) -> DeviceID {
        guard let text = coreContext.parameters.get(name), let device = DeviceID(percentDecoded(text)) else {
            throw Refusal(.invalidRequest, "the path names no device id")
        }
        return device
    }

    func ask(_ user: UserID, _ ask: AccountRequest.Ask) async throws(Refusal) -> AccountResult {
        let result = try await cluster.perform(.account(AccountRequest(user: user, ask: ask)))
        guard case .account(let answer) = result else { throw RestCluster.wrongKind }
        return answer
    }
}
