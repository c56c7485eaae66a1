import HTTPTypes
import Hummingbird

/// Which request gets which answer.
struct AdminRoutes: Sendable {
    /// Partitions in one page when the request does not say, and at most.
    static let pageDefault = 64
    static let pageMax = 1_024

    let source: any AdminSource
    let token: String?

    func router() -> Router<BasicRequestContext> {
        let router = Router(context: BasicRequestContext.self)
        router.add(middleware: RefusalMiddleware())
        router.add(middleware: AdminGuard(token: token))
        addNode(to: router)
        addCluster(to: router)
        addOperations(to: router)
        return router
    }

    private func addNode(to router: Router<BasicRequestContext>) {
        router.get("/healthz") { _, _ in health(await source.health()) }
        router.get("/readyz") { _, _ in health(await source.readiness()) }
        router.get("/metrics") { _, _ in
            AdminAnswer.text(await source.metrics(), type: "text/plain; version=0.0.4; charset=utf-8")
        }
        router.get("/node") { _, _ in AdminAnswer.json(await source.node()) }
        router.get("/") { _, _ in AdminAnswer.text(WebConsole.page, type: "text/html; charset=utf-8") }
    }

    private func addCluster(to router: Router<BasicRequestContext>) {
        router.get("/cluster") { request, _ in
            AdminAnswer.json(try await source.cluster(committed: isCommitted(request)))
        }
        router.get("/cluster/members/:id") { request, context in
            AdminAnswer.json(
                try await member(context.parameters.require("id"), committed: isCommitted(request)))
        }
        router.get("/cluster/partitions") { request, _ in AdminAnswer.json(try await page(request)) }
        router.get("/cluster/partitions/:p") { _, context in
            AdminAnswer.json(try await partition(context.parameters.require("p")))
        }
        router.get("/cluster/partitions/:p/content") { _, context in
            let number = try await partition(context.parameters.require("p")).partition
            guard let content = await source.content(of: number) else {
                throw AdminRefusal.notFound("this node holds no replica of partition \(number)")
            }
            return AdminAnswer.json(content)
        }
        router.get("/cluster/ring") { _, _ in AdminAnswer.json(await source.ring()) }
        router.get("/cluster/locate") { request, _ in
            AdminAnswer.json(try await source.locate(locateQuery(request)))
        }
    }

    private func addOperations(to router: Router<BasicRequestContext>) {
        for (path, operation) in [
            ("drain", AdminOperation.drain), ("undrain", .undrain), ("leave", .leave),
        ] {
            router.post("/node/\(path)") { _, _ in
                try await source.perform(operation)
                return AdminAnswer.accepted
            }
        }
        router.post("/cluster/members/:id/decommission") { _, context in
            let member = try await member(context.parameters.require("id"), committed: false)
            try await source.perform(.decommission(nodeID: member.nodeID))
            return AdminAnswer.accepted
        }
        router.post("/cluster/members/:id/replace") { _, context in
            let member = try await member(context.parameters.require("id"), committed: false)
            try await source.perform(.replace(nodeID: member.nodeID))
            return AdminAnswer.accepted
        }
        router.post("/push/test") { request, _ in
            let query = request.uri.queryParameters
            guard let user = query["user_id"] else { throw AdminRefusal.invalid("give user_id") }
            return AdminAnswer.json(
                try await source.testPush(
                    user: String(user), device: query["device_id"].map { String($0) }))
        }
        router.post("/cluster/partitions/:p/transfer") { request, context in
            let partition = try await partition(context.parameters.require("p"))
            let wanted = request.uri.queryParameters["to"].map(String.init)
            let target = try await optionalMember(wanted)
            try await source.perform(.transfer(partition: partition.partition, nodeID: target?.nodeID))
            return AdminAnswer.accepted
        }
    }

    // MARK: Reading requests

    private func isCommitted(_ request: Request) throws(AdminRefusal) -> Bool {
        switch request.uri.queryParameters["consistency"] {
        case nil, "local": return false
        case "committed": return true
        case .some(let other): throw .invalid("consistency is 'local' or 'committed', not '\(other)'")
        }
    }

    private func page(_ request: Request) async throws(AdminRefusal) -> PartitionPage {
        let query = request.uri.queryParameters
        let first = query["cursor"].map { Int($0) } ?? 0
        let limit = query["limit"].map { Int($0) } ?? AdminRoutes.pageDefault
        guard let first, first >= 0 else { throw .invalid("bad cursor") }
        guard let limit, (1...AdminRoutes.pageMax).contains(limit) else {
            throw .invalid("limit is from 1 to \(AdminRoutes.pageMax)")
        }
        // One more than asked for tells whether there is a next page.
        let partitions = await source.partitions(from: first, limit: limit + 1)
        let shown = Array(partitions.prefix(limit))
        let next = partitions.count > limit ? shown.last.map { String($0.partition + 1) } : nil
        return PartitionPage(partitions: shown, nextCursor: next)
    }

    private func partition(_ text: String) async throws(AdminRefusal) -> PartitionView {
        guard let number = Int(text), number >= 0 else {
            throw .invalid("'\(text)' is not a partition's number")
        }
        guard let found = await source.partitions(from: number, limit: 1).first, found.partition == number
        else {
            throw .notFound("no partition \(number)")
        }
        return found
    }

    /// A member by node id, name or number.
    private func member(_ text: String, committed: Bool) async throws(AdminRefusal) -> MemberView {
        let members = try await source.cluster(committed: committed).members
        let found =
            members.first { $0.nodeID == text.lowercased() }
            ?? members.first { $0.name == text && $0.state != "left" }
            ?? members.first { String($0.number) == text }
            ?? members.first { $0.name == text }
        guard let found else { throw .notFound("no member '\(text)'") }
        return found
    }

    private func optionalMember(_ text: String?) async throws(AdminRefusal) -> MemberView? {
        guard let text else { return nil }
        return try await member(text, committed: false)
    }

    private func locateQuery(_ request: Request) throws(AdminRefusal) -> LocateQuery {
        let query = request.uri.queryParameters
        let wanted: [LocateQuery] = [
            query["conversation_id"].map { .conversation(String($0)) },
            query["user_id"].map { .user(String($0)) }, query["group_id"].map { .group(String($0)) },
        ].compactMap(\.self)
        guard wanted.count == 1, let one = wanted.first else {
            throw .invalid("give one of conversation_id, user_id, group_id")
        }
        return one
    }

    private func health(_ view: HealthView) -> Response {
        AdminAnswer.json(view, status: view.reasons.isEmpty ? .ok : .serviceUnavailable)
    }
}
