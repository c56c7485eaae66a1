"""Five nodes fall apart into two and three: who has a quorum goes on, who has none says so, and nothing is lost.

    Tests/process/run split [--people 24] [--hold 65]

A firewall cuts nodes 1 and 2 off from 3, 4 and 5. Everybody has a device on both sides and writes to everybody else from
both. A partition with two of its three replicas on a side takes every send there; on a side without a quorum each send is
refused with `unavailable`. After healing all views agree within 30 s and every acknowledged message is there. Needs root.
"""

import argparse
import asyncio
import itertools
import time

from websockets.exceptions import WebSocketException

from checks import Failed, check, equal, figures, main, poll, quantile, say
from client import Client, fresh_id, send_frame
from hosted import HostedCluster

parser = argparse.ArgumentParser()
parser.add_argument("--people", type=int, default=24)
# Longer than a node believes that a user exists without asking the user's partition, which may be on the other side.
parser.add_argument("--hold", type=float, default=65, help="seconds that the cut lasts before sends are judged")
options = parser.parse_args()

SIDES = {"minority": (1, 2), "majority": (3, 4, 5)}


class Conversation:
    """Two people, and everything that was acknowledged between them: seq -> (message id, text)."""

    def __init__(self, writer, reader):
        self.writer, self.reader = writer, reader
        self.id = None
        self.acknowledged = {}
        self.texts = set()
        self.replicas = ()

    async def send(self, device, seconds=25):
        """One new text; the answer, or nothing when none came in time."""
        text = f"{self.writer} to {self.reader} {fresh_id()}"
        self.texts.add(text)
        try:
            answer = await device.ask(send_frame(self.reader, text, fresh_id()), seconds)
        except (Failed, WebSocketException, OSError):
            return None
        if answer["type"] == "sent":
            if self.id not in (None, answer["conversation_id"]):
                raise Failed(f"{self.writer} and {self.reader} have two conversations")
            self.id = answer["conversation_id"]
            if answer["seq"] in self.acknowledged:
                raise Failed(f"two messages were acknowledged as seq {answer['seq']} of {self.id}")
            self.acknowledged[answer["seq"]] = (answer["message_id"], text)
        return answer

    def has_quorum(self, side):
        return len(set(self.replicas) & set(side)) > len(self.replicas) // 2


async def connect(cluster, people):
    """A device of each person on each side."""
    devices = {}
    for number, person in enumerate(people):
        for name, side in SIDES.items():
            node = side[number % len(side)]
            devices[person, name] = Client(
                cluster, person, node, device=name, token=cluster.token(person, scope="server"))
    unopened = list(devices.values())
    while unopened:
        await asyncio.gather(*(device.open() for device in unopened[:12]))
        del unopened[:12]
    return devices


async def locate(cluster, conversations):
    """Which node numbers hold each conversation."""
    numbers = {m["node_id"]: m["number"] for m in (await cluster.admin(1, "/cluster"))["members"]}
    for conversation in conversations:
        where = await cluster.admin(1, f"/cluster/locate?conversation_id={conversation.id}")
        conversation.replicas = [numbers[node] for node in where["replicas"]]
        conversation.partition = where["partition"]


async def one_send_each(conversations, devices, side):
    """One send per conversation from the devices of one side; seconds and answer of each."""
    async def timed(conversation):
        since = time.monotonic()
        answer = await conversation.send(devices[conversation.writer, side])
        return conversation, time.monotonic() - since, answer
    return await asyncio.gather(*(timed(c) for c in conversations))


def judge(name, side, results):
    """Every send was served where there is a quorum, and refused as unavailable where there is none."""
    served = [(c, s, a) for c, s, a in results if c.has_quorum(side)]
    refused = [(c, s, a) for c, s, a in results if not c.has_quorum(side)]
    wrong = [(c.partition, c.replicas, round(s, 1), a) for c, s, a in served if not a or a["type"] != "sent"]
    equal(wrong[:3], [], f"the {name} serves all {len(served)} conversations that have a quorum there "
          f"({len({c.partition for c, _, _ in served})} partitions)")
    wrong = [(c.partition, c.replicas, round(s, 1), a) for c, s, a in refused
             if not a or a.get("code") != "unavailable" or a.get("status") != 503]
    equal(wrong[:3], [], f"the {name} refuses all {len(refused)} others as unavailable "
          f"({len({c.partition for c, _, _ in refused})} partitions)")
    return served, refused


async def refused_over_rest(cluster, conversation, node):
    """The same refusal as a status and a body."""
    body = {k: v for k, v in send_frame(conversation.reader, "over REST", fresh_id()).items() if k != "type"}
    answer = await cluster.rest(
        node, "POST", "/v1/messages", body, token=cluster.token(conversation.writer, scope="server"), seconds=25)
    equal((answer.status, answer.code), (503, "unavailable"), f"POST /v1/messages of node {node} is refused alike")


