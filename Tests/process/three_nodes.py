"""Three real nodes: the whole contract once through, with clients and an operator who know only the documents.

    Tests/process/run three_nodes

The cluster is started with tools/cluster; clients are the `websockets` package. Ends with kill -9 of one leader,
then of all nodes at once under load.
"""

import asyncio
import time

from websockets.exceptions import InvalidStatus

from checks import Failed, check, equal, main, poll, say
from client import Client, Sender, fresh_id, send_frame, verify
from cluster import Cluster, mint


async def agreement(cluster):
    """The admin ports of all nodes tell the same story."""
    async def views():
        seen = [await cluster.admin(n, "/cluster") for n in cluster.numbers]
        members = [
            sorted((m["node_id"], m["number"], m["name"], m["state"], m["gossip"]) for m in view["members"])
            for view in seen]
        same = all(m == members[0] for m in members) and len({v["epoch"] for v in seen}) == 1
        up = len(members[0]) == cluster.count and all(m[3:] == ("up", "alive") for m in members[0])
        if not (same and up):
            raise Failed(f"views differ: {[(v['epoch'], m) for v, m in zip(seen, members)]!r}")
        return seen

    seen = await poll("the three nodes agree on members and epoch", 20, views)
    say("ok   same members, all up and alive, same epoch on every node")
    equal(len({view["cluster_id"] for view in seen}), 1, "one cluster id")
    equal(len({view["answered_by"] for view in seen}), cluster.count, "each node answers for itself")
    equal(sorted(m["name"] for m in seen[0]["members"]), [f"node{n}" for n in cluster.numbers], "nodes are named nodeN")
    equal(seen[0]["replication_factor"], 3, "replication factor 3")
    nodes = sorted(m["node_id"] for m in seen[0]["members"])

    async def partitions():
        leaders = []
        for number in cluster.numbers:
            found, cursor = [], ""
            while cursor is not None:
                page = await cluster.admin(number, "/cluster/partitions" + (f"?cursor={cursor}" if cursor else ""))
                found += page["partitions"]
                cursor = page.get("next_cursor")
            if len(found) != seen[0]["partition_count"]:
                raise Failed(f"node {number} lists {len(found)} of {seen[0]['partition_count']} partitions")
            for partition in found:
                if sorted(partition["voters"]) != nodes or partition["leader"] not in nodes:
                    raise Failed(f"node {number} has {partition!r}")
            leaders.append([p["leader"] for p in found])
        if any(other != leaders[0] for other in leaders):
            raise Failed("nodes name different leaders")
        return True

    await poll("every partition has three voters and a leader that all nodes name", 20, partitions)
    say("ok   every partition has three voters, and all nodes name the same leaders")


async def conversation(cluster):
    """Alice on node 1 and bob on node 3: place, delivery, receipts, catch-up, order."""
    async with Client(cluster, "alice", 1) as alice:
        async with Client(cluster, "bob", 3) as bob:
            await bob.sync_done()
            sent = await alice.sent("bob", "hello bob", "hello-1")
            equal(sent["seq"], 1, "the first message has seq 1")
            equal(sent["client_message_id"], "hello-1", "`sent` names the client message id")
            got = await bob.message("hello bob")
            equal(
                {k: got[k] for k in ("conversation_id", "message_id", "seq", "sender_id", "recipient_id",
                                     "recipient_type", "message_type")},
                {"conversation_id": sent["conversation_id"], "message_id": sent["message_id"], "seq": 1,
                 "sender_id": "alice", "recipient_id": "bob", "recipient_type": "user", "message_type": "text"},
                "bob has the same message on another node")
            await bob.write({"type": "status", "status": "delivered", "message_id": sent["message_id"]})
            await alice.receipt("delivered", "bob", 1)
            say("ok   alice sees `delivered`")
            await bob.acknowledge(sent["conversation_id"], 1, "read")
            await alice.receipt("read", "bob", 1)
            say("ok   alice sees `read`")
            answer = await bob.sent("alice", "hello alice")
            equal(answer["conversation_id"], sent["conversation_id"], "the answer is in the same conversation")
            equal(answer["seq"], 2, "and has seq 2")
            got = await alice.message("hello alice")
            await alice.acknowledge(sent["conversation_id"], 2, "read")
            # Confirms that bob's own device has its position before it leaves.
            await bob.receipt("read", "alice", 2)
        texts = [f"while you were away {n}" for n in range(20)]
        for text in texts:
            await alice.sent("bob", text)
        async with Client(cluster, "bob", 2) as bob:
            await bob.sync_done()
            done = next(i for i, f in enumerate(bob.frames) if f["type"] == "sync_done")
            missed = [f["content"] for f in bob.frames[:done] if f["type"] == "message"]
            equal(missed, texts, "bob comes back on node 2 to exactly the 20 missed messages, in order, then sync_done")
            check(bool(bob.frames[done].get("cursor")), "sync_done carries a cursor")
            cursor = bob.frames[done]["cursor"]
            await alice.sent("bob", "live again")
            await bob.message("live again")
            say("ok   and is live again")
        async with Client(cluster, "bob", 1, cursor=cursor) as bob:
            await bob.sync_done()
            await bob.message("live again")
            equal([m["content"] for m in bob.messages()], ["live again"], "a cursor resumes where it was taken")
        return sent["conversation_id"]


