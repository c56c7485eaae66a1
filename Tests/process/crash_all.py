"""kill -9 of all nodes at once, several times, while many clients send; nothing acknowledged may be missing.

    Tests/process/run crash_all [--clients 50] [--rounds 3]
"""

import argparse
import asyncio

from checks import check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--clients", type=int, default=50)
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--messages", type=int, default=1000, help="acknowledged between two crashes")
options = parser.parse_args()


async def test():
    async with Cluster(3).running() as cluster:
        people = [f"walker{n}" for n in range(options.clients)]
        for first in range(0, len(people), 10):
            opened = await asyncio.gather(*(
                Client(cluster, person, 1).open() for person in people[first:first + 10]))
            await asyncio.gather(*(client.close() for client in opened))
        senders = [
            Sender(cluster, person, people[(i + 1) % len(people)], node=1 + i % cluster.count)
            for i, person in enumerate(people)]
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        for number in range(1, options.rounds + 1):
            await one_crash(cluster, senders, number)
        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        equal([s.errors for s in senders if s.errors], [], "no client saw a lasting error")
        total = await verify(cluster, senders)
        check(total >= options.rounds * options.messages, f"{total} acknowledged messages were checked")
        say("ok   each is there once, at its place, the same on all nodes")


async def one_crash(cluster, senders, number):
    def acknowledged():
        return sum(len(s.acknowledged) for s in senders)

    before = acknowledged()

    async def enough():
        return acknowledged() >= before + options.messages
    await poll(f"{options.messages} more messages are acknowledged", 120, enough)
    await cluster.kill(*cluster.numbers)
    say(f"crash {number}: all nodes killed after {acknowledged()} acknowledged messages")
    await cluster.start(*cluster.numbers)
    await cluster.ready(*cluster.numbers)

    dead = acknowledged()

    async def again():
        return acknowledged() > dead
    await poll("sends are acknowledged again", 60, again)
    say(f"ok   the cluster is back and serving ({acknowledged()} acknowledged)")


if __name__ == "__main__":
    main(test, 3600)
