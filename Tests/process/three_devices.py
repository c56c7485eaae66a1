"""Two users with three and two devices on three nodes, of which one is always being killed or coming back.

    Tests/process/run three_devices [--minutes 3] [--seed S]

One device of the first is a page of Chromium with its WebSocket, one of the second a page with its EventSource, which
writes by fetch; the others are Python clients. Both users write, read, edit, react, delete, pin and mute, to each other and in groups, from all their devices. In the end every
device shows the same conversations in the same order, the same messages, receipts and unread counts, which are those that each
node tells, to curl as well; no message is on a screen twice, and every acknowledged one is on all of them.

Needs Chromium (apt-get install chromium).
"""

import argparse
import asyncio
import json
import random
import tempfile
import time

from checks import Failed, check, equal, figures, main, poll, say
from chromium import Browser
from client import fresh_id
from cluster import Cluster
from page_screen import EventSourceScreen, PageScreen, WebSocketScreen
from screen import Screen, shown_as

parser = argparse.ArgumentParser()
parser.add_argument("--minutes", type=float, default=3)
parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
options = parser.parse_args()

DEVICES = {
    "ann": {"phone": Screen, "page": WebSocketScreen, "laptop": Screen},
    "ben": {"phone": Screen, "page": EventSourceScreen},
}
OTHER = {"ann": "ben", "ben": "ann"}


