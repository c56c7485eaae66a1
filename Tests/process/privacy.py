"""Presence, typing, settings, blocks and receipt privacy against three real nodes.

    Tests/process/privacy

Every user is on another node. Ends with the death of the leader that watchers and blocks depend on.
"""

import asyncio

from checks import check, equal, main, poll, say
from client import Client
from cluster import Cluster

SETTINGS = "/v1/users/me/settings"


async def settings(cluster, user, **change):
    answer = await cluster.rest(2, "PATCH", SETTINGS, change, user=user)
    if answer.status != 200:
        raise AssertionError(repr(answer))
    return answer.json


async def block(cluster, user, peer, method="PUT", node=1):
    answer = await cluster.rest(node, method, f"/v1/users/me/blocks/{peer}", user=user)
    if answer.status != 200:
        raise AssertionError(repr(answer))


async def presence(cluster, viewer, user, node=3):
    return (await cluster.rest(node, "GET", f"/v1/users/{user}/presence", user=viewer)).json


def of(user, status):
    return lambda f: f["type"] == "presence" and f["user_id"] == user and f["status"] == status


async def own_settings(cluster):
    answer = await cluster.rest(1, "GET", SETTINGS, user="sam")
    equal(
        answer.json,
        {"last_seen": "everyone", "online": "everyone", "read_receipts": True, "group_add": "everyone",
         "quiet_hours": None}, "a new user's settings are the defaults")
    hours = {"start": "22:00", "end": "07:30", "time_zone": "Europe/Berlin"}
    await settings(cluster, "sam", last_seen="contacts", read_receipts=False, quiet_hours=hours)
    answer = await cluster.rest(3, "GET", SETTINGS, user="sam")
    equal(
        answer.json,
        {"last_seen": "contacts", "online": "everyone", "read_receipts": False, "group_add": "everyone",
         "quiet_hours": hours}, "a change leaves the rest, and every node has it")
    for body, field in [
        ({"online": "friends"}, "online"), ({"read_receipts": 3}, "read_receipts"),
        ({"quiet_hours": {**hours, "start": "24:00"}}, "quiet_hours"),
        ({"quiet_hours": {**hours, "time_zone": "Mars/Base"}}, "quiet_hours"),
        ({"quiet_hours": {**hours, "end": "22:00"}}, "quiet_hours"), ({"quiet_hours": []}, "quiet_hours"),
    ]:
        answer = await cluster.rest(1, "PATCH", SETTINGS, body, user="sam")
        equal((answer.status, answer.code, answer.json["error"]["field"]), (400, "invalid_request", field),
              f"{body} is refused by its field")
    await settings(cluster, "sam", quiet_hours=None)
    answer = await cluster.rest(2, "GET", SETTINGS, user="sam")
    equal(answer.json["quiet_hours"], None, "null ends the quiet hours")


async def watching(cluster):
    async with Client(cluster, "alice", 1) as alice:
        await alice.sync_done()
        await alice.write({"type": "presence_subscribe", "user_ids": ["bob"]})
        await alice.wait("bob's first state", of("bob", "offline"), 2)
        bob = await Client(cluster, "bob", 2).open()
        await alice.wait("bob online", of("bob", "online"), 2)
        say("ok   a watcher hears within 2 s that somebody came, on another node")
        since = len(alice.frames)
        await bob.write({"type": "away"})
        await alice.wait("bob away", of("bob", "offline"), 3, since)
        since = len(alice.frames)
        await bob.write({"type": "active"})
        await alice.wait("bob back", of("bob", "online"), 3, since)
        say("ok   away is offline, active is online")
        await asyncio.sleep(1.1)
        since = len(alice.frames)
        await bob.close()
        gone = await alice.wait("bob gone", of("bob", "offline"), 2, since)
        check("last_seen" in gone, "a clean close is offline at once, with last_seen", gone)
        equal((await presence(cluster, "alice", "bob"))["status"], "offline", "the query says the same")
        answer = await cluster.rest(2, "POST", "/v1/presence", {"user_ids": ["bob", "alice"]}, user="bob")
        equal([p["user_id"] for p in answer.json["presence"]], ["bob", "alice"], "a batch query keeps the order")
        answer = await cluster.rest(2, "POST", "/v1/presence", {"user_ids": [f"u{n}" for n in range(101)]}, user="bob")
        equal(answer.status, 400, "101 users in one query are too many")
        equal((await cluster.rest(1, "GET", "/v1/users/nobody/presence", user="bob")).status, 404,
              "an unknown user is 404")


