import Foundation
import Logging
import Observability
import Synchronization
import Testing
import Vocabulary

@Suite struct ObservabilityTests {
    @Test func histogramsAreCumulativeAndInSeconds() {
        let histogram = Histogram(bounds: [100, 2_500, 1_000_000])
        for value: UInt64 in [100, 101, 2_500, 3_000_000] { histogram.observe(value) }
        var text = PrometheusText()
        text.seconds("wait_seconds", "A wait.", histogram)
        #expect(
            text.output == """
                # HELP martlet_wait_seconds A wait.
                # TYPE martlet_wait_seconds histogram
                martlet_wait_seconds_bucket{le="0.0001"} 1
                martlet_wait_seconds_bucket{le="0.0025"} 3
                martlet_wait_seconds_bucket{le="1"} 3
                martlet_wait_seconds_bucket{le="+Inf"} 4
                martlet_wait_seconds_sum 3.002701
                martlet_wait_seconds_count 4

                """)
    }

    @Test func labelsAreEscapedAndSorted() {
        let counter = LabelledCounter()
        counter.add("b\"\\\n")
        counter.add("a", 2)
        var text = PrometheusText()
        text.counters("refusals_total", "By code.", label: "code", counter)
        #expect(
            text.output.hasSuffix(
                #"{code="a"} 2"# + "\n" + #"martlet_refusals_total{code="b\"\\\n"} 1"# + "\n"))
    }

    @Test func quantilesAreInsideTheirBucket() {
        let histogram = Histogram(bounds: [10, 20, 40])
        #expect(histogram.quantile(0.99) == 0)
        for _ in 0..<90 { histogram.observe(5) }
        for _ in 0..<10 { histogram.observe(30) }
        #expect((1...10).contains(histogram.quantile(0.5)))
        #expect((20...40).contains(histogram.quantile(0.99)))
        histogram.observe(1_000)
        #expect(histogram.quantile(1) == 40)
    }

    /// The dashboard asks only for what is measured.
    @Test func theDashboardKnowsItsMetrics() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let text = try String(
            contentsOf: root.appendingPathComponent("cluster-configs/grafana-dashboard.json"), encoding: .utf8
        )
        let families = Set(
            NodeMetrics().text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
                .map { String($0.split(separator: " ")[2]) })
        let asked = Set(
            text.matches(of: /martlet_[a-z_]+/).map { match in
                let name = String(match.output)
                return name.hasSuffix("_bucket") ? String(name.dropLast("_bucket".count)) : name
            })
        #expect(asked.count > 15)
        #expect(asked.subtracting(families).isEmpty)
    }

    @Test func everyFamilyIsWrittenOnce() {
        let names = NodeMetrics().text.split(separator: "\n").filter { $0.hasPrefix("# TYPE") }
        #expect(Set(names).count == names.count)
        #expect(names.count > 30)
        #expect(names.allSatisfy { $0.hasPrefix("# TYPE martlet_") })
    }

    @Test func rateIsOverTheLastTenSeconds() {
        var meter = RateMeter()
        #expect(meter.perSecond == 0)
        for second in 0...30 {
            let total = second < 20 ? 0 : (second - 20) * 50
            meter.sample(UInt64(total), at: Tick(UInt64(second) * 1_000))
        }
        #expect(meter.perSecond == 50)
    }

    @Test func logLinesAreOneLineEach() {
        final class Box: Sendable { let lines = Mutex<[String]>([]) }
        let box = Box()
        for format in [LineLogHandler.Format.text, .json] {
            var logger = Logger(label: "test") { label in
                LineLogHandler(
                    label: label, level: .info, format: format, now: { "T" },
                    write: { line in box.lines.withLock { $0.append(line) } })
            }
            logger[.nodeID] = "n"
            logger.info("Became leader", metadata: Logger.Metadata(keyed: [.reason: "a\n\"b\""]))
            logger.debug("Not shown")
        }
        let written = box.lines.withLock { $0 }
        #expect(written.count == 2)
        #expect(
            written.last
                == #"{"time":"T","level":"info","logger":"test","message":"Became leader","node.id":"n","reason":"a\n\"b\""}"#
                + "\n")
    }
}
