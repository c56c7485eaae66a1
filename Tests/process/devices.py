"""Devices, conversation settings, the list, the key directory, erasure and export: through the public contract on three real nodes.

    Tests/process/run devices
"""

import asyncio
import json
import time

from websockets.exceptions import InvalidStatus

from checks import Failed, check, equal, main, poll, say
from client import Client, fresh_id, send_frame
from cluster import Cluster

HOUR = 3_600_000


def now():
    return int(time.time() * 1000)


async def ok(cluster, node, method, path, body=None, status=200, **who):
    answer = await cluster.rest(node, method, path, body, **who)
    if answer.status != status:
        raise Failed(f"{method} {path} on node {node}: {answer!r}")
    return answer.json


async def rows(cluster, node, user, query=""):
    return (await ok(cluster, node, "GET", f"/v1/conversations{query}", user=user))["conversations"]


async def listing(cluster):
    """Devices on three nodes: listed, named, woken, revoked."""
    phone = await Client(cluster, "ann", 1, "phone").open()
    await phone.sync_done()
    laptop = await Client(cluster, "ann", 2, "laptop").open()
    await laptop.sync_done()
    tablet = await Client(cluster, "ann", 3, "tablet").open()
    await tablet.sync_done()
    devices = (await ok(cluster, 3, "GET", "/v1/users/me/devices", user="ann"))["devices"]
    equal([d["device_id"] for d in devices], ["phone", "laptop", "tablet"], "three devices, in the order they came")
    equal(len({d["node_id"] for d in devices if d["connected"]}), 3, "each is connected to another node")
    await ok(cluster, 1, "PATCH", "/v1/users/me/devices/laptop", {"name": "Work"}, user="ann")
    await ok(cluster, 2, "PUT", "/v1/users/me/devices/phone/push",
             {"provider": "fcm", "token": "fcm:secret", "content": "sender"}, user="ann")
    answer = await cluster.rest(1, "GET", "/v1/users/me/devices", token=cluster.token("ann", device="phone"))
    devices = {d["device_id"]: d for d in answer.json["devices"]}
    equal(devices["laptop"]["name"], "Work", "a name given on one node is seen on another")
    check(devices["phone"]["current"] and not devices["laptop"]["current"], "the token's own device is marked")
    equal((devices["phone"]["push"]["provider"], devices["phone"]["push"]["content"]), ("fcm", "sender"),
          "a push registration is stored with the device")
    check("fcm:secret" not in answer.text, "its token is shown to nobody")
    # The newest connection of a device wins.
    again = await Client(cluster, "ann", 3, "phone").open()
    equal(await phone.closed(), 4001, "the same device on another node replaces the first connection")

    bound = cluster.token("ann", device="tablet", iat=int(time.time()))
    for node in cluster.numbers:
        await ok(cluster, node, "GET", "/v1/conversations", token=bound)
    started = time.monotonic()
    await ok(cluster, 1, "DELETE", "/v1/users/me/devices/tablet", user="ann")
    equal(await tablet.closed(2), 4003, "a revoked device is closed with 4003")
    check(time.monotonic() - started < 1, "within a second, although another node was asked")
    refused = set()
    while refused != set(cluster.numbers) and time.monotonic() - started < 5:
        for node in cluster.numbers:
            answer = await cluster.rest(node, "GET", "/v1/conversations", token=bound)
            if (answer.status, answer.code) == (401, "unauthenticated"):
                refused.add(node)
            elif answer.status != 200:
                raise Failed(f"node {node}: {answer!r}")
    check(time.monotonic() - started < 1.2, "requests with its token are 401 on every node within a second")
    answer = await cluster.rest(2, "DELETE", "/v1/users/me/devices/tablet", user="ann")
    equal(answer.status, 200, "revoking it again is fine")
    answer = await cluster.rest(2, "DELETE", "/v1/users/me/devices/nothing", user="ann")
    equal((answer.status, answer.code), (404, "not_found"), "a device nobody had is not found")
    ghost = Client(cluster, "ann", 2, "tablet", token=bound)
    try:
        await ghost.open(3)
    except (Failed, InvalidStatus):
        pass
    equal(await ghost.closed(3), 4003, "a token bound to the device before the revocation opens nothing")
    names = [d["device_id"] for d in (await ok(cluster, 2, "GET", "/v1/users/me/devices", user="ann"))["devices"]]
    equal(names, ["phone", "laptop"], "and makes no device")
    for client in (again, laptop):
        await client.close()


