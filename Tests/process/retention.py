"""The operator's retention on three real nodes: what is older goes everywhere, and who lacks it is told so.

    Tests/process/run retention

Ends with kill -9 of the conversation's leader while a device is away: the same goes on under the next leader.
"""

import os

from checks import Failed, check, equal, main, poll, say
from client import Client, fresh_id
from cluster import Cluster

KEPT = 8_000


class Talk:
    """What alice writes to bob, and what is expected of it."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.conversation = None
        self.ids = {}

    async def say(self, alice, *texts, recipient="bob"):
        for text in texts:
            sent = await alice.sent(recipient, text)
            self.conversation = sent["conversation_id"]
            equal(sent["seq"], len(self.ids) + 1, f"{text!r} has the next seq")
            self.ids[sent["seq"]] = sent["message_id"]

    async def page(self, number, user="bob", more=""):
        path = f"/v1/conversations/{self.conversation}/messages?order=asc&limit=100{more}"
        answer = await self.cluster.rest(number, "GET", path, user=user)
        if answer.status != 200:
            raise Failed(repr(answer))
        return answer.json.get("gone_up_to_seq", 0), [m["seq"] for m in answer.json["messages"]]

    async def unread(self, number):
        answer = await self.cluster.rest(number, "GET", "/v1/conversations", user="bob")
        row = next(r for r in answer.json["conversations"] if r["conversation_id"] == self.conversation)
        return row["unread_count"], row["last_message_preview"]

    async def all_gone(self, seconds=60):
        """Everything said so far goes on every node's own replica, in order and never to come back."""
        head = len(self.ids)
        for number in self.cluster.numbers:
            last = (0, [])

            async def probe():
                nonlocal last
                gone, left = await self.page(number, more="&stale_ok=1")
                if left != list(range(gone + 1, head + 1)) or gone < last[0]:
                    raise RuntimeError(f"gone up to {gone}, left {left}, before that {last}")
                last = (gone, left)
                return gone == head
            await poll(f"node {number} has nothing up to {head} any more", seconds, probe)
            equal(last, (head, []), f"node {number} says that all up to {head} is gone")
        await poll("none of it counts as unread, and no list shows it", 10, self.list_is_empty)
        say("ok   none of it counts as unread, and no list shows it")

    async def list_is_empty(self):
        return [await self.unread(n) for n in self.cluster.numbers] == [(0, "")] * self.cluster.count


def frames(client):
    """Messages by seq and gone ranges, as they came."""
    return [
        frame["seq"] if frame["type"] == "message" else (frame["from_seq"], frame["up_to_seq"])
        for frame in client.frames if frame["type"] in ("message", "gone")]


async def came_back(cluster, talk, device, node, first):
    """A device that was away is told what is gone before what is left."""
    client = await Client(cluster, "bob", node, device=device).open()
    await client.sync_done(20)
    head = len(talk.ids)
    shown = frames(client)
    check(
        shown and isinstance(shown[0], tuple) and shown[0][0] == first
        and shown[1:] == list(range(shown[0][1] + 1, head + 1)),
        f"{device} is told what is gone from {first} on, then what is left", shown)
    return client, shown[0][1]


async def goes_by_time(cluster, talk):
    # Two devices that bob has, and that are away.
    for device in ("tablet", "laptop"):
        async with Client(cluster, "bob", 2, device=device) as client:
            await client.sync_done()
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 3) as phone:
        await alice.sync_done()
        await phone.sync_done()
        once = fresh_id()
        await talk.say(alice, "one", "two", "three", "four")
        first = await alice.sent("bob", "five", once)
        talk.ids[first["seq"]] = first["message_id"]
        await phone.message("five")

        async def unread():
            return await talk.unread(2) == (5, "five")
        await poll("bob has five unread", 10, unread)
        await talk.all_gone()
        for path in (f"{talk.ids[1]}/info", f"{talk.ids[5]}/info"):
            answer = await cluster.rest(2, "GET", f"/v1/messages/{path}", user="alice")
            equal((answer.status, answer.code), (404, "not_found"), "a message that is gone is not found")

        again = await alice.sent("bob", "five", once)
        equal(again["seq"], 6, "a send repeated after its message is gone is a new message, with the next seq")
        talk.ids[6] = again["message_id"]
        await talk.say(alice, "seven")
        await phone.message("seven")
        equal(frames(phone), [1, 2, 3, 4, 5, 6, 7], "who has them keeps them: a live device is not told")

        since = len(alice.frames)
        tablet, gone = await came_back(cluster, talk, "tablet", 1, 1)
        laptop, _ = await came_back(cluster, talk, "laptop", 2, 1)
        await laptop.close()
        say("laptop acknowledges nothing")
        await tablet.acknowledge(talk.conversation, gone)
        await tablet.close()
        async with Client(cluster, "bob", 3, device="tablet") as tablet:
            await tablet.sync_done()
            equal(
                [f for f in frames(tablet) if isinstance(f, tuple) and f[0] <= gone], [],
                "who has acknowledged it is not told again")
            await tablet.acknowledge(talk.conversation, 7)
        await alice.receipt("delivered", "bob", 7)
        equal(
            [f["seq"] for f in alice.frames[since:] if f["type"] == "status" and f["seq"] <= gone], [],
            "alice is told of what was delivered, and not of what was gone before it was")


async def goes_on_after_a_death(cluster, talk):
    async with Client(cluster, "alice", 1) as alice:
        await talk.say(alice, "eight", "nine")
    leader, _ = await cluster.leader(talk.conversation)
    await cluster.kill(leader)
    say(f"killed node {leader}, which led the conversation")
    survivor = next(n for n in cluster.numbers if n != leader)

    async def sends():
        async with Client(cluster, "alice", survivor) as alice:
            answer = await alice.send("bob", "ten", "ten-once")
            return answer if answer["type"] == "sent" else None
    answer = await poll("a send is taken", 30, sends, every=0.3)
    equal(answer["seq"], 10, "the next leader goes on with the next seq")
    talk.ids[10] = answer["message_id"]
    await cluster.start(leader)
    await cluster.ready(leader)
    say("it is back")
    await talk.all_gone(90)
    async with Client(cluster, "alice", leader) as alice:
        await talk.say(alice, "eleven")
    laptop, gone = await came_back(cluster, talk, "laptop", leader, 1)
    check(gone >= 10, "also what has gone since", gone)

    async def unread():
        return await talk.unread(survivor) in ((1, "eleven"), (0, ""))
    await poll("no more than what is left is unread", 10, unread)
    await laptop.acknowledge(talk.conversation, 11)
    await laptop.close()
    await cluster.kill(*cluster.numbers)
    say("killed all nodes")
    await cluster.start(*cluster.numbers)
    await cluster.ready(*cluster.numbers)
    await talk.all_gone(90)


async def test():
    os.environ["MARTLET_LIMITS_RETENTION_MS"] = str(KEPT)
    os.environ["MARTLET_INSECURE"] = "true"
    cluster = Cluster(3)
    async with cluster.running():
        talk = Talk(cluster)
        await goes_by_time(cluster, talk)
        await goes_on_after_a_death(cluster, talk)


if __name__ == "__main__":
    main(test, 600)
