"""Two of three nodes lose their disks for ever: the third goes on alone by `martlet recover`, and grows again.

    Tests/process/run recover
"""

import asyncio
import pathlib
import shutil

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster, martlet, run_node_copy


DATA = ("IDENTITY", "FORMAT", "LOCK", "wal", "state")


async def quiet(cluster):
    """Every replica has everything, so that what was acknowledged is also on the node that will survive."""
    for number in cluster.numbers:
        page = await cluster.admin(number, "/cluster/partitions?limit=1024")
        for partition in page["partitions"]:
            if any(partition["lag"].values()) or partition["commit"] != partition["applied"]:
                raise Failed(f"partition {partition['partition']} lags: {partition['lag']}")
    return True


async def test():
    async with Cluster(3).running() as cluster:
        people = [f"keeper{n}" for n in range(6)]
        for person in people:
            await (await Client(cluster, person, 1).open()).close()
        senders = [Sender(cluster, p, people[(i + 1) % 6], node=1 + i % 3) for i, p in enumerate(people)]
        tasks = [asyncio.create_task(s.run()) for s in senders]
        async def enough():
            return sum(len(s.acknowledged) for s in senders) >= 120
        await poll("120 messages are acknowledged", 60, enough)
        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        await poll("all replicas have everything", 30, lambda: quiet(cluster))
        before = await cluster.admin(1, "/cluster")
        await cluster.kill(1, 2, 3)
        home = pathlib.Path(cluster.directory)

        result = martlet("recover", "plan", *(str(home / f"node{n}") for n in cluster.numbers))
        equal(result.returncode, 0, "a plan with everybody there")
        check("nothing to recover" in result.stderr, "finds nothing to recover", result.stderr)

        lost = home / "lost"
        for number in (2, 3):
            (lost / f"node{number}").mkdir(parents=True)
            for name in DATA:
                shutil.move(home / f"node{number}" / name, lost / f"node{number}" / name)
        survivor, plan = str(home / "node1"), str(home / "plan.json")
        result = martlet("recover", "plan", survivor, "--out", plan)
        equal(result.returncode, 0, "a plan is made from the one survivor")
        check("LOST FOR EVER" in result.stderr and "node2" in result.stderr, "it is loud about who is lost", result.stderr)
        result = martlet("recover", "apply", "--plan", plan, "--data-dir", survivor)
        equal(result.returncode, 2, "applying it without --accept-data-loss is refused")
        result = martlet("recover", "apply", "--plan", plan, "--data-dir", survivor, "--accept-data-loss")
        equal(result.returncode, 0, f"applying it works: {result.stdout.strip()} {result.stderr.strip()}")
        result = martlet("recover", "apply", "--plan", plan, "--data-dir", survivor, "--accept-data-loss")
        equal(result.returncode, 1, "applying it twice is refused")

        await cluster.start(1)
        async def serves():
            view = await cluster.admin(1, "/cluster")
            if view["unavailable"]:
                raise Failed(f"{view['unavailable']} unavailable")
            return view
        view = await poll("the survivor serves every partition alone", 60, serves)
        equal(view["cluster_id"], before["cluster_id"], "it is the same cluster")
        equal(len(view["losses"]), 1 + view["partition_count"], "every group's loss is on record")
        await cluster.ready(1)
        total = await verify(cluster, senders, numbers=[1])
        say(f"ok   all {total} acknowledged messages are on the survivor")

        code, output = await run_node_copy(cluster, lost / "node2", number=9)
        equal(code, 1, "a lost node that is started again after all is refused")
        check("left the cluster for good" in output, "and is told why", output[-600:])

        say("two empty nodes join")
        await cluster.start(2, 3)
        async def whole():
            view = await cluster.admin(1, "/cluster")
            states = sorted((m["number"], m["state"]) for m in view["members"])
            if view["under_replicated"] or view["moves"] or sum(s == "up" for _, s in states) != 3:
                raise Failed(f"{view['under_replicated']} under-replicated, {len(view['moves'])} moves, {states}")
            return states
        states = await poll("every partition has three replicas again", 120, whole, every=0.5)
        equal([s for n, s in states if n in (2, 3)], ["left", "left"], "the lost nodes have left for ever")
        await cluster.ready(1, 2, 3)
        total = await verify(cluster, senders)
        say(f"ok   all {total} acknowledged messages are on every node")
        async with Client(cluster, "keeper0", 2) as sender, Client(cluster, "keeper1", 3) as receiver:
            await sender.sent("keeper1", "we go on")
            await receiver.message("we go on")
        say("ok   and the cluster takes new ones")


if __name__ == "__main__":
    main(test, 1800)