class World:
    def __init__(self, cluster):
        self.cluster = cluster
        self.random = random.Random(options.seed)
        self.screens = {
            user: [kind(cluster, user, f"{user}-{name}", 1 + i % 3) for i, (name, kind) in enumerate(kinds.items())]
            for user, kinds in DEVICES.items()}
        self.groups = []
        self.direct = None
        self.is_quiet = False
        self.dead = None
        # conversation -> seq -> (message id, text)
        self.acknowledged = {}
        self.counts = {}
        self.kills = 0

    @property
    def all_screens(self):
        return [screen for screens in self.screens.values() for screen in screens]

    def node(self):
        return self.random.choice([n for n in self.cluster.numbers if n != self.dead])

    async def rest(self, user, method, path, body=None):
        """One request until it has an answer that is not a passing refusal."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                answer = await self.cluster.rest(
                    self.node(), method, path, body, token=self.cluster.token(user, scope="server"))
                if answer.status < 500:
                    return answer
            except OSError:
                pass
            except Exception as error:
                # An answer that broke off when its node died.
                if type(error).__module__ != "http.client":
                    raise
            await asyncio.sleep(0.1)
        raise Failed(f"{method} {path} by {user} has no answer within 60 s")

    # What the users do

    async def act(self, user):
        kinds = {"send": 10, "read": 4, "edit": 2, "react": 3, "delete": 1, "settings": 1}
        while not self.is_quiet:
            kind, = self.random.choices(list(kinds), list(kinds.values()))
            await getattr(self, kind)(user)
            self.counts[kind] = self.counts.get(kind, 0) + 1
            await asyncio.sleep(self.random.uniform(0, 0.1))

    def screen(self, user):
        screens = self.screens[user]
        return self.random.choice([s for s in screens if s.is_live] or screens)

    async def send(self, user):
        target, is_group = self.random.choice([(OTHER[user], False), *((g, True) for g in self.groups)])
        text = f"{user} {fresh_id()}"
        answer = await self.screen(user).send(target, text, fresh_id(), is_group)
        if not answer or answer["type"] != "sent":
            raise Failed(f"{user} sends to {target}: {answer!r}")
        place = self.acknowledged.setdefault(answer["conversation_id"], {})
        if answer["seq"] in place:
            raise Failed(f"two messages were acknowledged as {answer['seq']}: {place[answer['seq']]!r} and {text!r}")
        place[answer["seq"]] = (answer["message_id"], text)
        if not is_group:
            self.direct = answer["conversation_id"]

    async def read(self, user):
        screen = self.screen(user)
        if screen.is_live and screen.messages:
            conversation = self.random.choice(list(screen.messages))
            answer = await screen.read(conversation)
            if not answer or answer["type"] != "ok":
                raise Failed(f"{user} reads {conversation}: {answer!r}")

    def some_message(self, user, is_own):
        screen = self.screen(user)
        found = [m["id"] for messages in screen.messages.values() for m in messages.values()
                 if m["sender"] and not m["deleted"] and (m["sender"] == user or not is_own)]
        return self.random.choice(found[-60:]) if found else None

    async def change(self, user, method, path, body=None):
        answer = await self.rest(user, method, path, body)
        # Meanwhile it may have been deleted.
        if answer.status not in (200, 410):
            raise Failed(f"{method} {path} by {user}: {answer!r}")

    async def edit(self, user):
        if message := self.some_message(user, is_own=True):
            await self.change(user, "PATCH", f"/v1/messages/{message}", {"content": f"{user} edited {fresh_id()}"})

    async def delete(self, user):
        if message := self.some_message(user, is_own=True):
            await self.change(user, "DELETE", f"/v1/messages/{message}?for=everyone")

    async def react(self, user):
        if message := self.some_message(user, is_own=False):
            if self.random.random() < 0.7:
                await self.change(user, "PUT", f"/v1/messages/{message}/reaction",
                                  {"emoji": self.random.choice("👍🐦❤🎉")})
            else:
                await self.change(user, "DELETE", f"/v1/messages/{message}/reaction")

    async def settings(self, user):
        conversation = self.random.choice([c for c in [self.direct, *self.groups] if c])
        body = self.random.choice([
            {"pinned": True}, {"pinned": False}, {"muted_until": int(time.time() * 1000) + 3_600_000},
            {"muted_until": None}])
        await self.change(user, "PATCH", f"/v1/conversations/{conversation}/settings", body)

    # What happens to the nodes

    async def kill(self):
        while not self.is_quiet:
            self.dead = self.random.choice(list(self.cluster.numbers))
            await self.cluster.kill(self.dead)
            self.kills += 1
            await asyncio.sleep(self.random.uniform(0.5, 2))
            await self.cluster.start(self.dead)
            await self.cluster.ready(self.dead)
            self.dead = None
            await asyncio.sleep(self.random.uniform(0, 0.5))

    # What must be at the end

    async def truth(self, node, user):
        """What a node tells of a user's conversations: rows in order, and all messages."""
        answer = await self.cluster.rest(node, "GET", "/v1/conversations", token=self.token(user))
        if answer.status != 200:
            raise Failed(f"the list of {user} on node {node}: {answer!r}")
        rows = answer.json["conversations"]
        messages = {}
        for row in rows:
            found = await self.cluster.history(node, row["conversation_id"], user)
            messages[row["conversation_id"]] = {m["seq"]: shown_as(m) for m in found}
        return rows, messages

    def token(self, user):
        return self.cluster.token(user, scope="server")

    async def compare(self):
        """Nothing when every screen and every node tell the same; else the first difference."""
        for user, screens in self.screens.items():
            by_node = [await self.truth(node, user) for node in self.cluster.numbers]
            rows, messages = by_node[0]
            for node, other in zip(self.cluster.numbers, by_node):
                if other != by_node[0]:
                    raise Failed(f"{user}'s conversations on node {node}: {first_difference(other, by_node[0])}")
            for screen in screens:
                self.compare_screen(screen, rows, messages)
            marks = [s.ticks() for s in screens]
            for screen, mark in zip(screens, marks):
                if mark != marks[0]:
                    keys = [key for key in sorted(set(mark) | set(marks[0])) if mark.get(key) != marks[0].get(key)]
                    raise Failed(f"receipts on {screen.device}: {[(k, [(s.device, s.receipts.get(k), s.ticks().get(k)) for s in screens]) for k in keys]}")
        return True

    def compare_screen(self, screen, rows, messages):
        if not screen.is_live:
            raise Failed(f"{screen.device} is not connected")
        plain = {c: {s: comparable(m) for s, m in of.items()} for c, of in screen.messages.items()}
        truth = {c: {s: comparable(m) for s, m in of.items()} for c, of in messages.items()}
        if plain != truth:
            raise Failed(f"messages on {screen.device}: {first_difference(plain, truth)}")
        for row in rows:
            conversation = row["conversation_id"]
            unread = screen.unread(conversation)
            if unread != row["unread_count"]:
                raise Failed(f"{screen.device} counts {unread} unread, the node {row['unread_count']}: {row!r}, read to "
                             f"{screen.read_mark(conversation)} of {screen.head(conversation)}")
            told = screen.rows.get(conversation, {})
            for key in ("pinned", "muted_until"):
                if told.get(key, row.get(key)) != row.get(key):
                    raise Failed(f"{screen.device} shows {key} {told.get(key)!r}, the node {row.get(key)!r}")
        mine = sorted(
            screen.messages, reverse=True,
            key=lambda c: (screen.rows.get(c, {}).get("pinned", False), screen.times[c][screen.head(c)]))
        if mine != [row["conversation_id"] for row in rows]:
            raise Failed(f"the list of {screen.device} is in another order: {mine!r}, the node's {rows!r}")


