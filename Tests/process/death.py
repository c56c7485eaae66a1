"""A node dies: how long until every other one says so?

    Tests/process/run death [--rounds 10] [--max-median 3.0]

Five nodes; one after the other is killed with SIGKILL, until /cluster of each of the four others says `dead`, and started
again, until all five see each other alive.
"""

import argparse
import asyncio
import time

from checks import Failed, check, figures, main, poll, quantile, say
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--rounds", type=int, default=10)
parser.add_argument("--max-median", type=float, default=3.0, help="seconds")
options = parser.parse_args()

COUNT = 5


async def gossip(cluster, asked, number):
    """What one node says of another."""
    members = (await cluster.admin(asked, "/cluster"))["members"]
    return next((m["gossip"] for m in members if m["number"] == number), None)


async def all_alive(cluster):
    async def probe():
        for asked in cluster.numbers:
            for number in cluster.numbers:
                if (state := await gossip(cluster, asked, number)) != "alive":
                    raise Failed(f"node {asked} says that node {number} is {state}")
        return True
    await poll("all nodes see each other alive", 60, probe)


async def one_death(cluster, victim):
    """Seconds from the kill until each of the others said `dead`."""
    others = [n for n in cluster.numbers if n != victim]
    since = time.monotonic()
    killing = asyncio.create_task(cluster.kill(victim))

    async def watch(asked):
        async def probe():
            return await gossip(cluster, asked, victim) == "dead"
        await poll(f"node {asked} says that node {victim} is dead", 30, probe, every=0.05)
        return time.monotonic() - since
    times = await asyncio.gather(*(watch(asked) for asked in others))
    await killing
    return times


async def test():
    async with Cluster(COUNT).running() as cluster:
        await all_alive(cluster)
        firsts, lasts = [], []
        for number in range(options.rounds):
            victim = 1 + number % COUNT
            times = await one_death(cluster, victim)
            firsts.append(min(times))
            lasts.append(max(times))
            say(f"round {number + 1}: node {victim} is dead to the first after {min(times):.2f} s, to the last after "
                f"{max(times):.2f} s")
            await cluster.start(victim)
            await cluster.ready(victim)
            await all_alive(cluster)
        median = quantile(lasts, 0.5)
        figures("death", rounds=options.rounds, first_p50_s=round(quantile(firsts, 0.5), 2),
                last_p50_s=round(median, 2), last_max_s=round(max(lasts), 2))
        check(median <= options.max_median, f"all others know within {options.max_median} s at the median", lasts)


if __name__ == "__main__":
    main(test, 120 + 60 * options.rounds)
