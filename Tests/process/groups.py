"""Groups on three real nodes: roles, settings, invites, deletion, removal races, and a large group whose leader dies."""

import asyncio

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, fresh_id, send_frame
from cluster import Cluster

PEOPLE = ("alice", "bob", "carol", "dave", "erin")


async def make(cluster, name, members, user="alice", **more):
    answer = await cluster.rest(2, "POST", "/v1/groups", {"name": name, "member_ids": members, **more}, user=user)
    equal(answer.status, 201, f"the group {name} is made")
    return answer.json["group_id"], answer.json


async def event(client, group, word, seconds=10, since=0):
    return await client.wait(
        f"the event {word!r}", lambda f: f["type"] == "group" and f["group_id"] == group and f["event"] == word,
        seconds, since)


async def changes(cluster):
    """Every change is one event, at its place, on every member's screen; who may not change is refused."""
    group, made = await make(cluster, "birds", ["bob", "carol", "nobody-of-this-name"])
    equal(
        sorted((m["user_id"], m["result"]) for m in made["members"]),
        [("bob", "added"), ("carol", "added"), ("nobody-of-this-name", "not_found")], "each is answered for")
    path = f"/v1/groups/{group}"
    async with Client(cluster, "bob", 3) as bob:
        await bob.sync_done()
        steps = [
            ("POST", f"{path}/members", {"user_ids": ["dave", "bob"]}, 200),
            ("PUT", f"{path}/members/carol/role", {"role": "admin"}, 200),
            ("PATCH", path, {"name": "martlets"}, 200),
            ("PATCH", path, {"description": "never land"}, 200),
            ("PATCH", path, {"settings": {"history": "last", "history_last": 2}}, 200),
            ("DELETE", f"{path}/members/dave", None, 200),
            ("POST", f"{path}/members", {"user_ids": ["erin"]}, 200),
            ("PUT", f"{path}/members/carol/role", {"role": "owner"}, 200),
        ]
        for number, (method, where, body, status) in enumerate(steps):
            answer = await cluster.rest(1 + number % 3, method, where, body, user="alice")
            equal(answer.status, status, f"{method} {where.removeprefix(path) or 'the group'} {body or ''}")
        words = ["created", "added", "role", "renamed", "described", "settings", "removed", "added", "owner"]
        await bob.wait("the last event", lambda f: f.get("event") == "owner")
        frames = [f for f in bob.frames if f["type"] == "group" and f["group_id"] == group]
        equal([(f["seq"], f["event"]) for f in frames], list(enumerate(words, 1)), "bob saw every change at its place")
        equal(frames[4]["description"], "never land", "an event carries what changed")
        refused = await cluster.rest(1, "PATCH", path, {"name": "x"}, user="bob")
        equal((refused.status, refused.code), (403, "forbidden"), "a member may not rename")
        refused = await cluster.rest(1, "DELETE", path, user="alice")
        equal((refused.status, refused.code), (403, "forbidden"), "who handed the group over may not delete it")
    history = await cluster.history(2, group, "erin")
    equal([m["seq"] for m in history], [6, 7, 8, 9], "erin reads back two messages before her joining")
    about = (await cluster.rest(3, "GET", path, user="erin")).json
    equal(
        {k: about[k] for k in ("name", "description", "member_count", "role", "deleted")},
        {"name": "martlets", "description": "never land", "member_count": 4, "role": "member", "deleted": False},
        "the group is described")
    equal((await cluster.rest(3, "GET", path, user="dave")).code, "not_member", "but not to who was removed")
    answer = await cluster.rest(1, "POST", f"{path}/leave", user="carol")
    equal(answer.status, 200, "the owner leaves")
    about = (await cluster.rest(3, "GET", path, user="alice")).json
    equal(about["role"], "owner", "and the oldest admin follows")
    await restricted(cluster, group)
    await deleted(cluster, group)


async def restricted(cluster, group):
    answer = await cluster.rest(
        1, "PATCH", f"/v1/groups/{group}", {"settings": {"send": "admins"}}, user="alice")
    equal(answer.status, 200, "only admins are to write")
    async with Client(cluster, "bob", 2) as bob, Client(cluster, "alice", 3) as alice:
        refused = await bob.send(group, "may I", group=True)
        equal((refused["status"], refused["code"]), (403, "group_send_restricted"), "a member may not write")
        await alice.sent(group, "listen", group=True)
        await bob.message("listen")


async def deleted(cluster, group):
    answer = await cluster.rest(2, "DELETE", f"/v1/groups/{group}", user="alice")
    equal(answer.status, 200, "the owner deletes the group")
    refused = await cluster.rest(
        3, "POST", "/v1/messages", send_frame(group, "too late", fresh_id(), group=True), user="alice")
    equal((refused.status, refused.code), (410, "gone"), "nobody writes any more")
    equal((await cluster.rest(1, "DELETE", f"/v1/groups/{group}", user="alice")).status, 200, "again is fine")
    check(len(await cluster.history(1, group, "bob")) > 5, "members go on reading")


