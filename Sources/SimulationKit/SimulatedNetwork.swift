import Vocabulary
import Wire

/// What travels between simulated nodes.
enum SimulatedFrame {
    /// On a link, as between real nodes.
    case peer(PeerFrame)
    /// Gossip: one datagram.
    case datagram(GossipDatagram)
    /// A call over a connection of its own: gossip's questions, and joining.
    case call(SimulatedCall)
}

enum SimulatedCall {
    case exchange(GossipExchange)
    case exchangeAnswer(GossipExchange)
    /// Passed on to the leader of group 0, which answers the node that asked first.
    case join(JoinRequest, asker: Int)
    /// Over the asker's connection: another process on its host does not get it.
    case joined(JoinAnswer, asker: NodeID)
}

/// Decides for every frame whether and when it arrives.
///
/// Datagrams and calls may be lost, doubled and overtaken. Links keep the order and lose nothing until they
/// break; then everything is lost until both ends have noticed and the link is dialled anew. A seed may also let
/// all Raft traffic go as datagrams do, which is harder than any link.
struct SimulatedNetwork {
    struct Link: Hashable {
        var from: Int
        var to: Int
    }

    /// What becomes of a frame on a link.
    enum Passage {
        case arrives(after: UInt64, epoch: Int)
        case lost
        /// Lost, and from here on the link carries nothing: its end is to be noticed.
        case breaks
    }

    private struct Stream {
        var epoch = 0
        var isOpen = false
        var isBroken = false
        var lastArrival: UInt64 = 0
    }

    private static let numbersMax = 64
    private var random: SeededGenerator
    private let plan: FaultPlan
    /// Directed links that carry nothing.
    private(set) var cut: Set<Link> = []
    private var streams: [Stream]
    private(set) var framesSent = 0
    private(set) var framesLost = 0
    private(set) var framesDoubled = 0
    private(set) var framesLate = 0
    private var isCalm = false

    init(plan: FaultPlan, random: SeededGenerator) {
        self.plan = plan
        self.random = random
        streams = Array(repeating: Stream(), count: Self.numbersMax * Self.numbersMax)
    }

    // MARK: Datagrams

    /// Microseconds after which a frame arrives; none when it is lost, two when it is doubled. `hosts`: where
    /// the ends live.
    mutating func delays(from: Int, to: Int) -> [UInt64] {
        framesSent += 1
        if !cut.isEmpty, cut.contains(Link(from: from, to: to)) { return [] }
        if isCalm { return [delay()] }
        if random.chance(percent: plan.lossPercent) {
            framesLost += 1
            return []
        }
        if random.chance(percent: plan.duplicatePercent) {
            framesDoubled += 1
            return [delay(), lateness()]
        }
        return [delay()]
    }

    /// A copy can also come when everybody has forgotten it.
    private mutating func lateness() -> UInt64 {
        guard random.chance(percent: 30) else { return delay() }
        framesLate += 1
        return UInt64.random(in: 100_000...8_000_000, using: &random)
    }

    private mutating func delay() -> UInt64 {
        if !isCalm && random.chance(percent: plan.slowPercent) {
            return UInt64.random(in: 2_000...120_000, using: &random)
        }
        return UInt64.random(in: 100...1_500, using: &random)
    }

    // MARK: Links

    private func place(_ link: Link) -> Int { link.from * Self.numbersMax + link.to }

    func isOpen(_ link: Link) -> Bool { streams[place(link)].isOpen }

    /// True when a frame that left in this epoch still belongs to the link.
    func isCurrent(_ link: Link, epoch: Int) -> Bool {
        streams[place(link)].epoch == epoch && streams[place(link)].isOpen
    }

    mutating func pass(_ link: Link, isCut: Bool, now: UInt64) -> Passage {
        framesSent += 1
        let place = place(link)
        guard streams[place].isOpen, !streams[place].isBroken else {
            framesLost += 1
            return .lost
        }
        if isCut {
            framesLost += 1
            streams[place].isBroken = true
            return .breaks
        }
        let arrival = max(now + delay(), streams[place].lastArrival)
        streams[place].lastArrival = arrival
        return .arrives(after: arrival - now, epoch: streams[place].epoch)
    }

    mutating func open(_ link: Link) {
        let place = place(link)
        streams[place] = Stream(epoch: streams[place].epoch + 1, isOpen: true)
    }

    /// Nothing passes any more, but nobody has noticed.
    mutating func breakDown(_ link: Link) { streams[place(link)].isBroken = true }

    /// The end of a link; what is on its way is lost. False when it was not open.
    mutating func close(_ link: Link) -> Bool {
        let place = place(link)
        guard streams[place].isOpen else { return false }
        streams[place].isOpen = false
        streams[place].epoch += 1
        return true
    }

    /// Open links from or to the node, or all.
    func openLinks(of number: Int) -> [Link] {
        var links: [Link] = []
        for other in 0..<Self.numbersMax {
            for link in [Link(from: number, to: other), Link(from: other, to: number)] where isOpen(link) {
                links.append(link)
            }
        }
        return links
    }

    // MARK: Cuts, between hosts

    mutating func cut(_ links: [Link]) { cut.formUnion(links) }
    mutating func mend(_ links: [Link]) { cut.subtract(links) }
    func isCut(_ from: Int, _ to: Int) -> Bool { !cut.isEmpty && cut.contains(Link(from: from, to: to)) }
    func areConnected(_ one: Int, _ other: Int) -> Bool { !isCut(one, other) && !isCut(other, one) }

    /// From here on links are quick and lose nothing, unless they are cut.
    mutating func calm() {
        cut = []
        isCalm = true
    }
}