async def settings(cluster):
    """Mute, pin, archive and unread go to the other devices, live and at catch-up."""
    async with Client(cluster, "bea", 1) as bea, Client(cluster, "cat", 2, "phone") as cat:
        laptop = await Client(cluster, "cat", 3, "laptop").open()
        cursor = (await laptop.sync_done())["cursor"]
        sent = await bea.sent("cat", "hello")
        conversation = sent["conversation_id"]
        await cat.message("hello")
        path = f"/v1/conversations/{conversation}/settings"
        # At once, although the row may not be committed yet.
        row = await ok(cluster, 3, "PATCH", path, {"pinned": True, "muted_until": now() + HOUR}, user="cat")
        check(row["pinned"] and row["unread_count"] == 1, "pinned and muted right after the message", row)
        for device in (cat, laptop):
            frame = await device.wait("conversation", lambda f: f["type"] == "conversation" and f["pinned"])
            check(frame["conversation_id"] == conversation and frame["muted_until"] > now(),
                  f"the {device.device} hears of it live")
        await laptop.close()
        await ok(cluster, 1, "PATCH", path, {"muted_until": None, "marked_unread": True}, user="cat")
        laptop = await Client(cluster, "cat", 1, "laptop", cursor=cursor).open()
        await laptop.sync_done()
        frame = await laptop.wait("conversation", lambda f: f["type"] == "conversation")
        check(frame["marked_unread"] and frame["pinned"] and "muted_until" not in frame,
              "the laptop that was away gets the current settings at catch-up", frame)
        await laptop.message("hello", 2)
        await cat.acknowledge(conversation, 1, "read")

        async def unmarked():
            row = await ok(cluster, 2, "GET", f"/v1/conversations/{conversation}", user="cat")
            return not row["marked_unread"] and row["unread_count"] == 0
        await poll("reading ends the mark of unread", 5, unmarked)
        say("ok   reading ends the mark of unread, and nothing is unread")
        await ok(cluster, 2, "PATCH", path, {"archived": True}, user="cat")
        await bea.sent("cat", "are you there?")
        await laptop.wait("conversation", lambda f: f["type"] == "conversation" and not f["archived"]
                          and f["last_seq"] == 2)
        row = await ok(cluster, 3, "GET", f"/v1/conversations/{conversation}", user="cat")
        check(not row["archived"] and row["unread_count"] == 1, "a new message ends the archive", row)
        equal((await cluster.rest(1, "GET", f"/v1/conversations/{conversation}", user="dan")).status, 404,
              "nobody else has this row")
        await laptop.close()


async def conversation_list(cluster):
    """Pinned first, then the latest, page by page on changing nodes."""
    async with Client(cluster, "eve", 1) as eve:
        for number in range(9):
            async with Client(cluster, f"friend{number}", 1 + number % 3) as friend:
                await friend.sent("eve", "x" * 150 if number == 8 else f"I am {number}")
        group = await ok(cluster, 2, "POST", "/v1/groups", {"name": "Walks", "member_ids": ["friend1"]}, 201,
                         user="eve")

        async def complete():
            return len(await rows(cluster, 1, "eve")) == 10
        await poll("ten conversations", 5, complete)
        listed = await rows(cluster, 3, "eve")
        by_peer = {r.get("peer_id"): r["conversation_id"] for r in listed}
        check({r["kind"] for r in listed} == {"direct", "group"}
              and next(r["title"] for r in listed if r["kind"] == "group") == "Walks", "a group has its title")
        equal(max(len(r["last_message_preview"]) for r in listed), 100, "a preview has at most 100 characters")
        for number in (2, 5):
            await ok(cluster, 1, "PATCH", f"/v1/conversations/{by_peer[f'friend{number}']}/settings",
                     {"pinned": True}, user="eve")
        found, cursor, node = [], "", 0
        while cursor is not None:
            answer = await ok(cluster, 1 + node % 3, "GET", f"/v1/conversations?limit=3{cursor}", user="eve")
            found += answer["conversations"]
            cursor = f"&cursor={answer['next_cursor']}" if answer["has_more"] else None
            node += 1
        equal([r.get("peer_id", r["title"]) for r in found],
              [f"friend{n}" for n in (5, 2)] + ["Walks"] + [f"friend{n}" for n in (8, 7, 6, 4, 3, 1, 0)],
              "pinned first, then the latest activity, over pages of three nodes")
        equal((await rows(cluster, 2, "eve", "?limit=1"))[0]["pinned"], True, "a page of one begins with a pin")



