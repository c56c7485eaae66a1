"""What happens to messages after they were sent, on three real nodes: receipts with times, edits, deletions, reactions,
replies, mentions, disappearing messages, history.

    Tests/process/run messages

Ends with the death of the conversation's leader while one device is away: it finds every change when it comes back.
"""

import asyncio
import time

from checks import Failed, check, equal, main, poll, say
from client import Client, fresh_id, send_frame
from cluster import Cluster


def shape(frame, *fields):
    return {k: frame.get(k) for k in fields}


async def update(client, change, message_id, seconds=10, since=0):
    return await client.wait(
        f"the update {change!r} of {message_id}",
        lambda f: f["type"] == "update" and f["change"] == change and f["message_id"] == message_id, seconds, since)


async def change(cluster, node, user, method, path, body=None, status=200):
    answer = await cluster.rest(node, method, f"/v1/messages/{path}", body, user=user)
    equal(answer.status, status, f"{method} /v1/messages/.../{path.partition('/')[2] or path.partition('?')[2]} by "
          f"{user} on node {node} is {status}")
    return answer


async def rows(cluster, node, user):
    answer = await cluster.rest(node, "GET", "/v1/conversations", user=user)
    return {row["conversation_id"]: row for row in answer.json["conversations"]}


async def row(cluster, user, conversation, **expected):
    async def probe():
        found = shape((await rows(cluster, 2, user))[conversation], *expected)
        if found != expected:
            raise Failed(f"{found!r}")
        return True
    await poll(f"{user}'s list shows {expected!r}", 10, probe)
    say(f"ok   {user}'s list shows {expected!r}")


async def shown(cluster, node, user, conversation, seq):
    answer = await cluster.rest(
        node, "GET", f"/v1/conversations/{conversation}/messages?around={seq}&limit=1", user=user)
    return answer.json["messages"][0]


async def receipts(cluster):
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 3) as bob, \
            Client(cluster, "bob", 2, device="bob-tablet") as tablet:
        for client in (alice, bob, tablet):
            await client.sync_done()
        sent = await alice.sent("bob", "first")
        conversation = sent["conversation_id"]
        await alice.sent("bob", "second")
        await bob.message("second")
        await tablet.message("second")
        await bob.acknowledge(conversation, 1)
        await asyncio.sleep(0.05)
        await bob.acknowledge(conversation, 2, "read")
        await alice.receipt("read", "bob", 2)
        own = await tablet.receipt("read", "bob", 2)
        equal(own["user_id"], "bob", "bob's other device learns what bob has read")
        before = len(alice.frames)
        answer = await cluster.rest(
            2, "POST", f"/v1/messages/{sent['message_id']}/status", {"status": "delivered"}, user="bob")
        equal(answer.status, 200, "going back is 200")
        info = (await change(cluster, 2, "alice", "GET", f"{sent['message_id']}/info")).json
        equal([m["user_id"] for m in info["members"]], ["bob"], "info names the other member")
        equal(info["status"], "read", "and the ticks")
        times = info["members"][0]
        check(
            sent["timestamp"] <= times["delivered_at"] < times["read_at"],
            "with the time of delivery before that of reading", times)
        equal(
            [f for f in alice.frames[before:] if f["type"] == "status"], [], "and nobody was told that it went back")
        await change(cluster, 1, "bob", "GET", f"{sent['message_id']}/info", status=403)
        await change(cluster, 1, "mallory", "GET", f"{sent['message_id']}/info", status=404)
        return conversation


