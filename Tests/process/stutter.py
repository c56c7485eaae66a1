"""A node that is stopped for half of every second, in a network that loses a fifth of all datagrams: nobody dies of it.

    Tests/process/run stutter [--minutes 5] [--loss 20] [--pause-ms 500]

Five nodes on hosts of their own; node 3 gets SIGSTOP for 500 ms of every second. No node may mark any node dead, not even
for a moment: each counts the deaths it declares, logs every change of a member, and is asked all the time. Needs root.
"""

import argparse
import asyncio
import re
import time

from checks import check, equal, figures, main, poll, say
from hosted import HostedCluster

parser = argparse.ArgumentParser()
parser.add_argument("--minutes", type=float, default=5)
parser.add_argument("--loss", type=int, default=20, help="percent of the datagrams")
parser.add_argument("--pause-ms", type=int, default=500, help="of every second")
options = parser.parse_args()

STUTTERER = 3


async def gossip_events(cluster, number):
    """What a node has counted of its gossip, by event."""
    text = await cluster.admin(number, "/metrics")
    return {name: int(float(value)) for name, value in re.findall(
        r'^martlet_gossip_events_total\{event="(\w+)"\} (\S+)$', text, re.MULTILINE)}


def deaths_logged(cluster, number):
    return [line for line in cluster.logs(number).splitlines() if re.search(r"gossip\.status[=\":]+dead", line)]


async def stutter(node, until):
    """Stops and continues the process once a second."""
    pauses = 0
    try:
        while (began := time.monotonic()) < until:
            node.pause()
            await asyncio.sleep(options.pause_ms / 1000)
            node.resume()
            pauses += 1
            await asyncio.sleep(max(0, began + 1 - time.monotonic()))
    finally:
        node.resume()
    return pauses


async def watch(cluster, asked, until, seen):
    """Whoever is not alive in one node's eyes, for as long as it lasts."""
    asks = 0
    while time.monotonic() < until:
        try:
            members = (await cluster.admin(asked, "/cluster"))["members"]
        except OSError:
            # The stutterer may be stopped for longer than a request waits, on a busy machine.
            continue
        asks += 1
        for member in members:
            if member["gossip"] != "alive":
                key = (asked, member["number"], member["gossip"])
                seen[key] = seen.get(key, 0) + 1
        await asyncio.sleep(0.2)
    return asks


async def control(cluster):
    """A real death is seen by each of the three ways of looking, so that their silence means something."""
    victim, asked = 5, 1
    others = [n for n in cluster.numbers if n != victim]
    counted = sum([(await gossip_events(cluster, n))["deaths"] for n in others])
    cluster.node(victim).kill()
    async def noticed():
        members = (await cluster.admin(asked, "/cluster"))["members"]
        deaths = sum([(await gossip_events(cluster, n))["deaths"] for n in others])
        return (deaths > counted and deaths_logged(cluster, asked)
                and any(m["number"] == victim and m["gossip"] == "dead" for m in members))
    await poll("a node that is really killed is counted, logged and shown as dead", 20, noticed)
    say("ok   a node that is really killed is counted, logged and shown as dead")


async def test():
    async with HostedCluster(5).running() as cluster:
        before = [await gossip_events(cluster, n) for n in cluster.numbers]
        logged = [len(deaths_logged(cluster, n)) for n in cluster.numbers]
        cluster.lose_datagrams(options.loss)
        until = time.monotonic() + 60 * options.minutes
        seen = {}
        say(f"node {STUTTERER} stutters and {options.loss} % of the datagrams are lost, for {options.minutes:g} minutes")
        pauses, *asks = await asyncio.gather(
            stutter(cluster.node(STUTTERER), until), *(watch(cluster, n, until, seen) for n in cluster.numbers))
        after = [await gossip_events(cluster, n) for n in cluster.numbers]
        grown = [
            {name: now[name] - then.get(name, 0) for name in now} for then, now in zip(before, after)]
        deaths = sum(g["deaths"] for g in grown)
        dead_seen = {key: count for key, count in seen.items() if key[2] == "dead"}
        dead_logged = [
            line for n, old in zip(cluster.numbers, logged) for line in deaths_logged(cluster, n)[old:]]
        figures("stutter", minutes=options.minutes, pauses=pauses, asked=sum(asks), deaths_declared=deaths,
                deaths_seen=len(dead_seen), deaths_logged=len(dead_logged),
                suspected_seen=sum(count for key, count in seen.items() if key[2] == "suspect"),
                false_alarms=sum(g["false_alarms"] for g in grown), refutations=sum(g["refutations"] for g in grown),
                probe_failures=sum(g.get("probe_failures", 0) for g in grown))
        check(sum(g["refutations"] + g["false_alarms"] for g in grown) > 0,
              "the faults were felt: there were suspicions", grown)
        equal(deaths, 0, "no node declared another dead")
        equal(dead_logged, [], "no node heard of a death")
        equal(dead_seen, {}, "no node showed another as dead")
        cluster.heal()
        await cluster.agree(30)
        say("ok   all agree after the faults")
        await control(cluster)


if __name__ == "__main__":
    main(test, 240 + 60 * options.minutes)
