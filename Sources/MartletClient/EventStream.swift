import NIOCore

/// The events of one client, for one consumer.
///
/// It must be consumed: at 1,024 waiting events the client stops reading its socket, and at 16,384 (reading goes
/// on while sends wait for their answer) it disconnects until they are taken. Nothing is dropped.
public struct EventStream: AsyncSequence, Sendable {
    public typealias Element = Event

    typealias Producer = NIOAsyncSequenceProducer<
        Event, NIOAsyncSequenceProducerBackPressureStrategies.HighLowWatermark, EventDemand
    >
    let producer: Producer

    public struct AsyncIterator: AsyncIteratorProtocol {
        var base: Producer.AsyncIterator
        public mutating func next() async -> Event? { await base.next() }
    }

    public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(base: producer.makeAsyncIterator()) }
}

/// Tells the core, on its loop, that the consumer has caught up.
final class EventDemand: NIOAsyncSequenceProducerDelegate {
    private let eventLoop: any EventLoop
    private let core: NIOLoopBoundBox<WeakCore?>

    /// `core` is filled in once, on its loop, before anything can be produced.
    init(eventLoop: any EventLoop, core: NIOLoopBoundBox<WeakCore?>) {
        self.eventLoop = eventLoop
        self.core = core
    }

    func produceMore() {
        eventLoop.execute { self.core.value?.core?.eventsWanted() }
    }

    /// The consumer is gone; the client lives on for its sends and throws events away.
    func didTerminate() {
        eventLoop.execute { self.core.value?.core?.eventsUnwanted() }
    }
}

/// The core holds the producer, which holds its delegate: this end must not hold the core.
struct WeakCore {
    weak var core: ClientCore?
}
