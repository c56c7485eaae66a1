"""What an operator does in a year, in a few minutes and under load: nodes join, leave, are lost and are restarted.

    Tests/process/run operations [--clients 12]

No acknowledged message is lost, no client sees an error, all nodes tell the same story within 10 s of every step.
"""

import argparse
import asyncio
import os
import pathlib
import shutil
import subprocess
import time

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import ROOT, Cluster, martlet

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


class Operator:
    def __init__(self, cluster, walkers):
        self.cluster, self.walkers, self.numbers = cluster, walkers, [1, 2, 3]

    def only(self, numbers):
        """The nodes that clients know."""
        self.numbers = list(numbers)
        for walker in self.walkers:
            walker.nodes = list(numbers)
            if walker.node not in numbers:
                walker.node = numbers[0]

    async def post(self, number, path):
        return await self.cluster.http(self.cluster.admin_port(number), "POST", path, seconds=15)

    async def settled(self, states, seconds=120):
        """All nodes agree on members and epoch, nothing moves, nothing is missing."""
        async def probe():
            views = [await self.cluster.admin(n, "/cluster") for n in self.numbers]
            shapes = {(v["epoch"], tuple(sorted((m["number"], m["state"]) for m in v["members"]))) for v in views}
            troubles = [(v["under_replicated"], v["unavailable"], len(v["moves"])) for v in views]
            if len(shapes) != 1 or any(any(t) for t in troubles):
                raise Failed(f"{shapes!r} {troubles!r}")
            found = {m["number"]: m["state"] for m in views[0]["members"]}
            if found != states:
                raise Failed(f"{found!r}, not {states!r}")
            return views
        views = await poll(f"members {states}, nothing moving, nothing missing", seconds, probe, every=0.5)
        say(f"ok   settled: {states}")
        return views

    async def agree(self):
        """The nodes' views are equal within 10 s of now, gossip included."""
        async def probe():
            views = [await self.cluster.admin(n, "/cluster") for n in self.numbers]
            shapes = {tuple(sorted((m["node_id"], m["state"], m["gossip"]) for m in v["members"])) for v in views}
            if len(shapes) != 1:
                raise Failed(f"{shapes!r}")
            return True
        await poll("all nodes tell the same story", 10, probe)
        say("ok   all nodes tell the same story within 10 s")

    async def progress(self, count=100):
        """Clients go on: so many messages more are acknowledged."""
        start = sum(len(w.acknowledged) for w in self.walkers)
        async def probe():
            return sum(len(w.acknowledged) for w in self.walkers) >= start + count
        await poll(f"{count} more messages are acknowledged", 60, probe)


async def join(operator):
    cluster = operator.cluster
    say("a fourth and a fifth node join")
    moves = set()
    for number in (4, 5):
        await cluster.tool("add", seconds=300)
        cluster.count = number
        operator.only(range(1, number + 1))
        async def watch():
            view = await cluster.admin(1, "/cluster")
            for move in view["moves"]:
                moves.add(move["stage"])
                busy = [n for n in move["to"] if n not in move["from"]] + [n for n in move["from"] if n not in move["to"]]
                for node in busy:
                    load = sum(node in m["to"] and node not in m["from"] or node in m["from"] and node not in m["to"]
                               for m in view["moves"])
                    if load > 2:
                        raise Failed(f"{node} takes part in {load} moves")
            if view["under_replicated"] or view["moves"]:
                raise Failed("moving")
            replicas = [m["replicas"] for m in view["members"]]
            return len(replicas) == number and min(replicas) >= 0.9 * sum(replicas) / number - 1
        await poll(f"node {number} has its share", 180, watch, every=0.2)
    check(moves, f"moves were visible, at most two per node: {sorted(moves)}", moves)
    await operator.settled({n: "up" for n in range(1, 6)})
    await operator.agree()
    await operator.progress()


