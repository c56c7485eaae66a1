"""A flipped byte in a closed log segment, and one in the state store: the node refuses to vote and is rebuilt.

    Tests/process/run corruption [--clients 20] [--messages 1500]

The damaged node must end with exit code 65 and the reason, at every start; the others must go on; the rebuilt node, a
new member, must come to the same content of every partition as the others.
"""

import argparse
import asyncio
import pathlib
import random

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--clients", type=int, default=20)
parser.add_argument("--messages", type=int, default=1500, help="acknowledged before the damage")
parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
options = parser.parse_args()


async def test():
    say(f"seed {options.seed}")
    chance = random.Random(options.seed)
    async with Cluster(3).running() as cluster:
        people = [f"reader{n}" for n in range(options.clients)]
        for first in range(0, len(people), 10):
            opened = await asyncio.gather(*(
                Client(cluster, person, 1).open() for person in people[first:first + 10]))
            await asyncio.gather(*(client.close() for client in opened))
        senders = [
            Sender(cluster, person, people[(i + 1) % len(people)], node=1 + i % 2, numbers=[1, 2])
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        await more(senders, options.messages)

        await cluster.kill(3)
        where = flip_in_log(pathlib.Path(cluster.directory) / "node3" / "wal", chance)
        await refuses(cluster, "corrupt log", where)
        await more(senders, 300)
        say("ok   the others go on")
        await advised(cluster)
        old = await rebuilt(cluster)

        state = pathlib.Path(cluster.directory) / "node3" / "state"

        async def flushed():
            await more(senders, 50)
            views = await cluster.admin(3, "/cluster/partitions?limit=64")
            persisted = [view["persisted"] for view in views["partitions"]]
            return sum(1 for index in persisted if index > 0) > 50
        await poll("node 3 has written a table of its state store", 120, flushed)
        await cluster.kill(3)
        where = flip_in_store(state, chance)
        await refuses(cluster, "corrupt", where)
        await more(senders, 300)
        again = await rebuilt(cluster)
        check(again != old, "each rebuilt node is a member of its own")

        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        equal([s.errors for s in senders if s.errors], [], "no client saw a lasting error")
        total = await verify(cluster, senders)
        say(f"ok   {total} acknowledged messages are there once, at their place, the same on all nodes")
        await converged(cluster)


async def more(senders, count):
    def acknowledged():
        return sum(len(s.acknowledged) for s in senders)

    goal = acknowledged() + count

    async def enough():
        return acknowledged() >= goal
    await poll(f"{count} more messages are acknowledged", 180, enough)


def flip(path, offset):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x10]))
    return f"{path.name} at byte {offset}"


def flip_in_log(directory, chance):
    """A bit in the first half of what was written to the oldest segment: records follow it."""
    segment = sorted(directory.glob("*.wal"))[0]
    content = segment.read_bytes().rstrip(b"\0")
    if len(content) < 10_000:
        raise Failed(f"{segment} holds only {len(content)} bytes")
    return flip(segment, chance.randrange(4_096, len(content) // 2))


def flip_in_store(directory, chance):
    """A bit in the middle of the largest table of the state store."""
    table = max(directory.glob("*.sst"), key=lambda path: path.stat().st_size)
    size = table.stat().st_size
    return flip(table, chance.randrange(size // 4, size // 2))


async def refuses(cluster, reason, where):
    """The node ends with 65 and says why, at once or when it reads the damaged place, and again at every start."""
    say(f"flipped a bit in {where}")
    text = await cluster.tool("start", "3", may_fail=True)
    if "exit code 65" not in text:
        # A damaged table is noticed when it is read: reading all partitions makes that now.
        await scan(cluster, 3)
        await gone(cluster, 3)
        text = await cluster.tool("start", "3", may_fail=True)
    check("exit code 65" in text and reason in text, f"the node ends with exit code 65: {reason}", text[-800:])
    text = await cluster.tool("start", "3", may_fail=True)
    check("exit code 65" in text, "and again at the next start")


async def scan(cluster, number):
    for partition in range(64):
        try:
            await cluster.http(
                cluster.admin_port(number), "GET", f"/cluster/partitions/{partition}/content", seconds=10)
        except OSError:
            return


async def gone(cluster, number):
    async def probe():
        try:
            cluster.pid(number)
            return False
        except Failed:
            return True
    await poll(f"node {number} has ended", 30, probe)


async def advised(cluster):
    """The other nodes show the member as dead, and what to do."""
    async def probe():
        members = (await cluster.admin(1, "/cluster"))["members"]
        return next((m for m in members if m["gossip"] == "dead" and "replace" in m.get("advice", "")), None)
    dead = await poll("node 1 says what to do about the dead member", 30, probe)
    equal(dead["name"], "node3", "the others show the damaged member, and what to do about it")


async def rebuilt(cluster):
    """Rebuilds node 3; returns its new id once every partition has its three replicas again."""
    say((await cluster.tool("rebuild", "3", seconds=240)).strip().splitlines()[-1])

    async def probe():
        view = await cluster.admin(1, "/cluster")
        node = next((m for m in view["members"] if m["name"] == "node3" and m["state"] == "up"), None)
        if view["under_replicated"] or view["moves"] or node is None or node["replicas"] < 64:
            raise Failed(f"{view['under_replicated']} under-replicated, {len(view['moves'])} moves, {node!r}")
        return node["node_id"]
    found = await poll("the new node holds all partitions", 240, probe)
    await cluster.ready(1, 2, 3)
    say("ok   the rebuilt node holds a replica of every partition")
    return found


async def converged(cluster):
    """The same content and the same state hash on all nodes, at the same index."""
    async def same(partition):
        async def probe():
            contents = [await cluster.admin(n, f"/cluster/partitions/{partition}/content") for n in cluster.numbers]
            views = [await cluster.admin(n, f"/cluster/partitions/{partition}") for n in cluster.numbers]
            return contents[0] == contents[1] == contents[2] and len(
                {(v["applied"], v["state_hash"]) for v in views}) == 1
        await poll(f"partition {partition} is the same on all nodes", 30, probe)
    for partition in range(64):
        await same(partition)
    say("ok   content and state hash of all 64 partitions are the same on all nodes")


if __name__ == "__main__":
    main(test, 1200)
