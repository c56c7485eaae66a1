"""A group of a thousand, of whom 300 are connected to three nodes, at 20 messages a second.

    Tests/process/run big_group [--members 1000] [--live 300] [--rate 20] [--seconds 20] [--max-ms 250]

`martlet bench group` is the load and the 300. Then each of the others connects for the first time and must get everything, in
order; and `info` of the last message must be right for every member, before and after.
"""

import argparse
import asyncio
import json
import time

from checks import Failed, check, equal, figures, main, poll, quantile, say
from client import Client
from cluster import BINARY, Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--members", type=int, default=1000)
parser.add_argument("--live", type=int, default=300, help="connected, without the sender")
parser.add_argument("--rate", type=float, default=20, help="messages a second")
parser.add_argument("--seconds", type=float, default=20)
parser.add_argument("--max-ms", type=float, default=250, help="until the last live member has a message, at p99")
options = parser.parse_args()


async def bench(cluster, prefix):
    """The JSON line of the bench."""
    endpoints = ",".join(f"127.0.0.1:{cluster.client_port(n)}" for n in cluster.numbers)
    process = await asyncio.create_subprocess_exec(
        BINARY, "bench", "group", "--members", str(options.members), "--live", str(options.live), "--rate",
        str(options.rate), "--seconds", str(options.seconds), "--warmup", "3", "--prefix", prefix, "--endpoints",
        endpoints, "--secret-file", f"{cluster.directory}/auth.secret", "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    output, errors = await process.communicate()
    if not output.strip():
        raise Failed(f"the bench made no report: {errors.decode()[-1000:]}")
    return json.loads(output.decode().strip().splitlines()[-1])


def token(cluster, prefix, number):
    return cluster.token(f"{prefix}-m{number}", scope="server")


async def info(cluster, prefix, message, ask):
    """(delivered, read) by member number, as one node tells it."""
    answer = await cluster.rest(ask, "GET", f"/v1/messages/{message}/info", token=token(cluster, prefix, 0))
    if answer.status != 200:
        raise Failed(f"info: {answer!r}")
    start = len(prefix) + 2
    return {
        int(m["user_id"][start:]): ("delivered_at" in m or "read_at" in m, "read_at" in m)
        for m in answer.json["members"]}


async def arrive(cluster, prefix, number, group, expected):
    """One member's first connection: everything, in order; then it says that it has it."""
    began = time.monotonic()
    async with Client(cluster, f"{prefix}-m{number}", 1 + number % 3, device="late",
                      token=token(cluster, prefix, number)) as client:
        await client.sync_done(60)
        seconds = time.monotonic() - began
        got = [(f["seq"], f.get("message_id")) for f in client.frames
               if f["type"] in ("message", "group") and f["conversation_id"] == group]
        if [seq for seq, _ in got] != [seq for seq, _ in expected]:
            missing = [seq for seq, _ in expected if seq not in dict(got)]
            raise Failed(f"member {number} got {len(got)} of {len(expected)}: {got[:5]!r}, missing {missing[:10]!r}")
        wrong = [(a, b) for a, b in zip(got, expected) if a[1] is not None and a != b]
        if wrong:
            raise Failed(f"member {number} got other messages: {wrong[:3]!r}")
        await client.acknowledge(group, expected[-1][0], "read" if number % 2 else "delivered")
        return seconds


async def test():
    prefix = f"g{time.time_ns():x}"
    async with Cluster(3).running() as cluster:
        report = await bench(cluster, prefix)
        last = report["send_to_last_ms"]
        say(f"{report['messages']} messages to {options.live} live members: the last one has it after p50 {last['p50']} ms, "
            f"p99 {last['p99']} ms")
        check(report["ok"], "the bench found nothing lost, doubled or out of order", report)
        answer = await cluster.rest(1, "GET", "/v1/conversations", token=token(cluster, prefix, 0))
        group = answer.json["conversations"][0]["conversation_id"]
        history = [(m["seq"], m["message_id"]) for m in await cluster.history(2, group, f"{prefix}-m0")]
        equal(len(history), report["messages"] + 1, "the group's log has every message, and its creation")
        message = history[-1][1]
        present = set(range(1, options.live + 1))
        everybody = set(range(1, options.members))

        async def live_told():
            for node in cluster.numbers:
                told = await info(cluster, prefix, message, node)
                delivered = {number for number, (has, _) in told.items() if has}
                if set(told) - {0} != everybody or delivered - {0} != present:
                    raise Failed(f"node {node} tells of {len(told)} members, of {len(delivered)} that they have it")
            return True
        await poll(f"info of the last message says that just the {options.live} live members have it", 20, live_told)
        say(f"ok   info of the last message says that just the {options.live} live members have it, on every node")

        late = sorted(everybody - present)
        began = time.monotonic()
        gate = asyncio.Semaphore(16)
        async def one(number):
            async with gate:
                return await arrive(cluster, prefix, number, group, history)
        times = await asyncio.gather(*(one(number) for number in late))
        say(f"ok   all {len(late)} others got all {len(history)} at their first connection, in "
            f"{time.monotonic() - began:.1f} s")

        expected = {n: (True, n in late and n % 2 == 1) for n in everybody}
        async def all_told():
            for node in cluster.numbers:
                told = await info(cluster, prefix, message, node)
                told.pop(0, None)
                if told != expected:
                    wrong = {n: told.get(n) for n in expected if told.get(n) != expected[n]}
                    raise Failed(f"node {node} is wrong of {len(wrong)}: {list(wrong.items())[:5]!r}")
            return True
        await poll("info is right for every member", 20, all_told)
        say("ok   info is right for every member, on every node")
        figures("big_group", members=options.members, live=options.live, rate=options.rate,
                messages=report["messages"], last_member_p50_ms=last["p50"], last_member_p99_ms=last["p99"],
                late=len(late), late_sync_p50_s=round(quantile(times, 0.5), 3),
                late_sync_max_s=round(max(times), 3))
        check(last["p99"] <= options.max_ms, f"the last live member has it within {options.max_ms:g} ms at p99", last)


if __name__ == "__main__":
    main(test, 600)
