import NIOCore
import PeerTransport
import Vocabulary
import Wire

/// Takes questions for group 0 to its leader, wherever that is.
struct Forwarder: Sendable {
    let ports: NodePorts
    let roster: MemberRoster
    let transport: PeerTransport
    let loop: any EventLoop

    @Sendable func take(_ request: ControlRequest, _ answer: @escaping @Sendable (ControlAnswer) -> Void) {
        guard let leader = ports.leaders.leader(of: .metadata) else {
            return answer(.refused("group 0 has no leader right now"))
        }
        if leader == ports.node { return take(here: request, answer) }
        guard let text = roster.peerAddress(of: leader), let address = PeerAddress(text) else {
            return answer(.refused("the address of group 0's leader is not known"))
        }
        transport.call(request, at: address, expecting: leader, on: loop).whenComplete { result in
            switch result {
            case .success(let reply): answer(reply.answer)
            case .failure(let error): answer(.refused("group 0's leader did not answer: \(error)"))
            }
        }
    }

    private func take(here request: ControlRequest, _ answer: @escaping @Sendable (ControlAnswer) -> Void) {
        let shard = ports.shard(of: .metadata)
        switch request {
        case .join(let join): shard.post(.join(join, answer: answer))
        case .metadata(let command): shard.post(.metadataCommand(command, answer: answer))
        case .fullSync, .transfer: answer(.refused("not for group 0"))
        }
    }
}
