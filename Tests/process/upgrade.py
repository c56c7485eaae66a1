"""Two versions in one cluster: nodes of an older build are replaced by this build one after the other, under load.

    Tests/process/run upgrade --old PATH/TO/OLDER/martlet [--clients 8]

Without --old this build takes the place of itself, which only shows that the test works. While both versions run, a
client on a node of one talks to a client on a node of the other; the feature level rises when the last node is new.
"""

import argparse
import asyncio
import os

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import BINARY, Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--old", default=BINARY, help="the program of an older version")
parser.add_argument("--clients", type=int, default=8)
options = parser.parse_args()
os.environ["MARTLET_LIMITS_DRAIN_MS"] = "2000"


async def well(cluster):
    views = [await cluster.admin(n, "/cluster") for n in cluster.numbers]
    for view in views:
        states = [(m["state"], m["gossip"]) for m in view["members"]]
        if view["under_replicated"] or view["unavailable"] or states != [("up", "alive")] * 3:
            raise Failed(f"{view['under_replicated']} under-replicated, {view['unavailable']} unavailable, {states}")
    return views[0]


async def test():
    os.environ["MARTLET_BINARY"] = options.old
    async with Cluster(3).running() as cluster:
        before = await cluster.admin(1, "/cluster")
        say(f"versions {[m['version'] for m in before['members']]}, feature level {before['feature_level']}")
        people = [f"user{n}" for n in range(options.clients)]
        for person in people:
            await (await Client(cluster, person, 1).open()).close()
        senders = [
            Sender(cluster, person, people[(i + 1) % len(people)], node=1 + i % 3, pause=0.02)
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(s.run()) for s in senders]
        for number in cluster.numbers:
            await cluster.tool("stop", str(number))
            os.environ["MARTLET_BINARY"] = BINARY
            await cluster.start(number)
            await cluster.ready(number)
            await poll(f"all is well with node {number} new", 60, lambda: well(cluster))
            other = number % 3 + 1
            async with Client(cluster, "old", other) as old, Client(cluster, "new", number) as new:
                await new.sync_done()
                await old.sent("new", f"from node {other} to node {number}")
                await new.message(f"from node {other} to node {number}")
                await new.sent("old", f"from node {number} to node {other}")
                await old.message(f"from node {number} to node {other}")
            say(f"ok   node {number} is new, and both versions talk to each other")
            os.environ["MARTLET_BINARY"] = options.old
        after = await well(cluster)
        check(after["feature_level"] >= before["feature_level"], f"feature level {after['feature_level']}")
        equal(len({m["version"] for m in after["members"]}), 1, "all nodes have one version")
        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        equal([s.errors for s in senders if s.errors], [], "no client saw an error")
        total = await verify(cluster, senders)
        say(f"ok   all {total} acknowledged messages are there once, at their place, on every node")


if __name__ == "__main__":
    main(test, 900)
