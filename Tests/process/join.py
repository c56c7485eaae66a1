"""A fourth node joins under load: no client sees an error, and the replicas spread evenly.

    Tests/process/run join [--clients 20]
"""

import argparse
import asyncio

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--clients", type=int, default=20)
options = parser.parse_args()


async def test():
    async with Cluster(3).running() as cluster:
        people = [f"walker{n}" for n in range(options.clients)]
        for person in people:
            await (await Client(cluster, person, 1).open()).close()
        senders = [
            Sender(cluster, person, people[(i + 1) % len(people)], node=1 + i % 3, pause=0.005)
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]

        def acknowledged():
            return sum(len(s.acknowledged) for s in senders)

        async def more(number):
            return acknowledged() >= number
        await poll("500 messages are acknowledged", 60, lambda: more(500))
        say("adding node 4")
        await cluster.tool("add", seconds=300)
        cluster.count = 4
        await cluster.ready(4)
        await poll("replicas and leaders are even within 10 %", 120, lambda: even(cluster), every=0.5)
        joined = acknowledged()
        await poll("500 more messages are acknowledged", 60, lambda: more(joined + 500))
        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        equal([s.errors for s in senders if s.errors], [], "no client saw an error")
        slowest = max(s.slowest for s in senders)
        check(slowest <= 5, f"the slowest send took {slowest:.2f} s", slowest)
        total = await verify(cluster, senders)
        say(f"ok   all {total} acknowledged messages are there once, at their place, also on node 4")


async def even(cluster):
    view = await cluster.admin(1, "/cluster")
    members = view["members"]
    if len(members) != 4 or any(m["state"] != "up" or m["gossip"] != "alive" for m in members):
        raise Failed(f"{[(m['number'], m['state'], m['gossip']) for m in members]!r}")
    if view["moves"] or view["under_replicated"]:
        raise Failed(f"{len(view['moves'])} moves, {view['under_replicated']} under-replicated")
    for what in ("replicas", "leaders"):
        counts = {m["number"]: m[what] for m in members}
        average = sum(counts.values()) / 4
        # One more or less than the average is as even as whole numbers get.
        if any(abs(c - average) > max(average * 0.1, 1) for c in counts.values()):
            raise Failed(f"{what}: {counts!r}")
    say(f"ok   replicas {[m['replicas'] for m in members]}, leaders {[m['leaders'] for m in members]}")
    return True


if __name__ == "__main__":
    main(test, 3600)