async def audiences(cluster):
    async with Client(cluster, "hugo", 1) as hugo, Client(cluster, "iris", 2) as iris:
        await hugo.sync_done()
        await iris.write({"type": "presence_subscribe", "user_ids": ["hugo"]})
        await iris.wait("hugo online", of("hugo", "online"), 2)
        await settings(cluster, "hugo", online="nobody", last_seen="nobody")
        await iris.wait("hugo hidden", of("hugo", "offline"), 3)
        equal(await presence(cluster, "iris", "hugo"), {"user_id": "hugo", "status": "offline"},
              "who hides looks offline, without last_seen")
        equal(await presence(cluster, "hugo", "iris"), {"user_id": "iris", "status": "offline"},
              "and does not see others either")
        await settings(cluster, "hugo", online="contacts", last_seen="contacts")
        equal((await presence(cluster, "iris", "hugo"))["status"], "offline", "a stranger is no contact")
        await iris.sent("hugo", "hello")

        async def seen():
            return (await presence(cluster, "iris", "hugo"))["status"] == "online"

        await poll("a contact sees hugo", 5, seen)
        say("ok   a direct conversation makes a contact")


async def typing(cluster):
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 2) as bob, Client(
            cluster, "carol", 3) as carol:
        conversation = (await alice.sent("bob", "hi"))["conversation_id"]
        await bob.message("hi")
        await alice.write({"type": "typing", "conversation_id": conversation, "state": "started"})
        frame = await bob.wait("typing", lambda f: f["type"] == "typing", 3)
        equal(frame, {"type": "typing", "conversation_id": conversation, "user_id": "alice", "state": "started"},
              "the other hears that somebody writes")
        await alice.write({"type": "typing", "conversation_id": conversation, "state": "stopped"})
        await bob.wait("stopped", lambda f: f["type"] == "typing" and f["state"] == "stopped", 3)
        answer = await cluster.rest(1, "POST", "/v1/groups", {"name": "g", "member_ids": ["bob", "carol"]}, user="alice")
        group = answer.json["group_id"]
        await carol.write({"type": "typing", "conversation_id": group, "state": "started"})
        for member in (alice, bob):
            await member.wait("typing", lambda f: f["type"] == "typing" and f["user_id"] == "carol", 3)
        say("ok   so do the members of a group")
        check(all(f["type"] != "typing" for f in carol.frames), "and not whoever writes")


async def blocks(cluster):
    async with Client(cluster, "dora", 1) as dora, Client(cluster, "emil", 3) as emil:
        await block(cluster, "dora", "emil", node=2)
        for client, peer in ((dora, "emil"), (emil, "dora")):
            answer = await client.send(peer, "before the first message")
            equal((answer["status"], answer["code"]), (403, "blocked"), f"{client.user} cannot send to {peer}")
        equal(await presence(cluster, "emil", "dora"), {"user_id": "dora", "status": "offline"},
              "whoever is blocked sees offline without last_seen")
        answer = await cluster.rest(1, "POST", "/v1/groups", {"name": "g", "member_ids": ["dora"]}, user="emil")
        equal(answer.json["members"][0]["result"], "blocked", "and cannot add the other to a group")
        answer = await cluster.rest(3, "GET", "/v1/users/me/blocks", user="dora")
        equal([b["user_id"] for b in answer.json["blocks"]], ["emil"], "the block is listed")
        equal((await cluster.rest(1, "PUT", "/v1/users/me/blocks/nobody", user="dora")).status, 404,
              "nobody blocks whom there is not")
        equal((await cluster.rest(1, "PUT", "/v1/users/me/blocks/dora", user="dora")).status, 400,
              "nor oneself")
        await block(cluster, "dora", "emil", "DELETE", node=3)
        sent = await emil.sent("dora", "after the block")
        equal(sent["seq"], 1, "what was refused took no seq")
        await dora.message("after the block")
        await block(cluster, "dora", "emil", node=3)
        await emil.write({"type": "typing", "conversation_id": sent["conversation_id"], "state": "started"})
        await dora.acknowledge(sent["conversation_id"], 1, "read")
        await block(cluster, "dora", "emil", "DELETE", node=1)
        await emil.sent("dora", "again")
        await dora.message("again")
        check(all(f["type"] != "typing" for f in dora.frames), "typing does not pass a block")
        check(all(f["type"] != "status" for f in emil.frames), "nor do receipts", emil.frames)