async def deleted_conversations(cluster):
    """A conversation is taken out of one user's list on all its devices; the next message brings it back."""
    async with Client(cluster, "pia", 1, "phone") as phone, Client(cluster, "pia", 2, "laptop") as laptop, \
            Client(cluster, "quin", 3) as quin:
        await quin.sync_done()
        for n in range(3):
            sent = await quin.sent("pia", f"old {n}")
        await phone.message("old 2")
        await laptop.message("old 2")
        conversation = sent["conversation_id"]

        async def listed():
            return await rows(cluster, 1, "pia")
        await poll("it is listed", 5, listed)
        await ok(cluster, 3, "DELETE", f"/v1/conversations/{conversation}", user="pia")
        for client in (phone, laptop):
            frame = await client.wait("it is deleted", lambda f: f["type"] == "conversation" and f.get("deleted"), 5)
            equal((frame["cleared_seq"], frame["unread_count"]), (3, 0), f"{client.device} learns it live")

        async def gone():
            return all([await rows(cluster, node, "pia") == [] for node in cluster.numbers])
        await poll("it is in no list of its user", 5, gone)
        equal(await cluster.history(2, conversation, "pia"), [], "nor is its history")
        equal(len(await cluster.history(2, conversation, "quin")), 3, "the other side keeps everything")
        await quin.sent("pia", "new")
        await phone.message("new")
    async def back():
        return [(r["last_message_preview"], r["unread_count"]) for r in await rows(cluster, 1, "pia")] == [("new", 1)]
    await poll("the next message brings it back", 5, back)
    equal([m["content"] for m in await cluster.history(1, conversation, "pia")], ["new"], "without what is gone")
    stranger = await cluster.rest(1, "DELETE", f"/v1/conversations/{conversation}", user="ann")
    equal((stranger.status, stranger.code), (403, "not_member"), "a stranger is refused")


def prekeys(first, count):
    return [{"key_id": n, "public_key": f"key{n}"} for n in range(first, first + count)]


