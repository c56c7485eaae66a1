import Testing
import Vocabulary

@testable import Node

@Suite struct LeaderHandoverTests {
    /// However many there are: each once, some every tick, all within half a second of ticks of 20 ms.
    @Test(arguments: [0, 1, 7, 25, 26, 340])
    func everyGroupOnceWithinHalfASecond(count: Int) {
        let groups = (0..<count).map { GroupID(UInt32($0 + 1)) }
        var handover = LeaderHandover(groups: groups, targets: [])
        var given: [GroupID] = []
        for _ in 0..<25 {
            let next = handover.next()
            #expect(next.count <= (count + 24) / 25)
            given += next
        }
        #expect(given == groups)
        #expect(handover.next().isEmpty)
    }
}
