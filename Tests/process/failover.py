"""kill -9 of a leader under load, many times: how long until its conversations take sends again, and does anybody else notice.

    Tests/process/run failover [--rounds 20] [--clients 30]
"""

import argparse
import asyncio
import time

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=20)
parser.add_argument("--clients", type=int, default=30)
parser.add_argument("--max-gap", type=float, default=3.0, help="seconds, at the 99th percentile")
parser.add_argument("--max-others", type=float, default=0.5, help="seconds, for conversations led elsewhere")
options = parser.parse_args()


class Timed(Sender):
    """Remembers when each send was acknowledged."""

    def __init__(self, *arguments, **more):
        super().__init__(*arguments, **more)
        self.times = []

    async def _attempt(self, client, text, name):
        before = len(self.acknowledged)
        client = await super()._attempt(client, text, name)
        if len(self.acknowledged) > before:
            self.times.append(time.monotonic())
        return client

    def gap(self, since, until):
        """The longest time without an acknowledged send between two moments."""
        times = [since, *(t for t in self.times if since < t < until), until]
        return max(b - a for a, b in zip(times, times[1:]))


async def test():
    async with Cluster(3).running() as cluster:
        people = [f"walker{n}" for n in range(options.clients)]
        for person in people:
            await (await Client(cluster, person, 1).open()).close()
        senders = [
            Timed(cluster, person, people[(i + 1) % len(people)], node=1 + i % 3, pause=0.05)
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]

        async def all_began():
            return all(sender.conversation for sender in senders)
        await poll("every conversation has begun", 60, all_began)
        gaps, others = [], []
        for number in range(1, options.rounds + 1):
            led, unled = await one_kill(cluster, senders, number)
            gaps += led
            others += unled
        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        equal([s.errors for s in senders if s.errors], [], "no client saw a lasting error")
        total = await verify(cluster, senders)
        say(f"ok   all {total} acknowledged messages are there once, at their place")
        gaps.sort()
        others.sort()
        p99 = gaps[len(gaps) * 99 // 100]
        say(f"{len(gaps)} conversations lost their leader: gap p50 {gaps[len(gaps) // 2]:.2f} s, p99 {p99:.2f} s, "
            f"max {gaps[-1]:.2f} s")
        say(f"{len(others)} did not, nor did their client's node go: longest pause p50 {others[len(others) // 2]:.2f} s, "
            f"p99 {others[len(others) * 99 // 100]:.2f} s")
        quiet = others[len(others) * 99 // 100]
        check(quiet <= options.max_others, f"others pause at most {options.max_others} s at p99", quiet)
        check(p99 <= options.max_gap, f"the gap is at most {options.max_gap} s at p99", p99)


async def leaders_seen(cluster, senders, number):
    """Who leads each conversation as one node sees it."""
    numbers = {m["node_id"]: m["number"] for m in (await cluster.admin(number, "/cluster"))["members"]}

    async def leader(sender):
        where = await cluster.admin(number, f"/cluster/locate?conversation_id={sender.conversation}")
        return numbers.get(where["leader"])
    return dict(zip(senders, await asyncio.gather(*(leader(sender) for sender in senders))))


async def one_kill(cluster, senders, number):
    """Kills the node that leads most of what others carry; the gaps of those it led, and of those it has nothing to do
    with."""
    async def settled():
        """All nodes agree on who leads, not all where all clients are, and everybody sends: whoever still comes back
        from the kill before would be taken for one who notices this one."""
        began = time.monotonic()
        views = [await leaders_seen(cluster, senders, n) for n in cluster.numbers]
        if any(view != views[0] for view in views) or None in views[0].values():
            return None
        if not all(s.times and s.times[-1] > began - 0.2 for s in senders):
            return None
        led = {n: sum(views[0][s] == n and s.node != n for s in senders) for n in cluster.numbers}
        victim = max(led, key=led.get)
        return (views[0], victim) if led[victim] else None
    leaders, victim = await poll("all nodes agree on the leaders, and all conversations take sends", 60, settled)
    led = [s for s in senders if leaders[s] == victim and s.node != victim]
    unled = [s for s in senders if leaders[s] != victim and s.node != victim]
    since = time.monotonic()
    await cluster.kill(victim)

    async def all_again():
        return all(s.times and s.times[-1] > since + 0.5 for s in led)
    try:
        await poll("its conversations take sends again", 30, all_again)
    except Failed:
        raise Failed(f"round {number}: after 30 s not all conversations of node {victim} take sends") from None
    await asyncio.sleep(0.5)
    until = time.monotonic()
    gaps, others = [s.gap(since, until) for s in led], [s.gap(since, until) for s in unled]
    say(f"kill {number}: node {victim} led {len(led)} of the conversations; longest gap {max(gaps, default=0):.2f} s")
    await cluster.start(victim)
    await cluster.ready(victim)
    return gaps, others


if __name__ == "__main__":
    main(test, 3600)
