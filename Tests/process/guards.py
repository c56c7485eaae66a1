"""What must be refused: a second cluster, a stranger's key, another cluster's node, two processes with one identity.

    Tests/process/run guards
"""

import json
import os
import pathlib
import shutil
import signal

from checks import Failed, check, equal, main, poll, say
from client import Client
from cluster import Cluster, ExtraNode, martlet, node_file, run_node_copy


def log_of(cluster, number):
    return (pathlib.Path(cluster.directory) / f"node{number}" / "output.txt").read_text(errors="replace")


async def well(cluster):
    """All three nodes are up, alive and ready; nothing else ever became a member."""
    view = await cluster.admin(1, "/cluster")
    states = sorted((m["number"], m["state"], m["gossip"]) for m in view["members"])
    if states != [(n, "up", "alive") for n in (1, 2, 3)]:
        raise Failed(repr(states))
    await cluster.ready(1, 2, 3, seconds=5)
    return True


async def one_directory_one_process(cluster):
    home = f"{cluster.directory}/node2"
    node = ExtraNode(node_file(cluster, home, 9))
    equal(await node.ended(), 1, "a second process on a data directory ends with 1")
    check("another process uses the data directory" in node.output, "and says why", node.output)


def ports_are_not_inherited(cluster):
    """What a crashed node leaves behind, for instance a program that writes its backtrace, must not keep its ports."""
    pid = cluster.pid(1)
    held = set()
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        lines = pathlib.Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]
        held |= {f"socket:[{fields[9]}]" for fields in map(str.split, lines) if fields[3] == state}
    files = [n for n in os.listdir(f"/proc/{pid}/fd") if os.readlink(f"/proc/{pid}/fd/{n}") in held]
    flags = [int(pathlib.Path(f"/proc/{pid}/fdinfo/{n}").read_text().split("flags:")[1].split()[0], 8) for n in files]
    equal([bool(flag & os.O_CLOEXEC) for flag in flags], [True] * 4, "no other program inherits the four ports of a node")


async def one_cluster(cluster, extra):
    configuration = node_file(cluster, extra / "second", 9)
    result = martlet("init", "--config", str(configuration))
    equal(result.returncode, 1, "init beside a running cluster ends with 1")
    check("answers for a cluster" in result.stderr, "and says why", result.stderr)
    result = martlet("init", "--config", f"{cluster.directory}/node1/node.yaml")
    equal(result.returncode, 1, "init in a directory that belongs to a cluster ends with 1")


async def strangers(cluster, extra):
    key = extra / "other.key"
    key.write_text("5a" * 32 + "\n")
    node = ExtraNode(node_file(cluster, extra / "stranger", 9, key=key))
    try:
        async def told():
            return "the gossip keys differ" in node.output and "the gossip keys differ" in log_of(cluster, 1)
        await poll("a node with another key and its seed both say that the keys differ", 30, told)
        say("ok   a node with another key is refused, and both sides say why")
        async def reasons():
            answer = await cluster.http(cluster.admin_port(9), "GET", "/readyz", seconds=2)
            return answer.status == 503 and "the gossip keys differ" in answer.text
        await poll("its /readyz names the reason", 10, reasons)
        say("ok   its /readyz names the reason")
    finally:
        node.kill()

    alone = node_file(cluster, extra / "elsewhere", 9, seeds=())
    equal(martlet("init", "--config", str(alone)).returncode, 0, "another cluster is formed with the same key")
    node = ExtraNode(node_file(cluster, extra / "elsewhere", 9))
    equal(await node.ended(), 1, "its node, given this cluster's seeds, ends with 1")
    check("the other side belongs to another cluster" in node.output, "and says why", node.output)
    check("the other side belongs to another cluster" in log_of(cluster, 1), "and so does the seed")


async def copies(cluster, extra):
    shutil.copytree(f"{cluster.directory}/node3", extra / "hot")
    code, output = await run_node_copy(cluster, extra / "hot", 9)
    equal(code, 1, "a copy of a running node's directory, with a higher boot epoch, ends with 1")
    check("fenced off" in output, "and says why", output[-600:])
    await poll("the original goes on", 10, lambda: well(cluster))
    say("ok   the original goes on")

    await cluster.tool("stop", "3")
    shutil.copytree(f"{cluster.directory}/node3", extra / "cold")
    await cluster.start(3)
    await cluster.ready(3)
    code, output = await run_node_copy(cluster, extra / "cold", 9)
    equal(code, 1, "a copy with the same boot epoch ends with 1")
    check("fenced off" in output, "and says why", output[-600:])
    await poll("the original goes on", 10, lambda: well(cluster))

    # While the original is away nobody can tell the copy from it, but only one of the two is ever let in.
    await cluster.kill(3)
    shutil.copytree(f"{cluster.directory}/node3", extra / "moved")
    copy = ExtraNode(node_file(cluster, extra / "moved", 9))
    try:
        async def joined():
            return (await cluster.http(cluster.admin_port(9), "GET", "/readyz", seconds=2)).status == 200
        await poll("the copy takes the place of the original", 60, joined)
        output = await cluster.tool("start", "3", may_fail=True)
        async def fenced():
            return "fenced off" in log_of(cluster, 3)
        await poll("the original is refused now", 30, fenced)
        say("ok   when the copy came first the original is fenced off")
        equal(copy.process.poll(), None, "and the copy stays")
    finally:
        copy.kill()
    # What the copy has acknowledged meanwhile, the original lacks: from now on the copy's disk is node 3's.
    home = pathlib.Path(cluster.directory) / "node3"
    shutil.copy(home / "node.yaml", extra / "moved" / "node.yaml")
    shutil.rmtree(home)
    (extra / "moved").rename(home)


