"""What an operator does in a year, in a few minutes and under load: nodes join, leave, are lost and are restarted.

    Tests/process/run operations [--clients 12]

No acknowledged message is lost, no client sees an error, all nodes tell the same story within 10 s of every step.
"""

import argparse
import asyncio
import os
import pathlib

from checks import equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster
from topology import Operator, decommission, join, replace, rolling_restart, transfer

parser = argparse.ArgumentParser()
parser.add_argument("--clients", type=int, default=12)
options = parser.parse_args()

# A drain waits for clients that do not go: not for a minute here.
os.environ["MARTLET_LIMITS_DRAIN_MS"] = "3000"


class Walker(Sender):
    """Goes elsewhere when it is told that its node drains, as the protocol asks."""

    async def _attempt(self, client, text, name):
        if client and any(f["type"] == "draining" for f in client.frames):
            await self._next_node(client)
            return None
        return await super()._attempt(client, text, name)


class Walkers:
    """All clients of the run."""

    def __init__(self, walkers):
        self.walkers = walkers

    def only(self, numbers):
        for walker in self.walkers:
            walker.nodes = list(numbers)
            if walker.node not in numbers:
                walker.node = numbers[0]

    async def progress(self, count=100):
        """So many messages more are acknowledged."""
        start = sum(len(w.acknowledged) for w in self.walkers)
        async def probe():
            return sum(len(w.acknowledged) for w in self.walkers) >= start + count
        await poll(f"{count} more messages are acknowledged", 60, probe)


async def rotate_keys(operator):
    """Three steps, each told to one node after the other, with the cluster under load."""
    cluster = operator.cluster
    say("the gossip key is rotated")
    path = pathlib.Path(cluster.directory) / "gossip.key"
    old, new = path.read_text().strip(), os.urandom(32).hex()
    for number, step in enumerate(([old, new], [new, old], [new])):
        path.write_text("".join(line + "\n" for line in step))
        for node in operator.numbers:
            os.kill(cluster.pid(node), 1)
            home = pathlib.Path(cluster.directory) / f"node{node}" / "output.txt"
            async def reloaded():
                return home.read_text(errors="replace").count("gossip keys reloaded") == number + 1
            await poll(f"node {node} has reloaded", 10, reloaded)
    await cluster.kill(5)
    await cluster.start(5)
    await cluster.ready(5)
    await operator.agree()
    drops = (await cluster.http(cluster.admin_port(2), "GET", "/metrics")).text
    line = next(l for l in drops.splitlines() if 'event="dropped_bad_seal"' in l)
    equal(line.split()[-1], "0", "no datagram was dropped for its key, and a restarted node is let in with the new one")
    await operator.progress()


async def test():
    async with Cluster(3).running() as cluster:
        people = [f"walker{n}" for n in range(options.clients)]
        for person in people:
            await (await Client(cluster, person, 1).open()).close()
        walkers = [
            Walker(cluster, person, people[(i + 1) % len(people)], node=1 + i % 3, pause=0.05)
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(w.run()) for w in walkers]
        operator = Operator(cluster, Walkers(walkers))
        await operator.progress()
        for step in (join, transfer, decommission, replace, rolling_restart, rotate_keys):
            await step(operator)
        for walker in walkers:
            walker.stop()
        await asyncio.gather(*tasks)
        equal([w.errors for w in walkers if w.errors], [], "no client saw an error")
        say(f"the slowest send took {max(w.slowest for w in walkers):.2f} s")
        total = await verify(cluster, walkers, numbers=operator.numbers)
        say(f"ok   all {total} acknowledged messages are there once, at their place, on every node")


if __name__ == "__main__":
    main(test, 2400)