async def deduplication(cluster):
    """The same client message id: one message, whatever the transport and the node."""
    async with Client(cluster, "alice", 1) as alice:
        first = await alice.sent("bob", "only once", "once-1")
        again = await alice.sent("bob", "only once", "once-1")
        check(
            again.get("duplicate") is True and again["message_id"] == first["message_id"]
            and again["seq"] == first["seq"], "a repeated send gives the first result with duplicate true", again)
        body = send_frame("bob", "only once", "once-1")
        answer = await cluster.rest(2, "POST", "/v1/messages", body, user="alice")
        equal(answer.status, 200, "the same over REST on another node is 200")
        check(
            answer.json["message_id"] == first["message_id"] and answer.json.get("duplicate") is True,
            "and the same message", answer)
        answer = await cluster.rest(
            3, "POST", "/v1/messages", send_frame("bob", "something else", "once-1"), user="alice")
        equal((answer.status, answer.code), (409, "duplicate_mismatch"), "another body under the same id is refused")
        refused = await alice.send("bob", "something else", "once-1")
        equal((refused["status"], refused["code"]), (409, "duplicate_mismatch"), "over the WebSocket too")
        answer = await cluster.rest(3, "POST", "/v1/messages", send_frame("bob", "by REST", "rest-1"), user="alice")
        equal(answer.status, 201, "a new message over REST is 201")


async def histories(cluster, conversation_id):
    pages = [await cluster.history(n, conversation_id, "alice", limit=7) for n in cluster.numbers]
    seqs = [m["seq"] for m in pages[0]]
    equal(seqs, list(range(1, len(seqs) + 1)), f"history by pages is 1 ... {len(seqs)} without gaps")
    for number, page in zip(cluster.numbers, pages):
        equal(
            [(m["seq"], m["message_id"], m["content"]) for m in page],
            [(m["seq"], m["message_id"], m["content"]) for m in pages[0]], f"the history of node {number} is the same")
    newest = await cluster.rest(
        2, "GET", f"/v1/conversations/{conversation_id}/messages?limit=1", user="bob")
    equal(newest.json["messages"][0]["seq"], len(seqs), "without an order the newest comes first")
    for query in ("limit=101", "cursor=%21"):
        answer = await cluster.rest(
            1, "GET", f"/v1/conversations/{conversation_id}/messages?{query}", user="bob")
        equal(answer.status, 400, f"history with {query} is 400")
    answer = await cluster.rest(1, "GET", f"/v1/conversations/{conversation_id}/messages", user="mallory")
    check(answer.status in (403, 404), "a stranger may not read it", answer)


async def groups(cluster):
    """Members may write; strangers and removed members may not, from the removal's place on."""
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "bob", 2) as bob, \
            Client(cluster, "carol", 3) as carol, Client(cluster, "mallory", 2) as mallory:
        for client in (alice, bob, carol, mallory):
            await client.sync_done()
        answer = await cluster.rest(
            2, "POST", "/v1/groups", {"name": "birds", "member_ids": ["bob", "carol"]}, user="alice")
        equal(answer.status, 201, "a group is made")
        group = answer.json["group_id"]
        equal(
            sorted((m["user_id"], m["result"]) for m in answer.json["members"] if m["user_id"] != "alice"),
            [("bob", "added"), ("carol", "added")], "both members were added")
        sent = await alice.sent(group, "hello birds", group=True)
        equal((sent["seq"], sent["conversation_id"]), (2, group), "its first message is 2, after the system message")
        for member in (bob, carol):
            got = await member.message("hello birds")
            equal((got["seq"], got["conversation_id"]), (2, group), f"{member.user} has it")
        refused = await mallory.send(group, "let me in", group=True)
        equal((refused["type"], refused["status"]), ("error", 403), "a stranger's send is 403")
        answer = await cluster.rest(1, "DELETE", f"/v1/groups/{group}/members/carol", user="alice")
        check(answer.status in (200, 204), "carol is removed", answer)
        refused = await carol.send(group, "one last word", group=True)
        equal((refused["type"], refused["status"]), ("error", 403), "a removed member's send is 403")
        refused = await cluster.rest(
            2, "POST", "/v1/messages", send_frame(group, "one last word", fresh_id(), group=True), user="carol")
        equal(refused.status, 403, "over REST on another node too")
        after = await alice.sent(group, "now among us", group=True)
        await bob.message("now among us")
        # A later event on carol's socket proves that the group's message is not merely late.
        await alice.sent("carol", "sorry")
        await carol.message("sorry")
        late = [f for f in carol.frames if f.get("conversation_id") == group and f["type"] == "message"
                and f["seq"] >= after["seq"]]
        equal(late, [], "nothing after the removal reaches the removed")
        await active_actors(cluster)