async def write(cluster, text):
    """More entries in many partitions."""
    async with Client(cluster, "ada", 1):
        for number in range(40):
            async with Client(cluster, f"user{number}", 2) as user:
                await user.sent("ada", f"{text} {number}")


async def member(cluster, number, by=1):
    view = await cluster.admin(by, "/cluster")
    return next(m for m in view["members"] if m["number"] == number)


async def set_back(cluster, extra):
    """The disk of node 3 becomes an older copy of itself."""
    home = pathlib.Path(cluster.directory) / "node3"
    await write(cluster, "before")
    await cluster.tool("stop", "3")
    shutil.copytree(home, extra / "past")
    await cluster.start(3)
    await cluster.ready(1, 2, 3)
    await write(cluster, "since then")
    # Whoever remembered node 3's last start in memory only forgets it now.
    await cluster.kill(1, 2, 3)
    home.rename(extra / "present")
    shutil.copytree(extra / "past", home)
    (home / "output.txt").write_text("")
    # Alone it meets nobody who knows better, and its boot epoch gets ahead of all that the others know.
    for _ in range(3):
        await cluster.start(3)
        await cluster.kill(3)
    await cluster.start(1, 2)
    await cluster.ready(1, 2)
    known = (await member(cluster, 3))["boot_epoch"]
    await cluster.tool("start", "3", may_fail=True)

    async def fenced():
        return "fenced off" in log_of(cluster, 3)
    await poll("a node set back to an earlier start is refused after a restart of all nodes", 60, fenced)
    say("ok   a node set back to an earlier start, and started alone three times, is fenced off by nodes that have "
        "all restarted")
    refused = [(await member(cluster, 3, of)).get("fenced") for of in (1, 2)]
    refused = [found for found in refused if found]
    # It is known by the first start that nobody let in, however often it counts on from there.
    counted = json.loads((home / "IDENTITY").read_text())["boot_epoch"]
    check(refused and all(found["boot_epoch"] <= known < counted and found["reason"] for found in refused),
          "the admin port says which start was refused and why, though the node has counted past the one known",
          f"known {known}, counted {counted}, {refused}")
    shutil.rmtree(home)
    (extra / "present").rename(home)
    await cluster.start(3)
    await poll("with its own disk it is taken back", 60, lambda: well(cluster))
    say("ok   with its own disk it is taken back")

    # An image of the running process: its next start counts on as an honest restart does.
    pid = cluster.pid(3)
    os.kill(pid, signal.SIGSTOP)
    shutil.copytree(home, extra / "image")
    os.kill(pid, signal.SIGCONT)
    await poll("node 3 is back", 60, lambda: well(cluster))
    await write(cluster, "after the image")
    await cluster.kill(3)
    home.rename(extra / "lost")
    (extra / "image").rename(home)
    (home / "output.txt").write_text("")
    await cluster.tool("start", "3", may_fail=True)

    async def told():
        return "set back to an older state" in log_of(cluster, 3)
    await poll("a node that has lost what it acknowledged ends", 60, told)
    text = await cluster.tool("start", "3", may_fail=True)
    check("exit code 65" in text and "set back to an older state" in text,
          "at every start, with 65 and the reason", text[-800:])


async def test():
    async with Cluster(3).running() as cluster:
        extra = pathlib.Path(cluster.directory) / "extra"
        extra.mkdir()
        ports_are_not_inherited(cluster)
        await one_directory_one_process(cluster)
        await one_cluster(cluster, extra)
        await strangers(cluster, extra)
        await poll("nothing has become of all that", 10, lambda: well(cluster))
        say("ok   the cluster is as it was")
        await copies(cluster, extra)
        await cluster.start(3)
        await poll("all three are well again", 60, lambda: well(cluster))
        await set_back(cluster, extra)


if __name__ == "__main__":
    main(test, 1200)