async def receipts(cluster):
    await settings(cluster, "fay", read_receipts=False)
    async with Client(cluster, "gus", 1) as gus, Client(cluster, "fay", 2) as fay, Client(
            cluster, "fay", 3, device="laptop") as laptop:
        await laptop.sync_done()
        sent = await gus.sent("fay", "did you read it")
        conversation = sent["conversation_id"]
        await fay.message("did you read it")
        await fay.acknowledge(conversation, 1, "read")
        await gus.receipt("delivered", "fay", 1)
        await laptop.receipt("read", "fay", 1)
        answer = await fay.sent("gus", "maybe")
        await gus.message("maybe")
        await gus.acknowledge(conversation, answer["seq"], "read")
        await fay.receipt("delivered", "gus", 2)
        await asyncio.sleep(0.5)
        check(not [f for f in gus.frames if f["type"] == "status" and f["status"] == "read" and f["user_id"] == "fay"],
              "with receipts off a reading is not told; delivered and the own devices are")
        check(not [f for f in fay.frames if f["type"] == "status" and f["status"] == "read" and f["user_id"] == "gus"],
              "nor is the other's reading shown")
        await settings(cluster, "fay", read_receipts=True)
        sent = await gus.sent("fay", "and now")
        await fay.message("and now")
        await fay.acknowledge(conversation, sent["seq"], "read")
        await gus.receipt("read", "fay", sent["seq"])
        say("ok   and with receipts on again it is")


async def failover(cluster):
    """The leader of bob's partition dies: watches come back by themselves, blocks stay."""
    await block(cluster, "ines", "jon")
    locate = await cluster.admin(1, "/cluster/locate?user_id=wanda")
    members = (await cluster.admin(1, "/cluster"))["members"]
    dead = next(m["number"] for m in members if m["node_id"] == locate["leader"])
    alive = [n for n in cluster.numbers if n != dead]
    async with Client(cluster, "xena", alive[0]) as xena:
        await xena.sync_done()
        wanda = await Client(cluster, "wanda", alive[1]).open()
        await xena.write({"type": "presence_subscribe", "user_ids": ["wanda"]})
        await xena.wait("wanda online", of("wanda", "online"), 5)
        await cluster.kill(dead)
        say(f"killed node {dead}, which led wanda's partition")
        since = len(xena.frames)
        await asyncio.sleep(4)
        await wanda.close()
        await xena.wait("wanda gone, told by the new leader", of("wanda", "offline"), 15, since)
        say("ok   the new leader tells watchers that it was never told of by their clients")
        async with Client(cluster, "jon", alive[1]) as jon:
            answer = await jon.send("ines", "still blocked")
            equal(answer.get("code"), "blocked", "a block survives the death of a node")
    await cluster.start(dead)
    await cluster.ready(*cluster.numbers)


async def test():
    cluster = Cluster(3)
    async with cluster.running():
        await cluster.ready(*cluster.numbers)
        for user in ("alice", "bob", "carol", "dora", "emil", "fay", "gus", "hugo", "iris", "ines", "jon", "wanda"):
            await cluster.rest(1, "GET", SETTINGS, user=user)
        for step in (own_settings, watching, audiences, typing, blocks, receipts, failover):
            say(step.__name__)
            await step(cluster)


main(test, 300)
