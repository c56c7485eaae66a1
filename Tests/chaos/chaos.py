"""A cluster of real processes on hosts of their own, people who write, and faults; in the end everything is read back.

    tools/chaos [--minutes M] [--mix NAME] [--nodes N] [--seed S] [--keep]

Mixes: kill, pause, partition, link, disk, rolling, membership, all. The last line is JSON; exit code 1 on an anomaly, or
when fewer than 200 sends a second were acknowledged before the first fault (such a run says nothing). Needs root.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import pathlib
import random
import sys
import time

from checker import judge
from hosts import CLIENT, Bed, HostError, address
from nemesis import Nemesis
from workload import Device, History, Janitor, Person, token

ROOT = pathlib.Path(__file__).resolve().parents[2]
SENDS_PER_SECOND_MIN = 200


class World:
    """One run: the cluster, its people, and what is known of both."""

    def __init__(self, options):
        self.options = options
        self.random = random.Random(options.seed)
        self.started = time.monotonic()
        self.run = f"{time.time_ns():x}"
        binary = pathlib.Path(os.environ.get("MARTLET_BINARY", ROOT / ".build/release/martlet"))
        if not os.access(binary, os.X_OK):
            raise HostError(f"{binary} is not built (tools/build)")
        self.bed = Bed(binary, options.nodes, disk_mb=1024 if options.mix == "disk" else None)
        self.history = History()
        self.people = [Person(self, f"p{n}") for n in range(options.people)]
        self.groups = {}
        # No new sends; then nothing at all.
        self.is_quiet, self.is_over = asyncio.Event(), asyncio.Event()

    def say(self, text):
        print(f"[{time.monotonic() - self.started:6.1f} s] {text}", flush=True)

    def open_nodes(self):
        return self.bed.members

    async def request(self, user, method, path, body=None, node=None, seconds=10):
        """The status of a REST request to a random node, or nothing when it got no answer."""
        answer = await self.ask(user, method, path, body, node, seconds)
        return answer and answer[0]

    async def ask(self, user, method, path, body=None, node=None, seconds=10):
        node = node or random.choice(self.open_nodes())

        def call():
            connection = http.client.HTTPConnection(address(node.number), CLIENT, timeout=seconds)
            try:
                connection.request(
                    method, path, None if body is None else json.dumps(body),
                    {"Authorization": f"Bearer {token(self.bed.secret, user)}"})
                answer = connection.getresponse()
                return answer.status, json.loads(answer.read() or b"null")
            finally:
                connection.close()
        try:
            return await asyncio.to_thread(call)
        except (OSError, http.client.HTTPException, ValueError):
            return None

    async def admin(self, node, method, path):
        try:
            return await asyncio.to_thread(node.admin, method, path)
        except (OSError, http.client.HTTPException):
            return None

    async def until(self, holds, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = holds()
            if asyncio.iscoroutine(value):
                value = await value
            if value:
                return True
            await asyncio.sleep(0.2)
        return False

    async def healthy(self, seconds):
        """All members are up and agree, nothing is under-replicated or moving."""
        return await self.until(self._is_healthy, seconds)

    async def _is_healthy(self):
        views = []
        for node in self.bed.members:
            ready = await self.admin(node, "GET", "/readyz")
            cluster = await self.admin(node, "GET", "/cluster")
            if not ready or ready[0] != 200 or not cluster or cluster[0] != 200:
                return False
            views.append(cluster[1])
        first = views[0]
        states = [sorted((m["node_id"], m["state"], m["gossip"]) for m in v["members"]) for v in views]
        live = [m for m in first["members"] if m["state"] not in ("left", "dead")]
        return (
            all(s == states[0] for s in states) and all(v["epoch"] == first["epoch"] for v in views)
            and len(live) == len(self.bed.members)
            and all(m["state"] == "up" and m["gossip"] == "alive" for m in live)
            and not first["under_replicated"] and not first["unavailable"] and not first["moves"])

    async def decommission(self, node, seconds):
        other = next(n for n in self.bed.members if n is not node)

        async def identity():
            view = await self.admin(other, "GET", "/cluster")
            return view and next(m for m in view[1]["members"] if m["name"] == f"node{node.number}")
        member = await identity()
        if not member:
            return False

        async def accepted():
            answer = await self.admin(other, "POST", f"/cluster/members/{member['node_id']}/decommission")
            return answer and answer[0] == 202
        if not await self.until(accepted, 30):
            return False

        async def has_left():
            member = await identity()
            return member and member["state"] == "left"
        return await self.until(has_left, seconds)

    # The run

    async def prepare(self):
        self.say(f"forming a cluster of {self.options.nodes} nodes in {self.bed.directory}")
        self.bed.form()
        if not await self.healthy(120):
            raise HostError("the cluster did not become healthy within 120 s")
        names = [person.name for person in self.people]
        for person in self.people:
            await self._insist(person.name, "GET", "/v1/conversations")
        for number in range(max(1, len(names) // 8)):
            members = self.random.sample(names, 8)
            created = await self._insist(
                members[0], "POST", "/v1/groups", {"name": f"group {number}", "member_ids": members[1:7]})
            self.groups[created["group_id"]] = (members[0], members[1:7], members[7])

    async def _insist(self, user, method, path, body=None):
        for _ in range(50):
            answer = await self.ask(user, method, path, body)
            if answer and answer[0] < 300:
                return answer[1]
            await asyncio.sleep(0.2)
        raise HostError(f"{method} {path}: {answer}")

    def _choice(self, place):
        """Whom a person writes to: mostly one other person, sometimes a group."""
        name = self.people[place].name
        friends = [self.people[(place + step) % len(self.people)].name for step in (1, 2)]
        groups = [g for g, (owner, members, guest) in self.groups.items() if name in (owner, *members, guest)]

        def choose():
            if groups and random.random() < 0.15:
                return random.choice(groups), True
            return random.choice(friends), False
        return choose

    async def live(self):
        async with asyncio.TaskGroup() as tasks:
            for place, person in enumerate(self.people):
                for device in person.devices:
                    tasks.create_task(device.live())
                tasks.create_task(person.write(self._choice(place), len(self.people) / self.options.rate))
            self.janitors = [Janitor(self, group, owner, guest) for group, (owner, _, guest) in self.groups.items()]
            for janitor in self.janitors:
                tasks.create_task(janitor.work())
            tasks.create_task(self._story())

    async def _story(self):
        await self.until(lambda: all(d.is_connected.is_set() for d in self.history.devices), 30)
        await asyncio.sleep(5)
        since, before = time.monotonic(), len(self.history.acked_at)
        await asyncio.sleep(10)
        self.rate = (len(self.history.acked_at) - before) / (time.monotonic() - since)
        self.say(f"{self.rate:.0f} sends a second are acknowledged before the first fault")
        nemesis = self.nemesis = Nemesis(self, self.random)
        self.faults_from = time.monotonic()
        if self.rate >= SENDS_PER_SECOND_MIN:
            await nemesis.run(self.options.mix, self.options.minutes * 60)
        self.faults_to = time.monotonic()
        self.say("healing")
        healed = time.monotonic()
        self.is_healed = await self.healthy(120)
        self.converged = time.monotonic() - healed
        self.say(f"all views agree after {self.converged:.1f} s" if self.is_healed else "THE VIEWS DO NOT AGREE")
        await asyncio.sleep(2)
        self.is_quiet.set()
        await self.until(self._is_settled, 60)
        self.logs = await self._read()
        # Once more from the disks alone.
        self.say("restarting all nodes and reading again")
        for node in self.bed.members:
            node.kill()
        for node in self.bed.members:
            node.start()
        self.is_healed = await self.healthy(120) and self.is_healed
        await self.until(self._is_settled, 60)
        self.again = await self._read()
        self.is_over.set()
        for device in self.history.devices:
            if device.socket:
                await device.socket.close()

    async def _is_settled(self):
        """No send and no change is under way, and every device shows what its conversations hold."""
        if any(janitor.is_working for janitor in self.janitors):
            return False
        if any(s.outcome == "open" and time.monotonic() - s.invoked < 15 for s in self.history.sends):
            return False
        heads = {}
        for send in self.history.sends:
            if send.outcome == "sent":
                heads[send.conversation] = max(heads.get(send.conversation, 0), send.seq)
        for device in self.history.devices:
            for conversation, shown in device.screen.items():
                if conversation not in self.groups and not device.is_writer and conversation in heads:
                    if max(shown) < heads[conversation]:
                        return False
        return True

    async def _read(self):
        """Every conversation from every node."""
        readers = {}
        for send in self.history.sends:
            if send.conversation and not send.is_group:
                readers[send.conversation] = send.user
        for group, (owner, _, _) in self.groups.items():
            readers[group] = owner
        gate = asyncio.Semaphore(8)

        async def history(node, conversation, user):
            messages, cursor = [], None
            while True:
                path = f"/v1/conversations/{conversation}/messages?order=asc&limit=100"
                path += f"&cursor={cursor}" if cursor else ""
                async with gate:
                    for _ in range(30):
                        answer = await self.ask(user, "GET", path, node=node)
                        if answer and answer[0] == 200:
                            break
                        await asyncio.sleep(0.5)
                    else:
                        raise HostError(f"node {node.number} does not answer {path}: {answer}")
                messages += answer[1]["messages"]
                if not answer[1]["has_more"]:
                    return messages
                cursor = answer[1]["next_cursor"]
        logs = {}
        pairs = [(c, node) for c in readers for node in self.bed.members]
        found = await asyncio.gather(*(history(node, c, readers[c]) for c, node in pairs))
        for (conversation, node), messages in zip(pairs, found):
            logs.setdefault(conversation, {})[node.number] = messages
        return logs

    def gaps_ms(self):
        """How long sends took from the first attempt to `sent` while faults were on, ascending: an outage of a
        conversation is the longest that one of its sends waited."""
        return sorted(
            round(1000 * (s.completed - s.invoked)) for s in self.history.sends
            if s.outcome == "sent" and s.completed >= self.faults_from and s.invoked <= self.faults_to) or [0]

    def report(self):
        verdicts = [judge(self.history, self.logs), judge(self.history, self.again)]
        worst = max(verdicts, key=lambda v: sum(map(len, vars(v).values())))
        for kind, found in vars(worst).items():
            for text in found[:8]:
                self.say(f"{kind}: {text}")
        for text in self.history.regressed[:8]:
            self.say(f"receipt went back: {text}")
        for text in self.nemesis.errors:
            self.say(f"operation failed: {text}")
        is_void = self.rate < SENDS_PER_SECOND_MIN
        if is_void:
            self.say(f"void: only {self.rate:.0f} sends a second before the first fault")
        gaps = self.gaps_ms()
        changes = [c for c in self.history.changes if c.outcome == "done"]
        print(json.dumps({
            "sent": len(self.history.sends), "acked": len(self.history.acked_at), "lost": len(worst.lost),
            "duplicated": len(worst.duplicated), "reordered": len(worst.reordered),
            "receipts_regressed": len(self.history.regressed),
            "membership_anomalies": len(worst.membership), "phantoms": len(worst.phantoms),
            "faults": self.nemesis.counts, "max_gap_ms": gaps[-1], "p50_ms": gaps[len(gaps) // 2],
            "p99_ms": gaps[len(gaps) * 99 // 100],
            "operations_failed": len(self.nemesis.errors), "converged_ms": round(self.converged * 1000),
            "acked_per_second_before": round(self.rate), "membership_changes": len(changes),
            "refusals": self.history.refusals, "mix": self.options.mix, "nodes": self.options.nodes,
            "seed": self.options.seed, "void": is_void}), flush=True)
        is_clean = worst.is_clean and not self.history.regressed and not self.nemesis.errors
        return is_clean and self.is_healed and not is_void


def main():
    parser = argparse.ArgumentParser(prog="tools/chaos", description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=3, help="of faults (default 3)")
    parser.add_argument("--mix", choices=sorted(Nemesis.MIXES), default="all")
    parser.add_argument("--nodes", type=int, default=5, choices=range(3, 8), metavar="3..7")
    parser.add_argument("--people", type=int, default=24, help="users, with two devices each (default 24)")
    parser.add_argument("--rate", type=float, default=300, help="sends a second of all together (default 300)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32), help="of the faults")
    parser.add_argument("--keep", action="store_true", help="keep the nodes' directories")
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("tools/chaos needs root for network namespaces")
    world, is_clean = None, False
    try:
        world = World(options)

        async def all_of_it():
            await world.prepare()
            await world.live()
        asyncio.run(all_of_it())
        is_clean = world.report()
    except* HostError as errors:
        for error in errors.exceptions:
            print(f"tools/chaos: {error}", file=sys.stderr)
    finally:
        if world:
            if not is_clean:
                for node in world.bed.nodes:
                    print(node.tail(), file=sys.stderr)
            with contextlib.suppress(Exception):
                world.bed.remove(keep=options.keep)
    sys.exit(0 if is_clean else 1)


if __name__ == "__main__":
    main()
