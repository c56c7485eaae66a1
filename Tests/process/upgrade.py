"""Two versions beside each other: they run in one cluster, or they refuse each other and say why.

    Tests/process/run upgrade [--old PATH/TO/OLDER/martlet] [--clients 8]

First what needs no other build: peers that speak other versions of the peer protocol, and data directories of other
formats, are refused. Then the older build. If `martlet version` of both says that they have a peer protocol in common
and that this build reads the older one's data, the nodes are replaced by this build one after the other, under load;
while both run, a client on a node of one talks to a client on a node of the other. If not, a node of either is refused
by the other's cluster, which goes on, and this build refuses the older one's data without touching it. Without --old
this build takes the place of itself, which shows the rolling restart and not that two versions agree.
"""

import argparse
import asyncio
import os
import pathlib
import re
import subprocess
import uuid

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import BINARY, Cluster, ExtraNode, node_file

parser = argparse.ArgumentParser()
parser.add_argument("--old", default=BINARY, help="the program of an older version")
parser.add_argument("--clients", type=int, default=8)
options = parser.parse_args()
os.environ["MARTLET_LIMITS_DRAIN_MS"] = "2000"

# Kinds of peer frames, and the reason of a refusal.
HELLO, HELLO_ANSWER, REFUSED, VERSION = 1, 2, 5, 4


class Build:
    """What a program says of itself; one of before the numbers were printed speaks protocol 1 and notes no format."""

    def __init__(self, path):
        self.path = path
        self.text = subprocess.run([path, "version"], capture_output=True, text=True, check=True).stdout
        self.protocol = self.span("peer protocol") or (1, 1)
        self.format = self.span("data format") or (0, 0)

    def span(self, what):
        found = re.search(rf"^{what} (\d+) to (\d+)$", self.text, re.MULTILINE)
        return tuple(map(int, found.groups())) if found else None

    def __repr__(self):
        return f"peer protocol {self.protocol}, data format {self.format}"

    def talks_to(self, other):
        return self.protocol[0] <= other.protocol[1] and other.protocol[0] <= self.protocol[1]

    def reads(self, other):
        return self.format[0] <= other.format[1] <= self.format[1]


def log_of(cluster, number):
    return (pathlib.Path(cluster.directory) / f"node{number}" / "output.txt").read_text(errors="replace")


def home(cluster, number):
    return pathlib.Path(cluster.directory) / f"node{number}"


async def well(cluster):
    views = [await cluster.admin(n, "/cluster") for n in cluster.numbers]
    for view in views:
        states = [(m["state"], m["gossip"]) for m in view["members"]]
        if view["under_replicated"] or view["unavailable"] or states != [("up", "alive")] * 3:
            raise Failed(f"{view['under_replicated']} under-replicated, {view['unavailable']} unavailable, {states}")
    return views[0]


async def answer_to_hello(cluster, protocol):
    """What node 1 answers, and the next byte on the connection, to a peer that speaks these versions."""
    view = await cluster.admin(1, "/cluster")
    hello = bytes([HELLO, *protocol]) + uuid.UUID(view["cluster_id"]).bytes + uuid.uuid4().bytes
    hello += bytes([1]) + os.urandom(8) + bytes([0]) + bytes([16]) + os.urandom(16)
    reader, writer = await asyncio.open_connection("127.0.0.1", cluster.base_port + 11)
    try:
        writer.write(len(hello).to_bytes(4, "little") + hello)
        size = int.from_bytes(await asyncio.wait_for(reader.readexactly(4), 5), "little")
        answer = await asyncio.wait_for(reader.readexactly(size), 5)
        after = await asyncio.wait_for(reader.read(1), 5) if answer[0] == REFUSED else None
        return answer, after
    finally:
        writer.close()


async def other_protocols(cluster, build):
    oldest, current = build.protocol
    for protocol in ((oldest - 1, oldest - 1), (current + 1, current + 1)):
        answer, after = await answer_to_hello(cluster, protocol)
        equal((answer, after), (bytes([REFUSED, VERSION]), b""),
              f"a peer that speaks {protocol[0]} to {protocol[1]} is refused for its version, and the socket closes")
        told = f"which speaks {protocol[0]} to {protocol[1]}"
        check(told in log_of(cluster, 1), "the log says what it speaks", log_of(cluster, 1)[-600:])
    answer, _ = await answer_to_hello(cluster, (current, current + 1))
    equal(answer[0], HELLO_ANSWER, "one that also speaks a newer one is answered")