async def invites(cluster):
    """Codes lead in from any node, until they are used up, over or revoked; admins let in who must wait."""
    group, _ = await make(cluster, "guests", [])
    path = f"/v1/groups/{group}"
    made = await cluster.rest(1, "POST", f"{path}/invites", {"uses_max": 1, "expires_in_ms": 60_000}, user="alice")
    equal(made.status, 201, "an invite is made")
    code = made.json["code"]
    joined = await cluster.rest(3, "POST", f"/v1/invites/{code}/join", user="bob")
    equal((joined.status, joined.json["status"]), (200, "joined"), "bob comes in on another node")
    equal((await cluster.rest(2, "POST", f"/v1/invites/{code}/join", user="bob")).status, 200, "bob may repeat it")
    late = await cluster.rest(2, "POST", f"/v1/invites/{code}/join", user="carol")
    equal((late.status, late.code), (410, "gone"), "its one use is used")
    wrong = await cluster.rest(2, "POST", f"/v1/invites/{code[:-2]}AA/join", user="carol")
    equal((wrong.status, wrong.code), (404, "not_found"), "another secret leads nowhere")
    answer = await cluster.rest(1, "PATCH", path, {"settings": {"approve_joins": True}}, user="alice")
    equal(answer.status, 200, "who joins is to wait")
    code = (await cluster.rest(1, "POST", f"{path}/invites", user="alice")).json["code"]
    for user in ("carol", "dave"):
        waits = await cluster.rest(2, "POST", f"/v1/invites/{code}/join", user=user)
        equal((waits.status, waits.json["status"]), (202, "pending"), f"{user} waits")
    listed = await cluster.rest(3, "GET", f"{path}/requests", user="alice")
    equal([r["user_id"] for r in listed.json["requests"]], ["carol", "dave"], "both are on the list")
    equal((await cluster.rest(3, "GET", f"{path}/requests", user="bob")).status, 403, "which is for admins only")
    async with Client(cluster, "carol", 3) as carol:
        await carol.sync_done()
        answer = await cluster.rest(1, "POST", f"{path}/requests/carol/approve", user="alice")
        equal(answer.status, 200, "carol is let in")
        await event(carol, group, "joined")
        await carol.sent(group, "thank you", group=True)
    answer = await cluster.rest(1, "POST", f"{path}/requests/dave/reject", user="alice")
    equal(answer.status, 200, "dave is not")
    equal((await cluster.rest(1, "GET", path, user="dave")).status, 403, "and is no member")
    equal((await cluster.rest(1, "DELETE", f"{path}/invites", user="alice")).status, 200, "all invites are revoked")
    gone = await cluster.rest(1, "POST", f"/v1/invites/{code}/join", user="erin")
    equal((gone.status, gone.code), (404, "not_found"), "a revoked one leads nowhere")


async def races(cluster, rounds=5):
    """Removals while the removed writes: the log decides, and nothing after a removal reaches the removed."""
    for number in range(rounds):
        group, _ = await make(cluster, f"race {number}", ["bob", "carol"])
        # A trusted backend's token: this is not about the rate limit.
        token = cluster.token("carol", scope="server")
        async with Client(cluster, "carol", 3, device=f"race{number}", token=token) as carol, \
                Client(cluster, "bob", 2, device=f"race{number}") as bob:
            await carol.sync_done()
            await event(carol, group, "created")

            async def write():
                return [await carol.send(group, f"{number}-{n}", group=True) for n in range(20)]
            writing = asyncio.create_task(write())
            await asyncio.sleep(0.02 * number)
            removed = await cluster.rest(1, "DELETE", f"/v1/groups/{group}/members/carol", user="alice")
            end = removed.json["seq"]
            last = await bob.sent(group, f"after {number}", group=True)
            answers = await writing
            accepted = [a["seq"] for a in answers if a["type"] == "sent"]
            refused = [a["code"] for a in answers if a["type"] == "error"]
            check(all(seq < end for seq in accepted), f"round {number}: {len(accepted)} sends came before the removal")
            equal(set(refused) | {"not_member"}, {"not_member"}, f"and {len(refused)} after it were refused")
            check([a["type"] for a in answers] == ["sent"] * len(accepted) + ["error"] * len(refused), "in that order")
            await event(carol, group, "removed")
            # A later event on carol's socket proves that nothing is merely late.
            await bob.sent("carol", f"bye {number}")
            await carol.message(f"bye {number}")
            seen = [f["seq"] for f in carol.frames if f.get("conversation_id") == group and "seq" in f]
            check(max(seen) == end < last["seq"], f"the removal, seq {end}, is the last that carol saw", seen)