async def edits(cluster, conversation):
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 3) as bob:
        await bob.sync_done()
        await alice.sync_done()
        sent = await alice.sent("bob", "helo")
        await bob.message("helo")
        message = sent["message_id"]
        since = len(bob.frames)
        answer = await change(cluster, 2, "alice", "PATCH", message, {"content": "hello"})
        got = await update(bob, "edited", message)
        equal(
            shape(got, "conversation_id", "seq", "content", "user_id", "edited_at"),
            {"conversation_id": conversation, "seq": sent["seq"], "content": "hello", "user_id": "alice",
             "edited_at": answer.json["edited_at"]}, "bob's device is told of the edit")
        await update(alice, "edited", message)
        say("ok   and so is alice's own")
        await change(cluster, 3, "alice", "PATCH", message, {"content": "hello"})
        await row(cluster, "bob", conversation, last_message_preview="hello")
        page = await shown(cluster, 3, "bob", conversation, sent["seq"])
        equal(
            shape(page, "content", "edited_at", "seq"),
            {"content": "hello", "edited_at": answer.json["edited_at"], "seq": sent["seq"]}, "history shows it")
        await change(cluster, 1, "bob", "PATCH", message, {"content": "hell"}, status=403)
        await change(cluster, 1, "mallory", "PATCH", message, {"content": "hell"}, status=404)
        await change(cluster, 1, "alice", "PATCH", message, {"content": ""}, status=400)
        picture = (await alice.ask({**send_frame("bob", '{"url":"x"}', fresh_id()), "message_type": "image"}))
        await change(cluster, 1, "alice", "PATCH", picture["message_id"], {"content": "x"}, status=400)
        await bob.wait("the picture", lambda f: f.get("message_id") == picture["message_id"])
        equal(
            len([f for f in bob.frames[since:] if f["type"] == "update"]), 1,
            "the repeated edit was no second update, and refused ones none")


async def reactions(cluster, conversation):
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 3) as bob:
        await bob.sync_done()
        await alice.sync_done()
        sent = await alice.sent("bob", "what do you think?")
        await bob.message("what do you think?")
        message = sent["message_id"]
        await change(cluster, 2, "bob", "PUT", f"{message}/reaction", {"emoji": "👍"})
        got = await update(alice, "reaction", message)
        equal(shape(got, "emoji", "user_id"), {"emoji": "👍", "user_id": "bob"}, "alice is told of the reaction")
        await change(cluster, 1, "alice", "PUT", f"{message}/reaction", {"emoji": "👍"})
        page = await shown(cluster, 3, "alice", conversation, sent["seq"])
        equal(page["reactions"], [{"emoji": "👍", "user_ids": ["alice", "bob"]}], "history counts both")
        await change(cluster, 3, "bob", "PUT", f"{message}/reaction", {"emoji": "👨‍👩‍👧‍👦"})
        page = await shown(cluster, 3, "alice", conversation, sent["seq"])
        equal(
            page["reactions"],
            [{"emoji": "👍", "user_ids": ["alice"]}, {"emoji": "👨‍👩‍👧‍👦", "user_ids": ["bob"]}],
            "a user has one reaction")
        await change(cluster, 1, "bob", "DELETE", f"{message}/reaction")
        # Updates of before may still be on their way.
        got = await alice.wait(
            "the update 'reaction' without an emoji",
            lambda f: f["type"] == "update" and f["change"] == "reaction" and f["emoji"] is None)
        equal(shape(got, "message_id", "user_id"), {"message_id": message, "user_id": "bob"}, "taking it back is told as null")
        await change(cluster, 1, "bob", "PUT", f"{message}/reaction", {"emoji": "two words"}, status=400)
        await change(cluster, 1, "mallory", "PUT", f"{message}/reaction", {"emoji": "👍"}, status=404)
        await row(cluster, "bob", conversation, last_message_preview="what do you think?")


