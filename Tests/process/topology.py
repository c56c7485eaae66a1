"""What an operator does to the nodes of a cluster, step by step, with what must hold after each."""

import asyncio
import os
import pathlib
import shutil
import subprocess
import time

from checks import Failed, check, equal, poll, say
from cluster import ROOT, martlet


class Operator:
    """Gives the orders. `load` are the clients meanwhile: `only(numbers)` and `progress()` are asked of it."""

    def __init__(self, cluster, load):
        self.cluster, self.load, self.numbers = cluster, load, list(cluster.numbers)
        # When a node was killed (seconds since 1970).
        self.killed_at = None

    def only(self, numbers):
        """The nodes that clients know."""
        self.numbers = list(numbers)
        self.load.only(self.numbers)

    async def progress(self):
        """Clients go on."""
        await self.load.progress()

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
    operator.killed_at = time.time()
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