async def active_actors(cluster):
    """Each kind of actor is at work somewhere: one per connection, active conversation, group and user."""
    totals = dict.fromkeys(("connections", "conversations", "groups", "users"), 0)
    for number in cluster.numbers:
        node = await cluster.admin(number, "/node")
        for kind in totals:
            totals[kind] += node["actors"].get(kind, 0)
    check(totals["connections"] >= 4, "each connection has its actor", totals)
    check(totals["conversations"] >= 2, "each active conversation has its actor", totals)
    check(totals["groups"] >= 1, "each active group has its actor", totals)
    check(totals["users"] >= 4, "each connected user has its actor", totals)


async def refused_upgrade(cluster, token):
    try:
        client = Client(cluster, "eve", 1)
        client.token = token
        await client.open()
    except InvalidStatus as refusal:
        return refusal.response.status_code
    await client.close()
    return 101


async def authentication(cluster):
    now = int(time.time())
    bad = {
        "no token": "",
        "garbage": "not.a.token",
        "another secret": mint(b"x" * 32, {"sub": "eve", "exp": now + 60}),
        "an expired token": mint(cluster.secret, {"sub": "eve", "exp": now - 600}),
        "a token without exp": mint(cluster.secret, {"sub": "eve"}),
        "a token without sub": mint(cluster.secret, {"exp": now + 60}),
        "algorithm none": mint(cluster.secret, {"sub": "eve", "exp": now + 60}, "none").rsplit(".", 1)[0] + ".",
    }
    for name, token in bad.items():
        equal(await refused_upgrade(cluster, token), 401, f"WebSocket with {name} is 401")
        answer = await cluster.rest(2, "GET", "/v1/conversations", token=token)
        equal((answer.status, answer.code), (401, "unauthenticated"), f"REST with {name} is 401")
    body = {**send_frame("bob", "as alice", fresh_id()), "sender_id": "alice"}
    answer = await cluster.rest(1, "POST", "/v1/messages", body, user="eve")
    equal((answer.status, answer.code), (403, "sender_mismatch"), "sending as somebody else is 403")
    answer = await cluster.rest(
        1, "POST", "/v1/messages", body, token=cluster.token("shop", scope="server"))
    equal(answer.status, 201, "a trusted backend may")


async def bad_frames(cluster):
    async with Client(cluster, "alice", 1) as alice:
        longest = await alice.send("bob", "\U0001F426" * 65_536)
        equal(longest["type"], "sent", "65,536 characters are sent, however many bytes")
        refused = await alice.send("bob", "x" * 65_537)
        equal((refused["status"], refused["code"]), (400, "message_too_long"), "65,537 are 400")
        equal(refused.get("max"), 65_536, "and the refusal names the limit")
        refused = await alice.send("bob", "")
        equal(refused["status"], 400, "an empty text is 400")
        refused = await alice.send("nobody-of-that-name", "hello?")
        equal((refused["status"], refused["code"]), (404, "recipient_unknown"), "an unknown recipient is 404")
        refused = await alice.ask({"type": "no_such_type"})
        equal((refused["type"], refused["status"]), ("error", 400), "an unknown type is 400")
        for text in ("{", "[]", "null", '{"type":', '"text"', "{}", '{"type":"send"}'):
            since = len(alice.frames)
            await alice.raw(text)
            answer = await alice.wait("a refusal", lambda f: f["type"] == "error", since=since)
            equal(answer["status"], 400, f"{text} is 400")
        since = len(alice.frames)
        await alice.write({"type": "ping"})
        await alice.wait("pong", lambda f: f["type"] == "pong", since=since)
        say("ok   and the socket is still open")
        await alice.raw(b"\x00\x01binary")
        equal(await alice.closed(), 4009, "a binary frame closes with 4009")
    async with Client(cluster, "alice", 1) as alice:
        await alice.raw("x" * 1_000_001)
        equal(await alice.closed(), 1009, "a frame of more than 1,000,000 bytes closes with 1009")
    huge = send_frame("bob", "x" * 1_000_001, fresh_id())
    answer = await cluster.rest(1, "POST", "/v1/messages", huge, user="alice")
    equal((answer.status, answer.code), (413, "frame_too_large"), "such a body is 413")
    async with Client(cluster, "alice", 1) as first, Client(cluster, "alice", 1) as second:
        equal(await first.closed(), 4001, "a second connection of the same device replaces the first")
        check(not second.is_closed, "and stays")