async def deletions(cluster, conversation):
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 3) as bob, \
            Client(cluster, "bob", 2, device="bob-tablet") as tablet:
        for client in (alice, bob, tablet):
            await client.sync_done()
        unread = (await rows(cluster, 1, "bob"))[conversation]["unread_count"]
        kept = await alice.sent("bob", "stays")
        gone = await alice.sent("bob", "a secret")
        await bob.message("a secret")
        await tablet.message("a secret")
        await change(cluster, 2, "bob", "DELETE", f"{gone['message_id']}?for=everyone", status=403)
        await change(cluster, 2, "bob", "DELETE", f"{kept['message_id']}?for=me")
        for device in (bob, tablet):
            got = await update(device, "deleted", kept["message_id"])
            equal(got["for"], "me", f"{device.device} learns what bob deleted for himself")
        await change(cluster, 2, "alice", "DELETE", f"{gone['message_id']}?for=everyone")
        for device in (alice, bob, tablet):
            got = await update(device, "deleted", gone["message_id"])
            equal(
                shape(got, "for", "user_id", "content"), {"for": "everyone", "user_id": "alice", "content": None},
                f"{device.device} learns that the other is gone")
        equal(
            [f for f in alice.frames if f["type"] == "update" and f["message_id"] == kept["message_id"]], [],
            "alice never heard of the first")
        for number in cluster.numbers:
            page = await shown(cluster, number, "bob", conversation, gone["seq"])
            equal(
                shape(page, "deleted", "content", "seq", "sender_id"),
                {"deleted": True, "content": None, "seq": gone["seq"], "sender_id": "alice"},
                f"history on node {number} has a tombstone in its place")
        equal(
            shape(await shown(cluster, 1, "bob", conversation, kept["seq"]), "deleted", "content"),
            {"deleted": True, "content": None}, "bob's own deletion is one for him")
        equal((await shown(cluster, 1, "alice", conversation, kept["seq"]))["content"], "stays", "and not for alice")
        await row(cluster, "bob", conversation, last_message_preview="", unread_count=unread + 2)
        answer = await change(
            cluster, 3, "alice", "PUT", f"{gone['message_id']}/reaction", {"emoji": "👍"}, status=410)
        equal(answer.code, "gone", "a tombstone takes no reaction")
        again = await alice.sent("bob", "after it")
        equal(again["seq"], gone["seq"] + 1, "the order goes on without a gap")
        await row(cluster, "bob", conversation, last_message_preview="after it")


async def extras(cluster):
    """Replies, mentions, and what only a group's admin may."""
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 3) as bob, \
            Client(cluster, "carol", 2) as carol:
        for client in (alice, bob, carol):
            await client.sync_done()
        answer = await cluster.rest(
            1, "POST", "/v1/groups", {"name": "g", "member_ids": ["bob", "carol"]}, user="alice")
        group = answer.json["group_id"]
        first = await bob.sent(group, "a question", group=True)
        await alice.sent(
            group, "an answer", group=True, reply_to=first["message_id"], mentions=["bob", "carol"])
        for client in (bob, carol):
            got = await client.message("an answer")
            equal(
                shape(got, "reply_to", "mentions"), {"reply_to": first["message_id"], "mentions": ["bob", "carol"]},
                f"{client.user} sees what it answers and whom it mentions")
        refused = await alice.send(group, "hello stranger", group=True, mentions=["mallory"])
        equal((refused["status"], refused["code"]), (400, "invalid_request"), "strangers cannot be mentioned")
        refused = await alice.send(group, "re", group=True, reply_to="00000000-0000-8000-8000-000000004000")
        equal((refused["status"], refused["code"]), (404, "not_found"), "nor unknown messages answered")
        await change(cluster, 1, "carol", "DELETE", f"{first['message_id']}?for=everyone", status=403)
        await carol.acknowledge(group, first["seq"], "read")
        await cluster.rest(1, "DELETE", f"/v1/groups/{group}/members/carol", user="alice")
        info = (await change(cluster, 3, "alice", "GET", f"{first['message_id']}/info")).json
        members = {m["user_id"]: m for m in info["members"]}
        equal(sorted(members), ["alice", "carol"], "info lists all members of then, but the sender")
        check(
            "left_at" in members["carol"] and "read_at" in members["carol"] and "left_at" not in members["alice"],
            "also one who has left, and when", info)
        await change(cluster, 2, "alice", "DELETE", f"{first['message_id']}?for=everyone")
        await update(bob, "deleted", first["message_id"])
        say("ok   the group's owner deletes what another wrote")
        since = len(carol.frames)
        await alice.sent("carol", "sorry")
        await carol.message("sorry")
        equal(
            [f for f in carol.frames[since:] if f.get("conversation_id") == group], [],
            "who was removed hears nothing of it")


