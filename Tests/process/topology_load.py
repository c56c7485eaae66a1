"""Nodes join, leave, are lost and are restarted while a thousand messages a second are sent.

    Tests/process/run topology_load [--rate 1000] [--pairs 200] [--before 20] [--max-factor 2]

`martlet bench direct --roam` is the load: it goes elsewhere when a node goes, sends again what has no answer, and counts
what is lost, doubled, refused or out of order. The 99th percentile of send to deliver over all operations may be at most
twice that of the time before them; each operation's own is printed. Left out are the seconds after node 3 is killed, whose
disk is lost: how long conversations wait for another leader is what `failover` judges; it is printed too.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import re
import signal
import subprocess
import time

from checks import Failed, check, equal, figures, main, poll, say
from cluster import BINARY, Cluster
from topology import Operator, decommission, join, replace, rolling_restart

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=int, default=1000, help="sends a second")
parser.add_argument("--pairs", type=int, default=200)
parser.add_argument("--before", type=float, default=20, help="seconds of load before the first operation")
parser.add_argument("--max-factor", type=float, default=2.0, help="of the 99th percentile before")
parser.add_argument("--sample", type=int, default=10, help="conversations that are read back from every node")
options = parser.parse_args()

# A drain waits for clients that do not go: not for a minute here.
os.environ["MARTLET_LIMITS_DRAIN_MS"] = "3000"


class BenchLoad:
    """The load, a process of its own."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.prefix = f"t{time.time_ns():x}"
        home = pathlib.Path(cluster.directory)
        self.timeline, self.output, self.progress_file = (
            home / name for name in ("timeline.jsonl", "bench.json", "bench.txt"))

    def start(self):
        def endpoints(numbers):
            return ",".join(f"127.0.0.1:{self.cluster.client_port(n)}" for n in numbers)

        with open(self.output, "wb") as output, open(self.progress_file, "wb") as errors:
            self.process = subprocess.Popen(
                [BINARY, "bench", "direct", "--json", "--roam", "--pairs", str(options.pairs),
                 "--rate", str(options.rate), "--warmup", "5", "--seconds", "7200", "--prefix", self.prefix,
                 "--endpoints", endpoints((1, 2, 3)), "--roam-to", endpoints(range(1, 6)),
                 "--secret-file", f"{self.cluster.directory}/auth.secret", "--timeline", str(self.timeline)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=errors)

    def only(self, numbers):
        """It finds the living nodes itself."""

    async def progress(self):
        """Messages were delivered in the last seconds."""
        seen = len(self._rates())
        async def probe():
            if self.process.poll() is not None:
                raise Failed(f"the bench has ended: {self.progress_file.read_text()[-500:]}")
            return any(rate > options.rate / 2 for rate in self._rates()[seen:])
        await poll("messages are delivered at more than half the rate", 30, probe)

    def _rates(self):
        return [int(rate) for rate in re.findall(r"delivered (\d+)/s", self.progress_file.read_text())]

    def stop(self):
        """The report and the timeline."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise Failed("the bench did not end within 60 s") from None
        text = self.output.read_text().strip()
        if not text:
            raise Failed(f"the bench made no report: {self.progress_file.read_text()[-1000:]}")
        seconds = [json.loads(line) for line in self.timeline.read_text().splitlines()]
        return json.loads(text.splitlines()[-1]), seconds


# After a kill: until its leaderships have passed on.
FAILOVER_SECONDS = 4


def p99_ms(seconds, since, until, but=(0, 0)):
    """Of send to deliver, of what was meant to be sent between two moments (seconds since 1970) but not between two others;
    nothing without any. A second counts to the moment at its end."""
    counts = collections.Counter()
    for second in seconds:
        end = second["at"] / 1000 + 1
        if since <= end < until and not but[0] <= end < but[1]:
            for microseconds, count in second["delivered"]:
                counts[microseconds] += count
    rank = sum(counts.values()) * 0.99
    for microseconds in sorted(counts):
        rank -= counts[microseconds]
        if rank <= 0:
            return round(microseconds / 1000, 1)
    return None


async def read_back(cluster, load, numbers, total):
    """Every message that was issued is stored once: in number for all conversations, one by one for some."""
    stored = 0
    for pair in range(options.pairs):
        user = f"{load.prefix}-s{pair}"
        token = cluster.token(user, scope="server")
        answer = await cluster.rest(numbers[pair % len(numbers)], "GET", "/v1/conversations", token=token)
        if answer.status != 200 or len(answer.json["conversations"]) != 1:
            raise Failed(f"{user} has not one conversation: {answer!r}")
        conversation = answer.json["conversations"][0]
        stored += conversation["last_seq"]
        if pair < options.sample:
            shapes = []
            for number in numbers:
                messages = await cluster.history(number, conversation["conversation_id"], user)
                if [m["seq"] for m in messages] != list(range(1, conversation["last_seq"] + 1)):
                    raise Failed(f"{user}'s conversation on node {number} is not 1 to {conversation['last_seq']}")
                names = [m["content"].split("-")[:2] for m in messages]
                if sorted(int(n) for _, n in names) != list(range(1, len(names) + 1)):
                    raise Failed(f"{user}'s conversation on node {number} has a message twice, or lacks one")
                shapes.append([(m["message_id"], m["content"]) for m in messages])
            if any(shape != shapes[0] for shape in shapes):
                raise Failed(f"{user}'s conversation is not the same on all nodes")
    equal(stored, total, f"the conversations hold as many messages as were sent; {options.sample} of them were read "
          "back from every node")


async def test():
    async with Cluster(3).running() as cluster:
        load = BenchLoad(cluster)
        load.start()
        try:
            operator = Operator(cluster, load)
            await operator.progress()
            # The bench's own warm-up.
            await asyncio.sleep(5)
            phases = {"before": (time.time(), None)}
            await asyncio.sleep(options.before)
            phases["before"] = (phases["before"][0], time.time())
            for step in (join, decommission, replace, rolling_restart):
                since = time.time()
                await step(operator)
                phases[step.__name__] = (since, time.time())
                # What the step has begun is over, and its last messages have arrived.
                await operator.settled(await states(cluster, operator), seconds=60)
        finally:
            if load.process.poll() is not None:
                say(load.progress_file.read_text()[-1000:])
            report, seconds = load.stop()
        judge(report, seconds, phases, operator)
        await read_back(cluster, load, operator.numbers, report["messages"])


async def states(cluster, operator):
    """The members as they are: they must stay so."""
    view = await cluster.admin(operator.numbers[-1], "/cluster")
    return {m["number"]: m["state"] for m in view["members"]}


def judge(report, seconds, phases, operator):
    crash = (operator.killed_at, operator.killed_at + FAILOVER_SECONDS)
    latencies = {name: p99_ms(seconds, *phase, but=crash) for name, phase in phases.items()}
    operations = phases["join"][0], phases["rolling_restart"][1]
    latencies["all_operations"] = p99_ms(seconds, *operations, but=crash)
    latencies["after_the_kill"] = p99_ms(seconds, *crash)
    latencies["everything"] = p99_ms(seconds, *operations)
    figures("topology_load", rate=options.rate, sent_per_second=report["sent_per_second"], p99_ms=latencies,
            seconds={name: round(b - a, 1) for name, (a, b) in phases.items()}, messages=report["messages"],
            refused=report["retries_by"], reconnects=report["reconnects"], lost=report["lost"],
            duplicates=report["duplicates"], gaps=report["gaps"], reordered=report["reordered"],
            errors=report["errors"], unanswered=report["unanswered"], repeated=report["repeated"])
    check(report["ok"], "the bench found nothing lost, doubled, out of order or without an answer", report)
    check(report["sent_per_second"] > 0.98 * options.rate, "the rate was kept", report["sent_per_second"])
    check(set(report["retries_by"]) <= {"draining"}, "no send was refused but with `draining`", report["retries_by"])
    factor = latencies["all_operations"] / latencies["before"]
    check(factor <= options.max_factor, f"the 99th percentile is {factor:.2f} times that of before, "
          f"at most {options.max_factor:g}", latencies)


if __name__ == "__main__":
    main(test, 2400)