async def keys(cluster):
    """One-time keys: each handed out once, whatever is fetched at the same time and whoever dies."""
    async with Client(cluster, "fay", 1, "phone") as phone, Client(cluster, "fay", 2, "laptop") as laptop:
        await phone.sync_done()
        await laptop.sync_done()
        for device, count in (("phone", 90), ("laptop", 30)):
            body = {"identity_key": "aWQ", "one_time_prekeys": prekeys(1, count),
                    "signed_prekey": {"key_id": 1, "public_key": "c3A", "signature": "c2ln"}}
            path = f"/v1/users/me/devices/{device}/keys"
            stock = await ok(cluster, 2, "PUT", path, body, user="fay")
            equal(stock["one_time_prekeys"], count, f"{count} keys of the {device}")
            stock = await ok(cluster, 3, "PUT", path, body, user="fay")
            equal(stock["one_time_prekeys"], count, "the same upload again adds nothing")

        where = await cluster.admin(1, "/cluster/locate?user_id=fay")
        members = (await cluster.admin(1, "/cluster"))["members"]
        leader = next(m["number"] for m in members if m["node_id"] == where["leader"])
        others = [n for n in cluster.numbers if n != leader]
        handed = {"phone": [], "laptop": []}

        async def fetch(number):
            answer = await cluster.rest(others[number % 2], "GET", "/v1/users/fay/keys", user=f"peer{number}",
                                        seconds=30)
            if answer.status != 200:
                raise Failed(repr(answer))
            for device in answer.json["devices"]:
                if "one_time_prekey" in device:
                    handed[device["device_id"]].append(device["one_time_prekey"]["key_id"])

        running = [asyncio.create_task(fetch(n)) for n in range(20)]
        await asyncio.sleep(0.05)
        say(f"killing node {leader}, which leads fay's partition, with fetches in hand")
        kill = asyncio.create_task(cluster.kill(leader))
        running += [asyncio.create_task(fetch(n)) for n in range(20, 40)]
        await asyncio.gather(kill, *running)
        for device, ids in handed.items():
            check(len(ids) == len(set(ids)), f"no key of the {device} was handed out twice ({len(ids)} were)", ids)
        equal(len(handed["phone"]), 40, "every fetch got one key of the phone")
        equal(len(handed["laptop"]), 30, "and of the laptop as long as there were any")
        stock = await ok(cluster, others[0], "GET", "/v1/users/me/devices/phone/keys", user="fay")
        equal(stock["one_time_prekeys"], 50, "exactly one key of the phone was used for each fetch")
        stock = await ok(cluster, others[1], "PUT", "/v1/users/me/devices/laptop/keys",
                         {"one_time_prekeys": prekeys(1, 40)}, user="fay")
        equal(stock["one_time_prekeys"], 10, "a top-up takes only ids above the highest that there was")
        await cluster.start(leader)
        await cluster.ready(leader)


async def stale_devices(cluster):
    """A send for an old list of devices is refused with the difference, but never a retry of what was stored."""
    async with Client(cluster, "gil", 1) as gil, Client(cluster, "hal", 2, "phone") as phone:
        await phone.sync_done()

        async def upload(device):
            await ok(cluster, 3, "PUT", f"/v1/users/me/devices/{device}/keys",
                     {"identity_key": "aWQ", "signed_prekey": {"key_id": 1, "public_key": "c3A",
                                                               "signature": "c2ln"}}, user="hal")
        await upload("phone")
        name = fresh_id()
        first = await gil.sent("hal", "cipher 1", name, recipient_devices=["phone"])
        async with Client(cluster, "hal", 3, "laptop") as laptop:
            await laptop.sync_done()
            await upload("laptop")
            refused = await gil.send("hal", "cipher 2", recipient_devices=["phone", "old"])
            equal((refused["status"], refused["code"], refused["missing"], refused["extra"]),
                  (409, "stale_devices", ["laptop"], ["old"]), "a stale list is refused with missing and extra")
            again = await gil.sent("hal", "cipher 1", name, recipient_devices=["phone"])
            check(again.get("duplicate") and again["seq"] == first["seq"],
                  "a retry of a stored send has its result, though its list is stale now", again)
            answer = await cluster.rest(2, "POST", "/v1/messages", send_frame(
                "hal", "cipher 2", fresh_id(), recipient_devices=["laptop", "phone"]), user="gil")
            equal((answer.status, answer.json.get("seq")), (201, 2), "the full list is taken, and no seq was lost")
            # Pipelined sends with and without a list keep their order.
            since = len(gil.frames)
            for number in range(12):
                more = {"recipient_devices": ["laptop", "phone"]} if number % 3 == 0 else {}
                await gil.write({**send_frame("hal", f"p{number}", fresh_id(), **more), "ref": f"p{number}"})
            answers = [await gil.wait(f"p{n}", lambda f, n=n: f.get("ref") == f"p{n}", since=since)
                       for n in range(12)]
            equal([a.get("seq") for a in answers], list(range(3, 15)), "pipelined sends keep their order")


async def export(cluster, node, user):
    """All lines of an export, over nodes and pages."""
    lines, cursor = [], ""
    while True:
        answer = await cluster.rest(node, "GET", f"/v1/users/me/export{cursor}", user=user)
        if answer.status != 200:
            raise Failed(repr(answer))
        page = [json.loads(line) for line in answer.text.splitlines()]
        lines += page[:-1]
        if page[-1]["type"] == "end":
            return lines
        cursor = f"?cursor={page[-1]['cursor']}"
        node = 1 + node % 3