async def disappearing(cluster, conversation):
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 3) as bob:
        await bob.sync_done()
        sent = await alice.sent("bob", "burn after reading", expires_in_ms=2_000)
        got = await bob.message("burn after reading")
        equal(got["expires_in_ms"], 2_000, "the message says when it disappears")
        got = await update(bob, "deleted", sent["message_id"])
        check(got.get("expired") is True, "and is gone by itself", got)
        late = got["timestamp"] - sent["timestamp"]
        check(2_000 <= late < 5_000, f"after {late} ms", late)
        page = await shown(cluster, 2, "bob", conversation, sent["seq"])
        equal(shape(page, "deleted", "content"), {"deleted": True, "content": None}, "nothing is left of it")
        path = f"/v1/conversations/{conversation}/settings"
        for value, status in ((86_400_000, 200), (5, 400)):
            answer = await cluster.rest(3, "PATCH", path, {"disappearing_ms": value}, user="bob")
            equal(answer.status, status, f"disappearing_ms {value} is {status}")
        got = await alice.wait(
            "the system message", lambda f: f["type"] == "group" and f["conversation_id"] == conversation)
        equal(
            shape(got, "event", "actor", "disappearing_ms"),
            {"event": "disappearing", "actor": "bob", "disappearing_ms": 86_400_000}, "alice is told of bob's setting")
        await alice.sent("bob", "gone tomorrow")
        got = await bob.message("gone tomorrow")
        equal(got["expires_in_ms"], 86_400_000, "messages have it from now on")
        await cluster.rest(3, "PATCH", path, {"disappearing_ms": None}, user="bob")
        refused = await alice.send("bob", "too long", expires_in_ms=90 * 86_400_000 + 1)
        equal(refused["status"], 400, "90 days at most")


async def history(cluster):
    async with Client(cluster, "henry", 1) as henry, Client(cluster, "irma", 2) as irma:
        await irma.sync_done()
        for number in range(1, 31):
            sent = await henry.sent("irma", f"line {number}")
        conversation = sent["conversation_id"]
        path = f"/v1/conversations/{conversation}/messages"

        async def page(node, query):
            answer = await cluster.rest(node, "GET", f"{path}?{query}", user="irma")
            equal(answer.status, 200, f"history with {query}")
            return [m["seq"] for m in answer.json["messages"]], answer.json

        seqs, body = await page(1, "limit=5&order=asc&around=15")
        equal(seqs, [13, 14, 15, 16, 17], "around a seq")
        equal((await page(2, f"limit=5&order=asc&cursor={body['next_cursor']}"))[0], [18, 19, 20, 21, 22], "onwards")
        equal((await page(3, f"limit=5&cursor={body['prev_cursor']}"))[0], [12, 11, 10, 9, 8], "and backwards")
        equal((await page(2, f"limit=3&around={sent['message_id']}"))[0], [30, 29, 28], "around a message id")
        answer = await irma.ask(
            {"type": "history", "conversation_id": conversation, "around": 15, "limit": 5, "order": "asc"})
        equal([m["seq"] for m in answer["messages"]], [13, 14, 15, 16, 17], "the same over the WebSocket")
        answer = await irma.ask({"type": "history", "conversation_id": conversation, "cursor": body["next_cursor"],
                                 "limit": 2, "order": "asc"})
        equal([m["seq"] for m in answer["messages"]], [18, 19], "with the same cursors")
        for query in ("limit=0", "limit=101", "around=x", "order=up", "cursor=%21", "min_seq=-1"):
            answer = await cluster.rest(1, "GET", f"{path}?{query}", user="irma")
            equal(answer.status, 400, f"history with {query} is 400")
        for node in cluster.numbers:
            seqs, _ = await page(node, "limit=1&stale_ok=1&min_seq=30")
            equal(seqs, [30], f"node {node} has read its writer's writes")
        return conversation


async def stale_reads(cluster, conversation):
    """One node alone: no leader anywhere, and what it has is still read."""
    alone = 1
    others = [n for n in cluster.numbers if n != alone]
    path = f"/v1/conversations/{conversation}/messages?limit=3"
    token = cluster.token("irma")

    async def caught_up():
        answer = await cluster.rest(alone, "GET", path + "&stale_ok=1&min_seq=30", token=token)
        return answer.status == 200
    await poll("node 1 has applied all", 10, caught_up)
    await cluster.kill(*others)
    say("killed nodes 2 and 3")

    async def refused():
        answer = await cluster.rest(alone, "GET", path, token=token, seconds=20)
        return answer.status == 503
    await poll("a linearizable read is refused", 40, refused)
    answer = await cluster.rest(alone, "GET", path + "&stale_ok=1", token=token)
    equal(
        (answer.status, [m["seq"] for m in (answer.json or {}).get("messages", [])]), (200, [30, 29, 28]),
        "with stale_ok the last node answers from its own replica")
    await cluster.start(*others)
    await cluster.ready(*others)


