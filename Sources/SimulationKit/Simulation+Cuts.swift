import Vocabulary

/// Partitions of all shapes, between hosts.
extension Simulation {
    private var allHosts: [Int] { Array(1...plan.hosts) }

    func partition() {
        count(.partitions)
        let hosts = allHosts.shuffled(using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: cut(between: [hosts[0]], and: Array(hosts.dropFirst()))
        case 1:
            let minority = hosts.count / 2
            cut(between: Array(hosts.prefix(minority)), and: Array(hosts.dropFirst(minority)))
        case 2:
            // A bridge: one host reaches both sides.
            let rest = Array(hosts.dropFirst())
            let side = rest.count / 2
            cut(between: Array(rest.prefix(side)), and: Array(rest.dropFirst(side)))
        case 3: cutToRing(hosts)
        default:
            let side = hosts.filter { _ in random.chance(percent: 50) }
            cut(between: side, and: hosts.filter { !side.contains($0) })
        }
    }

    /// Each host reaches its neighbours only.
    private func cutToRing(_ hosts: [Int]) {
        var links: [SimulatedNetwork.Link] = []
        for (place, from) in hosts.enumerated() {
            for (other, to) in hosts.enumerated() where place != other {
                let distance = (other - place + hosts.count) % hosts.count
                if distance != 1 && distance != hosts.count - 1 {
                    links.append(SimulatedNetwork.Link(from: from, to: to))
                }
            }
        }
        cut(links)
    }

    private func cut(between one: [Int], and other: [Int]) {
        cut(
            one.flatMap { from in
                other.flatMap { to in
                    [
                        SimulatedNetwork.Link(from: from, to: to),
                        SimulatedNetwork.Link(from: to, to: from),
                    ]
                }
            })
    }

    func cutOneWay() {
        count(.oneWayPartitions)
        cut(someLinks(percent: 25))
    }

    func someLinks(percent: Double) -> [SimulatedNetwork.Link] {
        var links: [SimulatedNetwork.Link] = []
        for from in allHosts {
            for to in allHosts where from != to && random.chance(percent: percent) {
                links.append(SimulatedNetwork.Link(from: from, to: to))
            }
        }
        return links
    }

    /// A connection that ends by itself, with what is on its way.
    func breakLink() {
        let open = nodes.filter { $0.isUp }.flatMap { network.openLinks(of: $0.number) }
        guard let link = open.randomElement(using: &random) else { return }
        network.breakDown(link)
        schedule(.linkEnds(link), after: UInt64.random(in: 0...1_000_000, using: &random))
    }

    private func cut(_ links: [SimulatedNetwork.Link]) {
        guard !links.isEmpty else { return }
        note("cut \(links.map { "\($0.from)>\($0.to)" }.joined(separator: " "))")
        network.cut(links)
        silenceLinks(links)
        schedule(.mend(links), after: UInt64.random(in: 100_000...8_000_000, using: &random))
    }
}