async def verify(cluster, conversations):
    """Every node has every acknowledged message once, at its place, and nothing that nobody wrote."""
    total = 0
    for conversation in conversations:
        reference = None
        for number in cluster.numbers:
            found = await cluster.history(number, conversation.id, conversation.writer)
            shape = [(m["seq"], m["message_id"], m["content"]) for m in found]
            if [seq for seq, _, _ in shape] != list(range(1, len(shape) + 1)):
                raise Failed(f"{conversation.id} on node {number} is not 1, 2, 3, ...: {shape!r}")
            if len({text for _, _, text in shape}) != len(shape):
                raise Failed(f"{conversation.id} on node {number} has a message twice: {shape!r}")
            for seq, (message, text) in conversation.acknowledged.items():
                if shape[seq - 1:seq] != [(seq, message, text)]:
                    raise Failed(f"lost: {text!r} was acknowledged as seq {seq}; node {number} has {shape!r}")
            if stranger := {text for _, _, text in shape} - conversation.texts:
                raise Failed(f"{conversation.id} on node {number}: nobody wrote {stranger!r}")
            if reference not in (None, shape):
                raise Failed(f"{conversation.id} differs on node {number}: {shape!r}, elsewhere {reference!r}")
            reference = shape
        total += len(conversation.acknowledged)
    return total


async def settled_sides(cluster):
    """Each side holds the other for dead."""
    async def probe():
        for side in SIDES.values():
            for asked in side:
                for member in (await cluster.admin(asked, "/cluster"))["members"]:
                    if (member["gossip"] == "alive") != (member["number"] in side):
                        raise Failed(f"node {asked} says that node {member['number']} is {member['gossip']}")
        return True
    await poll("each side holds the other for dead", 30, probe, every=0.3)


async def test():
    people = [f"citizen{n}" for n in range(options.people)]
    async with HostedCluster(5).running() as cluster:
        devices = await connect(cluster, people)
        conversations = [Conversation(a, b) for a, b in itertools.combinations(people, 2)]
        for name in SIDES:
            for _, _, answer in await one_send_each(conversations, devices, name):
                if not answer or answer["type"] != "sent":
                    raise Failed(f"before the cut a send was not taken: {answer!r}")
        await locate(cluster, conversations)
        say(f"{len(conversations)} conversations in {len({c.partition for c in conversations})} partitions")

        cluster.split(*SIDES.values())
        cut = time.monotonic()
        say("cut")
        # Meanwhile the first sends find out: whatever they are told must be true.
        early = await asyncio.gather(*(one_send_each(conversations, devices, name) for name in SIDES))
        await settled_sides(cluster)
        await asyncio.sleep(max(0, cut + options.hold - time.monotonic()))
        say("judging")
        results = await asyncio.gather(*(one_send_each(conversations, devices, name) for name in SIDES))
        verdicts = [judge(name, side, result) for (name, side), result in zip(SIDES.items(), results)]
        orphan = next(c for c, _, _ in verdicts[0][1])
        await refused_over_rest(cluster, orphan, SIDES["minority"][0])

        cluster.heal()
        healed = time.monotonic()
        say("healed")
        await cluster.agree(30)
        agreed = time.monotonic() - healed
        say(f"ok   all views agree {agreed:.1f} s after healing")
        for name in SIDES:
            wrong = [answer for _, _, answer in await one_send_each(conversations, devices, name)
                     if not answer or answer["type"] != "sent"]
            equal(wrong[:3], [], f"everything is taken again from the devices of the {name}")
        total = await verify(cluster, conversations)
        say(f"ok   all {total} acknowledged messages are there once, at their place, on every node")
        served = [s for v, _ in verdicts for _, s, _ in v]
        refused = [s for _, v in verdicts for _, s, _ in v]
        answers = [a["type"] if a and a["type"] == "sent" else a and a["code"] for r in early for _, _, a in r]
        figures("split", conversations=len(conversations), partitions=len({c.partition for c in conversations}),
                served=len(served), refused=len(refused), served_p99_ms=round(1000 * quantile(served, 0.99)),
                refused_p50_s=round(quantile(refused, 0.5), 2), refused_max_s=round(max(refused), 2),
                agree_s=round(agreed, 1), acknowledged=total, lost=0,
                early={str(a): answers.count(a) for a in set(answers)})
        check(agreed <= 30, "within 30 s")
        await asyncio.gather(*(device.close() for device in devices.values()))


if __name__ == "__main__":
    main(test, 600)