def screen(frames):
    """What a client shows after these frames: content and reactions by message."""
    shown = {}
    for frame in frames:
        if frame["type"] == "message":
            shown[frame["message_id"]] = (frame.get("content"), {
                user: r["emoji"] for r in frame.get("reactions", []) for user in r["user_ids"]})
        elif frame["type"] == "update":
            content, given = shown.get(frame["message_id"], ("unknown", {}))
            if frame["change"] == "edited":
                content = frame["content"]
            elif frame["change"] == "deleted":
                content, given = None, {}
            else:
                given = {**given, frame["user_id"]: frame["emoji"]}
                if frame["emoji"] is None:
                    del given[frame["user_id"]]
            shown[frame["message_id"]] = (content, given)
    return shown


async def away(cluster):
    """A device is away while messages change and their leader dies."""
    async with Client(cluster, "paul", 1) as paul:
        async with Client(cluster, "quinn", 3) as quinn:
            await quinn.sync_done()
            sent = [await paul.sent("quinn", f"text {n}") for n in range(6)]
            await quinn.message("text 5")
            conversation = sent[0]["conversation_id"]
            await quinn.acknowledge(conversation, 6, "read")
            await paul.receipt("read", "quinn", 6)
        leader, _ = await cluster.leader(conversation)
        survivors = [n for n in cluster.numbers if n != leader]
        await change(cluster, survivors[0], "paul", "PATCH", sent[0]["message_id"], {"content": "edited once"})
        await change(cluster, survivors[0], "paul", "DELETE", f"{sent[1]['message_id']}?for=everyone")
        await cluster.kill(leader)
        say(f"killed node {leader}, which led the conversation")
        deadline = time.monotonic() + 15
        while True:
            answer = await cluster.rest(
                survivors[0], "PATCH", f"/v1/messages/{sent[0]['message_id']}", {"content": "edited twice"}, user="paul")
            if answer.status == 200:
                break
            check(time.monotonic() < deadline and answer.status in (503, 504), "an edit waits for a leader", answer)
        await change(cluster, survivors[1], "paul", "PUT", f"{sent[2]['message_id']}/reaction", {"emoji": "🐦"})
    async with Client(cluster, "paul", survivors[1]) as paul:
        new = await paul.sent("quinn", "sent meanwhile")
        await change(cluster, survivors[1], "paul", "PATCH", new["message_id"], {"content": "and edited"})
        async with Client(cluster, "quinn", survivors[0]) as quinn:
            await quinn.sync_done(20)
            # Its acknowledgement may be lost with the leader; then messages come again, as they are now.
            async def all_there():
                found = screen(quinn.frames)
                expected = {
                    sent[0]["message_id"]: ("edited twice", {}), sent[1]["message_id"]: (None, {}),
                    sent[2]["message_id"]: (found.get(sent[2]["message_id"], ("",))[0], {"paul": "🐦"}),
                    new["message_id"]: ("and edited", {})}
                if any(found.get(message) != state for message, state in expected.items()):
                    raise Failed(f"{found!r}")
                return True
            await poll("every change that was missed is there", 10, all_there)
            say("ok   quinn's device has every change")
            count = len([f for f in quinn.frames if f["type"] == "message" and f["message_id"] == new["message_id"]])
            equal(count, 1, "and the new message once")
            await change(cluster, survivors[1], "paul", "PATCH", sent[3]["message_id"], {"content": "live again"})
            await update(quinn, "edited", sent[3]["message_id"])
            say("ok   and is live again")
    await cluster.start(leader)
    await cluster.ready(leader)


async def test():
    async with Cluster(3).running() as cluster:
        conversation = await receipts(cluster)
        await edits(cluster, conversation)
        await reactions(cluster, conversation)
        await deletions(cluster, conversation)
        await extras(cluster)
        await disappearing(cluster, conversation)
        told = await history(cluster)
        await away(cluster)
        await stale_reads(cluster, told)


if __name__ == "__main__":
    main(test, 2400)
