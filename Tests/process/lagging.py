"""A node that was away catches up: by log after a short absence, by snapshot after the others have dropped their log.

    Tests/process/run lagging [--seconds 60] [--clients 20] [--max-factor 2]

Under load node 3 is killed and comes back after `--seconds`; then it is killed again and the others are driven until
they have dropped entries that it lacks. Both times it must come to the content of the others, nothing acknowledged may
be missing, and the 99th percentile of a send's latency may at most double: while the node is away (once its leaderships
have passed on) and while it catches up. The clients pause between sends, so that latency is judged and not saturation.
"""

import argparse
import asyncio
import time

from checks import check, equal, figures, main, poll, quantile, say
from client import Client, Sender, verify
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=int, default=60)
parser.add_argument("--clients", type=int, default=20)
parser.add_argument("--max-factor", type=float, default=2.0, help="of the 99th percentile with all nodes")
parser.add_argument("--floor-ms", type=float, default=10.0, help="a 99th percentile below this is not doubled by noise")
options = parser.parse_args()

# After a kill: until its leaderships have passed on, which `failover` judges.
HANDOVER_SECONDS = 5


class Timed(Sender):
    """Keeps when each send began and how long it took, in milliseconds."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.latencies = []

    async def _attempt(self, client, text, name):
        began, before = time.monotonic(), len(self.acknowledged)
        client = await super()._attempt(client, text, name)
        if len(self.acknowledged) > before:
            self.latencies.append((began, 1000 * (time.monotonic() - began)))
        return client


def p99(senders, since, until):
    found = [ms for sender in senders for began, ms in sender.latencies if since <= began < until]
    return round(quantile(found, 0.99), 1)


async def test():
    async with Cluster(3).running() as cluster:
        people = [f"laggard{n}" for n in range(options.clients)]
        for person in people:
            async with Client(cluster, person, 1):
                pass
        senders = [
            Timed(cluster, person, people[(i + 1) % len(people)], node=1 + i % 2, numbers=[1, 2], pause=0.02)
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        await asyncio.sleep(5)
        latencies, rates, since = {}, {}, time.monotonic()
        rates["usual"] = await rate(senders, 15)
        latencies["usual"] = p99(senders, since, time.monotonic())

        await cluster.kill(3)
        since = time.monotonic() + HANDOVER_SECONDS
        await asyncio.sleep(max(options.seconds, HANDOVER_SECONDS + 5))
        latencies["away"] = p99(senders, since, time.monotonic())
        await cluster.start(3)
        since = time.monotonic()
        rates["catching_up"], _ = await asyncio.gather(rate(senders, 5), caught_up(cluster))
        latencies["catching_up"] = p99(senders, since, max(time.monotonic(), since + 5))
        say(f"ok   node 3 caught up after {options.seconds} s away, {time.monotonic() - since:.1f} s after its start")

        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        equal([s.errors for s in senders if s.errors], [], "no client saw a lasting error")
        total = await verify(cluster, senders)
        say(f"ok   {total} acknowledged messages are there once, at their place, the same on all nodes")
        by_snapshot = await past_truncation(cluster, people)
        judge(latencies | by_snapshot, rates)


def judge(latencies, rates):
    figures("lagging", seconds_away=options.seconds, p99_ms=latencies,
            sends_per_second={name: round(value) for name, value in rates.items()})
    check(rates["catching_up"] > rates["usual"] / 2, "sends go on at no less than half their rate", rates)
    limit = max(options.floor_ms, options.max_factor * latencies["usual"])
    for name, value in latencies.items():
        check(value <= limit, f"p99 of a send {name.replace('_', ' ')}: {value} ms, at most {limit:.1f} ms")


async def past_truncation(cluster, people):
    """Large messages move the log of one conversation far beyond what is kept of it in memory (4 MiB)."""
    await cluster.kill(3)
    sender, recipient = people[0], people[1]
    token = cluster.token(sender, scope="server")
    conversation = None
    async with Client(cluster, sender, 1, device="heavy", token=token) as client:
        for number in range(200):
            answer = await client.sent(recipient, f"{number} " + "x" * 60_000)
            conversation = answer["conversation_id"]
    where = await cluster.admin(1, f"/cluster/locate?conversation_id={conversation}")
    partition = where["partition"]

    async def dropped():
        text = (await cluster.http(cluster.admin_port(1), "GET", f"/cluster/partitions/{partition}")).json
        return text["first"] > 200 and text
    view = await poll("the others drop the log that node 3 lacks", 90, dropped)
    say(f"the log of partition {partition} now begins at {view['first']}")
    # Others write while the snapshots come.
    senders = [
        Timed(cluster, person, people[(i + 1) % len(people)], node=1 + i % 2, numbers=[1, 2], pause=0.02)
        for i, person in enumerate(people[2:])]
    tasks = [asyncio.create_task(sender.run()) for sender in senders]
    await asyncio.sleep(3)
    since = time.monotonic()
    await cluster.start(3)
    await asyncio.gather(caught_up(cluster), asyncio.sleep(3))
    by_snapshot = p99(senders, since, time.monotonic())
    for each in senders:
        each.stop()
    await asyncio.gather(*tasks)
    found = await cluster.history(3, conversation, sender)
    check(len(found) >= 200, "node 3 got the state by snapshot and serves it")
    return {"catching_up_by_snapshot": by_snapshot}


async def rate(senders, seconds):
    def acknowledged():
        return sum(len(s.acknowledged) for s in senders)

    before, started = acknowledged(), time.monotonic()
    await asyncio.sleep(seconds)
    return (acknowledged() - before) / (time.monotonic() - started)


async def caught_up(cluster):
    await cluster.ready(1, 2, 3)

    async def close():
        mine = {v["partition"]: v for v in (await cluster.admin(3, "/cluster/partitions?limit=64"))["partitions"]}
        others = (await cluster.admin(1, "/cluster/partitions?limit=64"))["partitions"]
        return all(mine[v["partition"]]["applied"] + 200 >= v["applied"] for v in others)
    await poll("node 3 has applied what the others have", 60, close)


if __name__ == "__main__":
    main(test, 900)
