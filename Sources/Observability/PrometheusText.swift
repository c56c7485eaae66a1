/// Writes the Prometheus text exposition format, version 0.0.4. Every name gets the prefix `martlet_`.
package struct PrometheusText: Sendable {
    package private(set) var output = ""

    package init() {}

    package mutating func counter(_ name: String, _ help: String, _ counter: Counter) {
        family(name, help, "counter")
        sample(name, nil, String(counter.value))
    }

    package mutating func gauge(_ name: String, _ help: String, _ gauge: Gauge) {
        family(name, help, "gauge")
        sample(name, nil, String(gauge.value))
    }

    package mutating func counters(_ name: String, _ help: String, label: String, _ counter: LabelledCounter)
    {
        family(name, help, "counter")
        for (value, count) in counter.values { sample(name, (label, value), String(count)) }
    }

    /// Two labels; the counter's own label holds both values with a space between.
    package mutating func pairs(
        _ name: String, _ help: String, labels: (String, String), _ counter: LabelledCounter
    ) {
        family(name, help, "counter")
        for (value, count) in counter.values {
            let parts = value.split(separator: " ", maxSplits: 1)
            let second = parts.count > 1 ? parts[1] : ""
            output +=
                "martlet_\(name){\(labels.0)=\"\(parts[0])\",\(labels.1)=\"\(second)\"} \(count)\n"
        }
    }

    package mutating func gauges(_ name: String, _ help: String, label: String, _ counter: LabelledCounter) {
        family(name, help, "gauge")
        for (value, level) in counter.values { sample(name, (label, value), String(level)) }
    }

    /// A histogram whose observations are microseconds, written in seconds as the conventions ask.
    package mutating func seconds(_ name: String, _ help: String, _ histogram: Histogram) {
        write(name, help, histogram) { decimal(millionths: $0) }
    }

    package mutating func histogram(_ name: String, _ help: String, _ histogram: Histogram) {
        write(name, help, histogram) { String($0) }
    }

    private mutating func write(
        _ name: String, _ help: String, _ histogram: Histogram, _ text: (UInt64) -> String
    ) {
        family(name, help, "histogram")
        // One reading for the buckets and the count, so that they always agree.
        let counts = histogram.counts
        var running: UInt64 = 0
        for (bound, count) in zip(histogram.bounds, counts) {
            running += count
            sample(name + "_bucket", ("le", text(bound)), String(running))
        }
        let total = counts.reduce(0, +)
        sample(name + "_bucket", ("le", "+Inf"), String(total))
        sample(name + "_sum", nil, text(histogram.sum))
        sample(name + "_count", nil, String(total))
    }

    private mutating func family(_ name: String, _ help: String, _ type: String) {
        output += "# HELP martlet_\(name) \(escaped(help))\n# TYPE martlet_\(name) \(type)\n"
    }

    private mutating func sample(_ name: String, _ label: (name: String, value: String)?, _ value: String) {
        let labels = label.map { "{\($0.name)=\"\(escaped($0.value, quotes: true))\"}" } ?? ""
        output += "martlet_\(name)\(labels) \(value)\n"
    }

    private func escaped(_ text: String, quotes: Bool = false) -> String {
        var out = ""
        for character in text {
            switch character {
            case "\\": out += "\\\\"
            case "\n": out += "\\n"
            case "\"" where quotes: out += "\\\""
            default: out.append(character)
            }
        }
        return out
    }
}

/// `2500` as `0.0025`: exact, without floating point.
private func decimal(millionths: UInt64) -> String {
    let rest = String(millionths % 1_000_000)
    var fraction = String(repeating: "0", count: 6 - rest.count) + rest
    while fraction.last == "0" { fraction.removeLast() }
    return fraction.isEmpty ? String(millionths / 1_000_000) : "\(millionths / 1_000_000).\(fraction)"
}