async def curl(cluster, node, token, path):
    process = await asyncio.create_subprocess_exec(
        "curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "20", "--header", f"Authorization: Bearer {token}",
        f"http://{cluster.client_host(node)}:{cluster.client_port(node)}{path}",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
    output, error = await process.communicate()
    if process.returncode != 0:
        raise Failed(f"curl {path} of node {node}: exit {process.returncode}, {output!r} {error!r}")
    return json.loads(output)


async def curl_agrees(world):
    """The lists and all messages as curl reads them, newest first, from every node."""
    for user in DEVICES:
        token = world.token(user)
        rows, messages = await world.truth(world.cluster.numbers[0], user)
        for node in world.cluster.numbers:
            listed = await curl(world.cluster, node, token, "/v1/conversations")
            equal_to(listed["conversations"], rows, f"{user}'s list by curl from node {node}")
            for conversation, of in messages.items():
                found, cursor = {}, ""
                while cursor is not None:
                    page = await curl(
                        world.cluster, node, token, f"/v1/conversations/{conversation}/messages?limit=100{cursor}")
                    found |= {m["seq"]: shown_as(m) for m in page["messages"]}
                    cursor = f"&cursor={page['next_cursor']}" if page["has_more"] else None
                equal_to(found, of, f"{user}'s messages by curl from node {node}")


def equal_to(found, expected, what):
    if found != expected:
        raise Failed(f"{what}: {first_difference(found, expected)}")


def comparable(message):
    return {k: v for k, v in message.items() if message["sender"] or k == "sender"}


def first_difference(found, expected, path=""):
    """Where two nested values differ first."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key in sorted(set(found) | set(expected), key=str):
            if found.get(key) != expected.get(key):
                return first_difference(found.get(key), expected.get(key), f"{path}/{key}")
    if isinstance(found, (list, tuple)) and isinstance(expected, (list, tuple)) and len(found) == len(expected):
        for place, (a, b) in enumerate(zip(found, expected)):
            if a != b:
                return first_difference(a, b, f"{path}/{place}")
    return f"at {path}: {found!r}, elsewhere {expected!r}"


async def make_groups(world):
    for number, (user, other) in enumerate([("ann", "ben"), ("ben", "ann"), ("ann", "ben")]):
        answer = await world.rest(user, "POST", "/v1/groups", {"name": f"group {number}", "member_ids": [other]})
        if answer.status != 201:
            raise Failed(f"a group: {answer!r}")
        world.groups.append(answer.json["group_id"])


async def receipts_agree(world):
    """What devices show of the other's receipts is what `info` of the own last message says."""
    for user, screens in world.screens.items():
        for conversation in [world.direct, *world.groups]:
            own = [(s, m) for s, m in screens[0].messages[conversation].items() if m["sender"] == user]
            if not own:
                continue
            seq, message = max(own, key=lambda each: each[0])
            answer = await world.rest(user, "GET", f"/v1/messages/{message['id']}/info")
            member = next(m for m in answer.json["members"] if m["user_id"] == OTHER[user])
            for status in ("delivered", "read"):
                told = f"{status}_at" in member
                shown = screens[0].receipts.get((conversation, OTHER[user], status), 0) >= seq
                if status == "delivered":
                    # Reading implies it.
                    shown = shown or screens[0].receipts.get((conversation, OTHER[user], "read"), 0) >= seq
                if told != shown:
                    raise Failed(f"{user}'s devices show {status}={shown} of seq {seq}, info says {member!r}")
    return True


async def test():
    say(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="martlet-browser-", ignore_cleanup_errors=True) as directory:
        browser = Browser(directory)
        await browser.start()
        try:
            async with Cluster(3).running() as cluster:
                await live_and_compare(cluster, browser)
        finally:
            await browser.stop()


async def live_and_compare(cluster, browser):
    world = World(cluster)
    for screen in world.all_screens:
        if isinstance(screen, PageScreen):
            await screen.begin(browser)
    living = [asyncio.create_task(screen.live()) for screen in world.all_screens]
    async def all_live():
        return all(screen.is_live for screen in world.all_screens)
    await poll("all devices are connected", 20, all_live)
    await make_groups(world)
    for user in DEVICES:
        await world.send(user)
    until = time.monotonic() + 60 * options.minutes
    busy = [asyncio.create_task(world.act(user)) for user in DEVICES for _ in range(2)]
    killing = asyncio.create_task(world.kill())
    while time.monotonic() < until:
        done, _ = await asyncio.wait([*busy, killing], timeout=1, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    world.is_quiet = True
    await asyncio.gather(*busy, killing)
    say(f"{world.kills} kills; {world.counts}")
    await poll("all devices are connected", 30, all_live)
    # Unread messages at the end, and some read on one device only.
    await world.read("ann")
    for user in DEVICES:
        await world.send(user)
    await poll("every screen and every node tell the same", 30, world.compare, every=1)
    say("ok   all devices show what all nodes tell: conversations, order, messages, unread counts, settings")
    await poll("receipts agree", 10, lambda: receipts_agree(world))
    say("ok   and the receipts that `info` tells")
    await curl_agrees(world)
    say("ok   and what curl reads from every node, page by page")
    screens = world.all_screens
    equal([(s.device, s.faults[:3]) for s in screens if s.faults], [],
          "nothing came out of order or changed its place, no receipt went back")
    equal([(s.device, s.doubled()[:3]) for s in screens if s.doubled()], [], "no message is on a screen twice")
    lost = [(s.device, c, seq) for s in screens for c, of in world.acknowledged.items() for seq, (name, _) in of.items()
            if s.messages.get(c, {}).get(seq, {}).get("id") != name]
    equal(lost[:3], [], "every acknowledged message is on every screen, at its place")
    check(min(s.connections for s in screens) > 1, "every device lost its node and came back",
          [s.connections for s in screens])
    figures("three_devices", seed=options.seed, minutes=options.minutes, kills=world.kills, actions=world.counts,
            messages=sum(map(len, world.acknowledged.values())),
            connections={s.device: s.connections for s in screens})
    for screen in screens:
        await screen.close()
    await asyncio.gather(*living)


if __name__ == "__main__":
    main(test, 240 + 60 * options.minutes)
