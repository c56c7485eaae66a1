import Vocabulary
import Wire

extension ClusterMetadata {
    mutating func form(_ wanted: ClusterFormation) -> MetadataRefusal? {
        if let formation { return formation == wanted ? nil : .alreadyFormed }
        let count = wanted.partitionCount
        guard count > 0, count & (count - 1) == 0, wanted.replicationFactor > 0 else { return .malformed }
        formation = wanted
        featureLevel = 1
        partitions = Array(repeating: PartitionAssignment(), count: Int(count))
        nextReplica = ClusterFormation.founderReplica
        enrol(wanted.founder, as: .up)
        return nil
    }

    mutating func add(_ profile: MemberProfile) -> MetadataRefusal? {
        guard var member = members[profile.node] else {
            enrol(profile, as: .joining)
            return nil
        }
        guard member.state != .left else { return .transition(from: .left, to: .joining) }
        member.profile.zone = profile.zone
        member.profile.weight = profile.weight
        member.profile.featureMax = profile.featureMax
        members[profile.node] = member
        return nil
    }

    mutating func setState(of node: NodeID, to state: MemberState) -> MetadataRefusal? {
        guard let member = members[node] else { return .unknownMember(node) }
        guard member.state.mayBecome(state) else { return .transition(from: member.state, to: state) }
        if state == .left && holdsReplicas(node) { return .stillHoldsReplicas }
        if state == .leaving && isLastToStay(node) { return .lastMember }
        members[node]?.state = state
        return nil
    }

    private mutating func enrol(_ profile: MemberProfile, as state: MemberState) {
        members[profile.node] = ClusterMember(
            profile: profile, number: drawNumber(for: profile.name), state: state,
            metadataReplica: drawReplica())
    }

    /// `nodeN` gets N while nobody ever had it; others get the next number that nobody had.
    private mutating func drawNumber(for name: String) -> UInt32 {
        let taken = Set(members.values.map(\.number))
        if name.hasPrefix("node"), let wanted = UInt32(name.dropFirst(4)), wanted > 0, !taken.contains(wanted)
        {
            return wanted
        }
        while taken.contains(nextNumber) { nextNumber += 1 }
        defer { nextNumber += 1 }
        return nextNumber
    }

    /// Only members that are up, or drain for a while, take what the others had.
    package func isLastToStay(_ node: NodeID) -> Bool {
        let staying = members.values.filter { [.up, .draining].contains($0.state) }
        return staying.count == 1 && staying[0].node == node
    }

    func holdsReplicas(_ node: NodeID) -> Bool {
        partitions.contains { $0.everyone.contains { $0.node == node } }
    }
}
