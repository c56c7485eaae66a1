"""What goes wrong in a chaos run. Each fault is begun, lasts, and is ended; the last step ends everything."""

import asyncio
import random
import signal

from hosts import PEER, HostError, address


class Nemesis:
    """Draws one fault after the other from a mix until its time is over."""

    def __init__(self, world, random_source):
        self.world, self.random = world, random_source
        self.counts = {}
        self.errors = []

    # Mixes: what a name may draw.
    MIXES = {
        "kill": ("kill_one", "kill_some", "kill_all"),
        "pause": ("pause_one", "pause_often"),
        "partition": ("cut_one", "cut_majority", "cut_bridge", "cut_ring", "cut_one_way"),
        "link": ("udp_only", "tcp_only", "flapping", "loss"),
        "disk": ("full_disk", "full_disk", "kill_one"),
        "rolling": ("rolling_restart", "kill_one"),
        "membership": ("join_and_decommission", "kill_one", "cut_one"),
    }
    MIXES["all"] = tuple(sorted({fault for mix in MIXES.values() for fault in mix} - {"full_disk"}))

    async def run(self, mix, seconds):
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end:
            fault = self.random.choice(self.MIXES[mix])
            self.counts[fault] = self.counts.get(fault, 0) + 1
            self.world.say(f"fault: {fault}")
            try:
                await getattr(self, fault)()
            except HostError as error:
                self.errors.append(f"{fault}: {error}")
                self.world.say(f"the fault failed: {error}")
            await self._heal()
            await asyncio.sleep(self.random.uniform(1, 4))

    async def _heal(self):
        self.world.bed.heal_network()
        for node in self.world.bed.members:
            if node.is_paused:
                node.resume()
            node.free_disk()
            node.start()

    def _some(self, count):
        return self.random.sample(self.world.bed.members, count)

    async def _lasts(self, low, high):
        await asyncio.sleep(self.random.uniform(low, high))

    # Processes

    async def kill_one(self):
        node, = self._some(1)
        node.kill()
        await self._lasts(0.5, 6)

    async def kill_some(self):
        """A minority at once."""
        for node in self._some((len(self.world.bed.members) - 1) // 2):
            node.kill()
        await self._lasts(0.5, 6)

    async def kill_all(self):
        for node in self.world.bed.members:
            node.signal(signal.SIGKILL)
        for node in self.world.bed.members:
            node.kill()
        await self._lasts(0.1, 1)

    async def pause_one(self):
        node, = self._some(1)
        node.pause()
        await self._lasts(0.05, 10)
        node.resume()

    async def pause_often(self):
        node, = self._some(1)
        for _ in range(self.random.randint(3, 10)):
            node.pause()
            await self._lasts(0.05, 1)
            node.resume()
            await self._lasts(0.1, 1)

    # Networks. `blocked` are the ordered pairs (from, to) that no longer get through.

    def _block(self, blocked, match=""):
        for node in self.world.bed.members:
            node.firewall([
                f"ip saddr {address(source.number)} {match}" for source, target in blocked if target is node])

    def _between(self, left, right):
        return [(a, b) for a in left for b in right] + [(b, a) for a in left for b in right]

    def _split(self, count):
        nodes = self._some(len(self.world.bed.members))
        return nodes[:count], nodes[count:]

    async def cut_one(self):
        self._block(self._between(*self._split(1)))
        await self._lasts(2, 10)

    async def cut_majority(self):
        self._block(self._between(*self._split(len(self.world.bed.members) // 2)))
        await self._lasts(2, 12)

    async def cut_bridge(self):
        """Two halves that only one node reaches both of."""
        nodes = self._some(len(self.world.bed.members))
        rest = nodes[1:]
        self._block(self._between(rest[:len(rest) // 2], rest[len(rest) // 2:]))
        await self._lasts(2, 12)

    async def cut_ring(self):
        """Every node reaches its two neighbours in a ring only: majorities that differ for each."""
        nodes = self._some(len(self.world.bed.members))
        far = [
            (a, b) for i, a in enumerate(nodes) for j, b in enumerate(nodes)
            if i != j and (i - j) % len(nodes) not in (1, len(nodes) - 1)]
        self._block(far)
        await self._lasts(2, 12)

    async def cut_one_way(self):
        """One node is heard and hears nothing, or the reverse."""
        (one,), rest = self._split(1)
        pairs = [(one, other) for other in rest]
        if self.random.random() < 0.5:
            pairs = [(b, a) for a, b in pairs]
        self._block(pairs)
        await self._lasts(2, 10)

    async def udp_only(self):
        """Gossip is cut, the links go on."""
        left, right = self._split(self.random.randint(1, len(self.world.bed.members) - 1))
        self._block(self._between(left, right), match=f"udp dport {PEER}")
        await self._lasts(3, 12)

    async def tcp_only(self):
        """The links are cut, gossip goes on: everybody seems alive."""
        self._block(self._between(*self._split(1)), match="meta l4proto tcp")
        await self._lasts(2, 10)

    async def flapping(self):
        for _ in range(self.random.randint(2, 5)):
            self._block(self._between(*self._split(self.random.randint(1, 2))))
            await self._lasts(0.2, 3)
            self.world.bed.heal_network()
            await self._lasts(0.2, 2)

    async def loss(self):
        """One in five packets between nodes is lost."""
        nodes = self.world.bed.members
        everyone = [(a, b) for a in nodes for b in nodes if a is not b]
        self._block(everyone, match="numgen random mod 100 < 20")
        await self._lasts(4, 12)

    # Disks and operations

    async def full_disk(self):
        node, = self._some(1)
        node.fill_disk(self.random.choice((0, 16 << 20, 128 << 20)))
        await self._lasts(4, 12)
        node.free_disk()

    async def rolling_restart(self):
        """Every node drains, ends and comes back, one after the other; the next waits for the cluster's health."""
        for node in list(self.world.bed.members):
            node.signal(signal.SIGTERM)
            await self.world.until(lambda: not node.is_running, 30)
            node.kill()
            node.start()
            await self.world.healthy(60)

    async def join_and_decommission(self):
        """One more node joins, another one leaves for ever."""
        bed = self.world.bed
        node = bed.add()
        node.start()
        if not await self.world.healthy(90):
            self.errors.append(f"node {node.number} did not join within 90 s")
            return
        leaving = self.random.choice([other for other in bed.members if other is not node])
        if not await self.world.decommission(leaving, 120):
            self.errors.append(f"node {leaving.number} did not leave within 120 s")
            return
        leaving.is_member = False
        leaving.kill()
