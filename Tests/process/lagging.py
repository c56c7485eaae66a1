"""A node that was away catches up: by log after a short absence, by snapshot after the others have dropped their log.

    Tests/process/run lagging [--seconds 60] [--clients 20]

Under load node 3 is killed and comes back after `--seconds`; then it is killed again and the others are driven until
they have dropped entries that it lacks. Both times it must come to the content of the others, nothing acknowledged may
be missing, and sends must go on at no less than half their rate meanwhile.
"""

import argparse
import asyncio
import time

from checks import check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--seconds", type=int, default=60)
parser.add_argument("--clients", type=int, default=20)
options = parser.parse_args()


async def test():
    async with Cluster(3).running() as cluster:
        people = [f"laggard{n}" for n in range(options.clients)]
        for person in people:
            async with Client(cluster, person, 1):
                pass
        senders = [
            Sender(cluster, person, people[(i + 1) % len(people)], node=1 + i % 2, numbers=[1, 2], pause=0.02)
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        await rate(senders, 5)
        usual = await rate(senders, 10)
        say(f"{usual:.0f} messages per second with all nodes")

        await cluster.kill(3)
        await asyncio.sleep(options.seconds)
        await cluster.start(3)
        meanwhile = await rate(senders, 5)
        check(meanwhile > usual / 2, f"{meanwhile:.0f} messages per second while node 3 catches up by log")
        await caught_up(cluster)
        say(f"ok   node 3 caught up after {options.seconds} s away")

        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        equal([s.errors for s in senders if s.errors], [], "no client saw a lasting error")
        total = await verify(cluster, senders)
        say(f"ok   {total} acknowledged messages are there once, at their place, the same on all nodes")
        await past_truncation(cluster, people)


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
    await cluster.start(3)
    await caught_up(cluster)
    found = await cluster.history(3, conversation, sender)
    check(len(found) >= 200, "node 3 got the state by snapshot and serves it")


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
