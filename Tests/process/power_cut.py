"""The power fails under load: only what was fsynced survives, and that must be everything acknowledged.

    Tests/process/run power_cut [--rounds 3]       (needs root: loop devices and mounts)

The nodes' data is on an ext4 file system inside one image file, mounted by loop. At the cut the nodes are killed and
the image is copied as it lies on the disk below, without unmounting or syncing: pages that were never flushed are not
in it. The copy is mounted (ext4 replays its journal), the nodes start from it, and everything that was acknowledged
must be there.
"""

import argparse
import asyncio
import contextlib
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
parser.add_argument("--rounds", type=int, default=3)
parser.add_argument("--clients", type=int, default=30)
parser.add_argument("--messages", type=int, default=600, help="acknowledged before each cut")
parser.add_argument("--size-mb", type=int, default=6144, help="size of the (sparse) image")
options = parser.parse_args()


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


class Disk:
    """An ext4 image on a loop device whose power can be cut."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.mount_point = self.directory / "mounted"
        self.mount_point.mkdir()
        self.number = 0
        self.image = self.directory / "disk0.img"
        with open(self.image, "wb") as image:
            image.truncate(options.size_mb << 20)
        run("mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image)
        self.mount()

    def mount(self):
        # A long commit interval: what nobody syncs stays in memory, as it would before a real cut.
        run("mount", "-o", "loop,commit=300", self.image, self.mount_point)

    def cut(self):
        """Goes on with the image as the disk below has it now; what was only in memory is gone."""
        self.number += 1
        copy = self.directory / f"disk{self.number}.img"
        run("cp", "--sparse=always", "--reflink=auto", self.image, copy)
        run("umount", self.mount_point)
        self.image.unlink()
        self.image = copy
        self.mount()

    def remove(self):
        with contextlib.suppress(Failed):
            run("umount", "-l", self.mount_point)


async def test():
    parent = tempfile.mkdtemp(prefix="martlet-power-")
    disk = Disk(parent)
    try:
        cluster = Cluster(3, directory=disk.mount_point / "cluster")
        async with cluster.running():
            await rounds(cluster, disk)
    finally:
        disk.remove()
        shutil.rmtree(parent, ignore_errors=True)


async def rounds(cluster, disk):
    people = [f"walker{n}" for n in range(options.clients)]
    for person in people:
        await (await Client(cluster, person, 1).open()).close()
    # The cluster's own files (secret, configuration) are the operator's, not under test.
    os.sync()
    senders = [
        Sender(cluster, person, people[(i + 1) % len(people)], node=1 + i % cluster.count)
        for i, person in enumerate(people)]
    tasks = [asyncio.create_task(sender.run()) for sender in senders]

    def acknowledged():
        return sum(len(s.acknowledged) for s in senders)

    for number in range(1, options.rounds + 1):
        before = acknowledged()

        async def enough():
            return acknowledged() >= before + options.messages
        await poll(f"{options.messages} more messages are acknowledged", 120, enough)
        await cluster.kill(*cluster.numbers)
        await asyncio.to_thread(disk.cut)
        say(f"cut {number}: nodes killed and disk cut after {acknowledged()} acknowledged messages")
        await cluster.start(*cluster.numbers)
        await cluster.ready(*cluster.numbers)
    for sender in senders:
        sender.stop()
    await asyncio.gather(*tasks)
    equal([s.errors for s in senders if s.errors], [], "no client saw a lasting error")
    total = await verify(cluster, senders)
    check(total >= options.rounds * options.messages, f"{total} acknowledged messages were checked")
    say("ok   each is there once, at its place, the same on all nodes")


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("power_cut needs root for loop devices and mounts")
    main(test, 3600)
