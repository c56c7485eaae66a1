"""A cluster whose nodes have hosts of their own: the network namespaces of Tests/chaos, with what process tests expect."""

import asyncio
import contextlib
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

from checks import Failed, poll, say
from cluster import BINARY, Cluster
from hosts import CLIENT, PEER, Bed, address


class HostedCluster(Cluster):
    """Like `Cluster`, on 10.77.0.N behind firewalls that a test can set. Needs root."""

    def __init__(self, count=5):
        if os.geteuid() != 0:
            raise Failed("this test needs root for network namespaces")
        self.count = count
        self.bed = Bed(pathlib.Path(BINARY), count)
        self._secret = self.bed.secret.encode()
        self.directory = self.bed.directory

    @contextlib.asynccontextmanager
    async def running(self):
        is_well = False
        try:
            say(f"starting {self.count} nodes in {self.directory}, each on a host of its own")
            self.bed.form()
            await self.ready(*self.numbers, seconds=120)
            await self.agree(60)
            yield self
            is_well = True
        finally:
            if not is_well:
                for node in self.bed.nodes:
                    say(f"end of node {node.number}\n{node.tail()}")
                say(f"the nodes' directories are kept in {self.directory}")
            self.bed.remove(keep=not is_well)

    def client_host(self, number):
        return address(number)

    def client_port(self, number):
        return CLIENT

    def node(self, number):
        return self.bed.nodes[number - 1]

    async def admin(self, number, path):
        status, body = await asyncio.to_thread(self.node(number).admin, "GET", path)
        if status != 200:
            raise Failed(f"GET {path} of node {number}: {status} {body!r}")
        return body

    async def ready(self, *numbers, seconds=60):
        for number in numbers:
            await poll(f"node {number} is ready", seconds, lambda: self.admin(number, "/readyz"))

    async def agree(self, seconds):
        """All nodes tell the same of all members, hold all alive, and miss no replica."""
        async def probe():
            views = await asyncio.gather(*(self.admin(n, "/cluster") for n in self.numbers))
            shapes = {
                (v["epoch"], tuple(sorted((m["number"], m["state"], m["gossip"]) for m in v["members"])))
                for v in views}
            troubles = [(v["under_replicated"], v["unavailable"]) for v in views]
            states = {state[1:] for _, members in shapes for state in members}
            if len(shapes) != 1 or any(map(any, troubles)) or states != {("up", "alive")}:
                raise Failed(f"{shapes!r} {troubles!r}")
            return True
        await poll("all nodes tell the same story", seconds, probe)

    def logs(self, number):
        return (self.node(number).home / "output.txt").read_text(errors="replace")

    # Faults

    def lose_datagrams(self, percent):
        """Every node loses this part of the gossip that comes in."""
        for node in self.bed.nodes:
            node.firewall([f"udp dport {PEER} numgen random mod 100 < {percent}"])

    def split(self, left, right):
        """Nothing gets from one side to the other."""
        for side, others in ((left, right), (right, left)):
            for number in side:
                self.node(number).firewall([f"ip saddr {address(other)}" for other in others])

    def heal(self):
        self.bed.heal_network()