async def large(cluster, members=150, live=30):
    """Above the size up to which members are named: live on all nodes or caught up, also when the leader dies."""
    backend = cluster.token("backend", scope="server")
    people = [f"member{n:03}" for n in range(members)]
    for person in people:
        await cluster.rest(1, "PUT", f"/v1/users/{person}", token=backend)
    group, made = await make(cluster, "large", people)
    check(all(m["result"] == "added" for m in made["members"]), f"all {members} were added")
    found, cursor = [], None
    while True:
        page = (await cluster.rest(
            2, "GET", f"/v1/groups/{group}/members?limit=60" + (f"&cursor={cursor}" if cursor else ""),
            user="alice")).json
        found += [m["user_id"] for m in page["members"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    equal(found, sorted(["alice", *people]), "and are listed by pages")
    leader, _ = await cluster.leader(group)
    others = [n for n in cluster.numbers if n != leader]
    clients = [Client(cluster, person, others[n % 2]) for n, person in enumerate(people[:live])]
    for client in clients:
        await client.open()
    try:
        sender = Sender(cluster, "alice", group, others[0], numbers=others, pause=0.02, group=True)
        task = asyncio.create_task(sender.run())

        async def acknowledged(number):
            return len(sender.acknowledged) >= number
        await poll("40 messages are acknowledged", 60, lambda: acknowledged(40))
        await cluster.kill(leader)
        say(f"killed node {leader}, which leads the group")
        await poll("40 more are acknowledged", 60, lambda: acknowledged(80))
        sender.stop()
        await task
        head = max(sender.acknowledged)
        for client in clients:
            await client.wait(f"seq {head}", lambda f: f.get("seq") == head and f["type"] == "message", 30)
            seqs = [f["seq"] for f in client.frames if f.get("conversation_id") == group and "seq" in f]
            expected = list(range(1, head + 1))
            if seqs != expected:
                raise Failed(f"{client.user} saw {seqs!r}")
        say(f"ok   {live} live members saw seq 1 to {head} once, in order")
    finally:
        for client in clients:
            await client.close()
    await cluster.start(leader)
    await cluster.ready(*cluster.numbers)

    async def lists():
        for person in people[live:]:
            row = (await cluster.rest(1, "GET", "/v1/conversations", user=person)).json["conversations"][0]
            if (row["last_seq"], row["unread_count"]) != (head, head - 1):
                raise Failed(f"{person}: {row!r}, head {head}")
        return True
    await poll(f"the {members - live} others have {head - 1} unread", 30, lists, every=1)
    say(f"ok   the {members - live} others have {head - 1} unread")
    async with Client(cluster, people[-1], 1) as late:
        await late.sync_done(30)
        seqs = [f["seq"] for f in late.frames if f.get("conversation_id") == group and "seq" in f]
        equal(seqs, list(range(1, head + 1)), "and who comes back gets all of it")
    await counted(cluster, group, people)


async def counted(cluster, group, people):
    """In a large group its sender is told how many have a message, live and at reconnect, as `info` says it."""
    async def read(readers):
        for n, person in enumerate(readers):
            answer = await cluster.rest(1 + n % 3, "POST", f"/v1/messages/{message}/status", {"status": "read"}, user=person)
            if answer.status != 200:
                raise Failed(f"{person}: {answer!r}")

    async def told(client, count):
        return await client.wait(
            f"{count} have read it", lambda f: f["type"] == "receipts" and f["seq"] == seq and f["read_count"] == count, 15)
    async with Client(cluster, "alice", 1) as alice:
        await alice.sync_done(30)
        sent = await alice.sent(group, "who has this?", group=True)
        message, seq = sent["message_id"], sent["seq"]
        await read(people[:20])
        frame = await told(alice, 20)
        equal((frame["delivered_count"], frame["member_count"]), (20, len(people)), "its sender is told counts, live")
        others = [f for f in alice.frames if f["type"] == "status" and f.get("seq") == seq and f["user_id"] != "alice"]
        equal(others, [], "and no list")
    info = (await cluster.rest(2, "GET", f"/v1/messages/{message}/info", user="alice")).json
    equal((info["read_count"], info["delivered_count"], len(info["members"])), (20, 20, len(people)), "info agrees")
    await read(people[20:35])
    async with Client(cluster, "alice", 3) as alice:
        await told(alice, 35)
        say("ok   and at reconnect")


async def test():
    async with Cluster(3).running() as cluster:
        for person in PEOPLE:
            await (await Client(cluster, person, 1).open()).close()
        await changes(cluster)
        await invites(cluster)
        await races(cluster)
        await large(cluster)


if __name__ == "__main__":
    main(test, 2400)