async def transfer(operator):
    cluster = operator.cluster
    page = await cluster.admin(1, "/cluster/partitions?limit=1")
    partition = page["partitions"][0]
    target = next(n for n in partition["voters"] if n != partition["leader"])
    # Asked of a node that does not lead it.
    members = {m["node_id"]: m["number"] for m in (await cluster.admin(1, "/cluster"))["members"]}
    asked = next(n for i, n in members.items() if i != partition["leader"])
    result = martlet("transfer", "0", "--to", target, "--admin", f"http://127.0.0.1:{cluster.admin_port(asked)}")
    equal(result.returncode, 0, f"martlet transfer is accepted by any node {result.stderr}")
    async def moved():
        return (await cluster.admin(asked, "/cluster/partitions/0"))["leader"] == target
    await poll("the partition is led by the target", 10, moved)
    say("ok   and the target leads")
    stranger = next((i for i in members if i not in partition["voters"]), None)
    if stranger:
        answer = await operator.post(asked, f"/cluster/partitions/0/transfer?to={stranger}")
        equal((answer.status, answer.code), (409, "refused"), "a transfer to a node without a replica is refused")


async def decommission(operator):
    cluster = operator.cluster
    say("node 1 is decommissioned, by order of node 2")
    operator_states = {1: "left", 2: "up", 3: "up", 4: "up", 5: "up"}
    result = martlet("decommission", "1", "--admin", f"http://127.0.0.1:{cluster.admin_port(2)}")
    equal(result.returncode, 0, f"the order is accepted {result.stderr}")
    operator.only([2, 3, 4, 5])
    views = await operator.settled(operator_states)
    left = next(m for m in views[0]["members"] if m["number"] == 1)
    equal((left["replicas"], left["leaders"]), (0, 0), "it holds and leads nothing")
    await operator.agree()
    async def over():
        return (await cluster.admin(1, "/node"))["progress"]["state"] == "left"
    await poll("it knows itself that it has left", 15, over)
    await cluster.tool("stop", "1")
    text = await cluster.tool("start", "1", may_fail=True)
    check("has left the cluster for good" in text, "started again it is refused", text)
    await operator.progress()


async def replace(operator):
    cluster = operator.cluster
    say("node 3 loses its disk")
    await cluster.kill(3)
    operator.only([2, 4, 5])
    async def dead():
        view = await cluster.admin(2, "/cluster")
        return [m for m in view["members"] if m["number"] == 3 and m["gossip"] == "dead"]
    started = time.monotonic()
    await poll("the others see it dead", 10, dead)
    say(f"ok   dead after {time.monotonic() - started:.1f} s")
    answer = await operator.post(2, "/cluster/members/2/replace")
    equal((answer.status, answer.code), (409, "refused"), "replacing a member that is alive is refused")
    home = pathlib.Path(cluster.directory) / "node3"
    for name in ("wal", "state"):
        shutil.rmtree(home / name)
    for name in ("IDENTITY", "LOCK"):
        (home / name).unlink()
    await cluster.start(3)
    await cluster.ready(3)
    result = martlet("replace", "3", "--admin", f"http://127.0.0.1:{cluster.admin_port(2)}")
    equal(result.returncode, 0, f"martlet replace 3 is accepted {result.stderr}")
    operator.only([2, 3, 4, 5])
    await operator.settled({1: "left", 2: "up", 3: "dead", 4: "up", 5: "up", 6: "up"})
    result = martlet("decommission", "3", "--admin", f"http://127.0.0.1:{cluster.admin_port(2)}")
    equal(result.returncode, 0, f"the old member is let go for good {result.stderr}")
    await operator.settled({1: "left", 2: "up", 3: "left", 4: "up", 5: "up", 6: "up"})
    await operator.agree()
    await operator.progress()


async def rolling_restart(operator):
    say("rolling restart")
    cluster = operator.cluster
    environment = dict(
        os.environ, MARTLET_CLUSTER_DIR=str(cluster.directory), MARTLET_BASE_PORT=str(cluster.base_port))
    result = await asyncio.to_thread(
        subprocess.run, [str(ROOT / "tools" / "rolling-restart")], env=environment, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=600)
    equal(result.returncode, 0, f"tools/rolling-restart works {result.stdout[-500:]} {result.stderr[-500:]}")
    check("all 4 nodes were restarted" in result.stdout, "and restarts all four", result.stdout)
    await operator.agree()
    await operator.progress()


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
        operator = Operator(cluster, walkers)
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