async def erasure(cluster):
    """An account is exported, then ends: nobody reads what it wrote, and its id opens nothing."""
    async with Client(cluster, "ida", 1) as ida, Client(cluster, "jon", 2) as jon:
        await ida.sync_done()
        texts = [f"ida {n} " + "x" * 20_000 for n in range(40)]
        for text in texts:
            direct = (await ida.sent("jon", text))["conversation_id"]
        await jon.sent("ida", "jon's own")
        group = (await ok(cluster, 1, "POST", "/v1/groups", {"name": "Chess", "member_ids": ["jon"]}, 201,
                          user="ida"))["group_id"]
        await ida.sent(group, "check", group=True)

        async def listed():
            return len(await rows(cluster, 2, "ida")) == 2
        await poll("both conversations are listed", 5, listed)
        await ok(cluster, 1, "PATCH", "/v1/users/me/settings", {"last_seen": "nobody"}, user="ida")
        await ok(cluster, 2, "PUT", "/v1/users/me/blocks/ann", user="ida")
        lines = await export(cluster, 1, "ida")
        equal([line["user_id"] for line in lines if line["type"] == "block"], ["ann"], "an export has the blocks")
        equal([line["last_seen"] for line in lines if line["type"] == "settings"], ["nobody"], "and the settings")
        kinds = [line["type"] for line in lines]
        equal((kinds.count("profile"), kinds.count("device"), kinds.count("conversation")), (1, 1, 2),
              "an export has the profile, the device and both conversations")
        found = {line["content"] for line in lines if line["type"] == "message"}
        check(found >= set(texts) | {"jon's own", "check"}, "and every message, over several pages")

        equal((await cluster.rest(3, "DELETE", "/v1/users/ida", user="jon")).status, 403,
              "nobody else may delete an account")
        await ok(cluster, 3, "DELETE", "/v1/users/me", user="ida")
        equal(await ida.closed(2), 4003, "its sockets are closed")

        async def gone():
            for node in cluster.numbers:
                for conversation in (direct, group):
                    for message in await cluster.history(node, conversation, "jon"):
                        if message["sender_id"] == "ida" and message["message_type"] != "system" \
                                and not (message.get("deleted") and "content" not in message):
                            return False
            return True
        await poll("what ida wrote is gone on every node", 15, gone)
        say("ok   what ida wrote is gone on every node")
        kept = [m["content"] for m in await cluster.history(1, direct, "jon") if m["sender_id"] == "jon"]
        equal(kept, ["jon's own"], "what jon wrote stays")
        members = await ok(cluster, 2, "GET", f"/v1/groups/{group}/members", user="jon")
        equal([m["user_id"] for m in members["members"]], ["jon"], "she left the group")

        async def retitled():
            return any(r["title"] == "Deleted user" for r in await rows(cluster, 2, "jon"))
        await poll("jon's list names a deleted user", 5, retitled)
        answer = await cluster.rest(2, "POST", "/v1/messages", send_frame("ida", "hello?", fresh_id()), user="jon")
        equal((answer.status, answer.code), (410, "gone"), "nobody can write to her")
        for number in cluster.numbers:
            answer = await cluster.rest(number, "POST", "/v1/messages", send_frame("jon", "boo", fresh_id()),
                                        user="ida")
            equal((answer.status, answer.code), (410, "gone"), f"and she can write to nobody, on node {number}")
        ghost = Client(cluster, "ida", 2, "new")
        try:
            await ghost.open(3)
            await ghost.closed(3)
        except (Failed, InvalidStatus):
            pass
        check(not any(f["type"] == "sync_done" for f in ghost.frames), "no new device of hers gets in")


async def test():
    async with Cluster().running() as cluster:
        await cluster.ready(*cluster.numbers)
        await listing(cluster)
        await settings(cluster)
        await conversation_list(cluster)
        await deleted_conversations(cluster)
        await stale_devices(cluster)
        await erasure(cluster)
        await keys(cluster)


# The first `up` may build; the test itself takes less than two minutes.
main(test, 2400)