async def other_formats(cluster, build):
    await cluster.tool("stop", "3")
    file = home(cluster, 3) / "FORMAT"
    present = file.read_text()
    equal(int(present), build.format[1], "a data directory has the number of its format")
    newer, older = build.format[1] + 1, build.format[0] - 1
    for name, text, said in (("newer", str(newer), f"is of format {newer}"), ("older", str(older), "is of format"),
                             ("unnumbered", None, "is of format 0")):
        file.unlink() if text is None else file.write_text(text)
        before = listing(cluster, 3)
        node = ExtraNode(home(cluster, 3) / "node.yaml")
        equal(await node.ended(), 78, f"a node with a data directory of {name} format ends with 78")
        check(said in node.output, "and says so", node.output[-600:])
        equal(listing(cluster, 3), before, "and has changed nothing in it")
    file.write_text(present)
    await cluster.start(3)
    await cluster.ready(3)
    await poll("the node is back", 60, lambda: well(cluster))
    say("ok   with its own number it starts")


def listing(cluster, number):
    """What stands in a node's directory; without outputs, and what a start may touch."""
    found = {}
    for path in sorted(home(cluster, number).rglob("*")):
        if path.is_file() and path.name not in ("output.txt", "node.yaml.txt", "LOCK"):
            status = path.stat()
            found[str(path)] = (status.st_size, status.st_mtime_ns)
    return found


async def rolling(cluster):
    """Both versions have enough in common: one after the other is replaced, under load."""
    before = await cluster.admin(1, "/cluster")
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


async def refused_newcomer(cluster, binary, what):
    """A fresh node of one build beside a cluster of the other."""
    node = ExtraNode(node_file(cluster, pathlib.Path(cluster.directory) / "newcomer", 9), binary)
    try:
        async def told():
            return "no common" in node.output and "no common" in log_of(cluster, 1)
        await poll(f"{what}: the node and its seed both say that they have no common protocol", 30, told)
        answer = await cluster.http(cluster.admin_port(9), "GET", "/readyz", seconds=2)
        check(answer.status == 503 and "no common" in answer.text, f"{what}: its /readyz names the reason", answer)
    finally:
        node.kill()
    members = (await well(cluster))["members"]
    equal(len(members), 3, f"{what}: the cluster goes on without it")
    async with Client(cluster, "ann", 1) as ann, Client(cluster, "bob", 2) as bob:
        await bob.sync_done()
        await ann.sent("bob", what)
        await bob.message(what)


async def refused_data(cluster):
    """This build started on the older one's data, which then goes on with it."""
    await cluster.tool("stop", "3")
    before = listing(cluster, 3)
    node = ExtraNode(home(cluster, 3) / "node.yaml")
    equal(await node.ended(), 78, "this build ends with 78 on the older one's data")
    check("is of format" in node.output and "Nothing is damaged" in node.output, "and says why", node.output[-600:])
    equal(listing(cluster, 3), before, "and has changed nothing in it")
    await cluster.start(3)
    await cluster.ready(3)
    await poll("the older build goes on with its data", 60, lambda: well(cluster))
    say("ok   the older build goes on with its data")


async def test():
    old, new = Build(options.old), Build(BINARY)
    say(f"old: {old}; new: {new}")
    check(new.protocol[0] <= new.protocol[1] and new.format[0] >= 1, "this build tells its numbers", new.text)
    os.environ["MARTLET_BINARY"] = BINARY
    async with Cluster(3).running() as cluster:
        await poll("all is well", 60, lambda: well(cluster))
        await other_protocols(cluster, new)
        await other_formats(cluster, new)
        if not old.talks_to(new):
            await refused_newcomer(cluster, options.old, "an older node, a newer cluster")
    os.environ["MARTLET_BINARY"] = options.old
    async with Cluster(3).running() as cluster:
        await poll("all is well", 60, lambda: well(cluster))
        if old.talks_to(new) and new.reads(old):
            await rolling(cluster)
        if not old.talks_to(new):
            await refused_newcomer(cluster, BINARY, "a newer node, an older cluster")
        if not new.reads(old):
            await refused_data(cluster)


if __name__ == "__main__":
    main(test, 900)