async def leader_dies(cluster, conversation_id):
    leader, partition = await cluster.leader(conversation_id)
    others = [n for n in cluster.numbers if n != leader]
    async with Client(cluster, "alice", others[0]) as alice, Client(cluster, "bob", others[1]) as bob:
        await bob.sync_done()
        say(f"killing node {leader}, the leader of partition {partition}")
        await cluster.kill(leader)
        started = time.monotonic()
        sent = await alice.sent("bob", "the leader is dead", seconds=20)
        took = time.monotonic() - started
        check(took <= 5, f"the next send is acknowledged within 5 s of the kill (it took {took:.2f} s)", took)
        await bob.message("the leader is dead")
        new, _ = await cluster.leader(conversation_id, ask=others[0])
        check(new != leader, f"node {new} leads now")
        say(f"starting node {leader} again")
        await cluster.start(leader)
        await cluster.ready(leader)

        async def level():
            own = await cluster.admin(leader, f"/cluster/partitions/{partition}")
            truth = await cluster.admin(new, f"/cluster/partitions/{partition}")
            return own["applied"] >= truth["commit"] > 0
        await poll(f"node {leader} has caught up", 30, level)
        say("ok   it has caught up")
    histories = [await cluster.history(n, conversation_id, "alice") for n in cluster.numbers]
    check(
        all(h[sent["seq"] - 1]["message_id"] == sent["message_id"] for h in histories),
        "all three nodes have the message")


async def everything_dies(cluster):
    """kill -9 of all nodes while clients send; what was acknowledged is there once, in one order, everywhere."""
    count = 12
    people = [f"walker{n}" for n in range(count)]
    for person in people:
        await (await Client(cluster, person, 1).open()).close()
    senders = [
        Sender(cluster, person, people[(i + 1) % count], node=1 + i % cluster.count) for i, person in enumerate(people)]
    tasks = [asyncio.create_task(sender.run()) for sender in senders]

    def acknowledged():
        return sum(len(s.acknowledged) for s in senders)

    async def enough(number):
        return acknowledged() >= number
    await poll("300 messages are acknowledged", 30, lambda: enough(300))
    await cluster.kill(*cluster.numbers)
    before = acknowledged()
    say(f"killed all nodes after {before} acknowledged messages, with {count} sends in flight")
    await cluster.start(*cluster.numbers)
    await cluster.ready(*cluster.numbers)
    await poll("sends are acknowledged again", 30, lambda: enough(before + 100))
    for sender in senders:
        sender.stop()
    await asyncio.gather(*tasks)
    equal([s.errors for s in senders if s.errors], [], "no client saw a lasting error")
    total = await verify(cluster, senders)
    say(f"ok   all {total} acknowledged messages are there once, at their place, the same on all nodes")


async def idle_actors(cluster):
    """Nobody is connected: actors of every kind but the replicas go away."""
    kinds = ("connections", "conversations", "groups", "users")

    async def probe():
        counts = {}
        for number in cluster.numbers:
            node = await cluster.admin(number, "/node")
            counts[number] = {k: node["actors"].get(k, 0) for k in kinds} | {
                "open": node["connections"], "sessions": node["sessions"]}
        if any(any(c.values()) for c in counts.values()):
            raise Failed(f"{counts!r}")
        return True
    await poll("actor counts return to zero", 90, probe, every=1)
    say("ok   actor counts have returned to zero on every node")


async def test():
    async with Cluster(3).running() as cluster:
        await agreement(cluster)
        conversation_id = await conversation(cluster)
        await deduplication(cluster)
        await histories(cluster, conversation_id)
        await groups(cluster)
        await authentication(cluster)
        await bad_frames(cluster)
        await leader_dies(cluster, conversation_id)
        await everything_dies(cluster)
        await idle_actors(cluster)


if __name__ == "__main__":
    # The first `up` may build; the test itself takes less than three minutes.
    main(test, 2400)
