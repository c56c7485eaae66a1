"""A disk that fills up under one node: leaders move away, nothing more is acknowledged there, freeing space resumes.

    Tests/process/run disk_full [--clients 12]          (needs root: a loop-mounted ext4 image)

Node 3's data is on a small file system of its own, with bounds to fit. Below the first bound it leads nothing and says
that it is not ready while everybody goes on sending; below the second it acknowledges nothing; with space freed it is
ready again and has what the others have. Then the whole cluster gets low: sends are refused with `storage_full` (507),
and nothing that was acknowledged is missing.
"""

import argparse
import asyncio
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, verify
from cluster import Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--clients", type=int, default=12)
options = parser.parse_args()

LOW, FULL = 700 << 20, 300 << 20


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} exited with {done.returncode}: {done.stderr.strip()}")


async def test():
    parent = pathlib.Path(tempfile.mkdtemp(prefix="martlet-disk-"))
    mounted = parent / "mounted"
    mounted.mkdir()
    image = parent / "disk.img"
    with open(image, "wb") as file:
        file.truncate(1400 << 20)
    run("mkfs.ext4", "-q", "-m", "0", image)
    run("mount", "-o", "loop", image, mounted)
    try:
        await on_disk(mounted)
    finally:
        for _ in range(20):
            if subprocess.run(["umount", mounted], capture_output=True).returncode == 0:
                break
            await asyncio.sleep(0.5)
        shutil.rmtree(parent, ignore_errors=True)


async def on_disk(mounted):
    os.environ["MARTLET_LIMITS_DISK_LOW_BYTES"] = str(LOW)
    os.environ["MARTLET_LIMITS_DISK_FULL_BYTES"] = str(FULL)
    cluster = Cluster(3)
    directory = pathlib.Path(cluster.directory)
    directory.mkdir(parents=True)
    (mounted / "node3").mkdir(mode=0o700)
    (directory / "node3").symlink_to(mounted / "node3")
    async with cluster.running():
        senders = await begin(cluster)
        tasks = [asyncio.create_task(sender.run()) for sender in senders]
        await more(senders, 200)

        fill(mounted, LOW - (40 << 20))
        await poll("node 3 leads nothing", 30, lambda: leads(cluster, 3, 0))
        say("ok   node 3 leads nothing any more")
        await says(cluster, 3, "nearly full")
        await more(senders, 200)

        fill(mounted, FULL - (20 << 20))
        await says(cluster, 3, "the disk is full")
        await more(senders, 200)
        behind = await stands(cluster, 3)
        await more(senders, 200)
        equal(await stands(cluster, 3), behind, "node 3 acknowledges nothing while its disk is full")

        free(mounted)
        await cluster.ready(3)
        say("ok   node 3 is ready again with space freed")
        await poll("node 3 acknowledges again", 30, lambda: grew(cluster, 3, behind))
        await more(senders, 200)
        for sender in senders:
            sender.stop()
        await asyncio.gather(*tasks)
        # Until the leaderships have moved, their node refuses what it cannot promise to keep.
        codes = {error["code"] for sender in senders for error in sender.errors}
        check(codes <= {"storage_full"}, "no client saw another error than storage_full", codes)
        total = await verify(cluster, senders)
        say(f"ok   {total} acknowledged messages are there once, at their place, the same on all nodes")
        await refused(cluster, senders[0])


async def begin(cluster):
    people = [f"filler{n}" for n in range(options.clients)]
    for person in people:
        async with Client(cluster, person, 1):
            pass
    return [
        Sender(cluster, person, people[(i + 1) % len(people)], node=1 + i % 2, numbers=[1, 2])
        for i, person in enumerate(people)]


async def refused(cluster, sender):
    """Every disk below the first bound: new sends are refused, the retry of a stored one gets its result."""
    body = {"client_message_id": "before", "recipient_type": "user", "recipient_id": sender.recipient,
            "message_type": "text", "content": "stored while there was room"}
    stored = await cluster.rest(1, "POST", "/v1/messages", body, user=sender.user)
    equal(stored.status, 201, "a message is stored while there is room")
    await cluster.tool("down")
    os.environ["MARTLET_LIMITS_DISK_LOW_BYTES"] = str(1 << 50)
    await cluster.start(1, 2, 3)
    await says(cluster, 1, "nearly full")

    async def full():
        answer = await cluster.rest(
            1, "POST", "/v1/messages", {**body, "client_message_id": "after"}, user=sender.user)
        return answer if answer.status == 507 else None
    answer = await poll("a send is refused", 60, full)
    equal(answer.code, "storage_full", "with every disk nearly full a send is refused with storage_full (507)")
    again = await cluster.rest(1, "POST", "/v1/messages", body, user=sender.user)
    equal((again.status, again.json.get("seq")), (200, stored.json["seq"]), "the retry of a stored send gets its result")
    found = await cluster.history(2, sender.conversation, sender.user)
    equal([m["content"] for m in found][-1], body["content"], "and what is stored can be read")


def fill(mounted, wanted):
    """Leaves about `wanted` bytes free."""
    status = os.statvfs(mounted)
    run("fallocate", "-l", str(status.f_bavail * status.f_frsize - wanted), mounted / f"ballast{wanted}")


def free(mounted):
    for ballast in mounted.glob("ballast*"):
        ballast.unlink()


async def more(senders, count):
    def acknowledged():
        return sum(len(s.acknowledged) for s in senders)

    goal = acknowledged() + count

    async def enough():
        return acknowledged() >= goal
    await poll(f"{count} more messages are acknowledged", 120, enough)


async def leads(cluster, number, count):
    members = (await cluster.admin(number, "/cluster"))["members"]
    return next(m for m in members if m["number"] == number)["leaders"] == count


async def stands(cluster, number):
    views = (await cluster.admin(number, "/cluster/partitions?limit=64"))["partitions"]
    return sum(view["applied"] for view in views)


async def grew(cluster, number, before):
    return await stands(cluster, number) > before


async def says(cluster, number, words):
    async def probe():
        answer = await cluster.http(cluster.admin_port(number), "GET", "/readyz", seconds=2)
        if answer.status == 503 and words in answer.text:
            return True
        raise Failed(repr(answer))
    await poll(f"node {number} says that {words}", 30, probe)
    say(f"ok   node {number} says why it is not ready: {words}")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("disk_full needs root for a loop device and a mount")
    main(test, 600)
