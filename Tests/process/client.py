"""A WebSocket client of the public protocol, on top of the `websockets` package."""

import asyncio
import contextlib
import itertools
import json
import time

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from checks import Failed


class Client:
    """One device of one user on one node. Keeps every frame that came, in order."""

    def __init__(self, cluster, user, node, device="phone", cursor=None, token=None):
        self.cluster, self.user, self.node, self.device, self.cursor = cluster, user, node, device, cursor
        self.token = token or cluster.token(user)
        self.frames = []
        self.close_code = None
        self._news = asyncio.Condition()
        self._refs = itertools.count(1)
        self._socket = None
        self._reader = None

    async def __aenter__(self):
        return await self.open()

    async def __aexit__(self, *_):
        await self.close()

    async def open(self, seconds=10):
        path = f"/v1/ws?device={self.device}" + (f"&cursor={self.cursor}" if self.cursor else "")
        self._socket = await connect(
            f"ws://{self.cluster.client_host(self.node)}:{self.cluster.client_port(self.node)}{path}",
            additional_headers={"Authorization": f"Bearer {self.token}"} if self.token else {}, open_timeout=seconds,
            compression=None, max_size=None, ping_interval=10, ping_timeout=30, close_timeout=2)
        self._reader = asyncio.create_task(self._read())
        await self.wait("welcome", lambda f: f["type"] == "welcome", seconds)
        return self

    async def close(self):
        if self._socket:
            await self._socket.close()
        if self._reader:
            with contextlib.suppress(asyncio.CancelledError):
                await self._reader

    async def _read(self):
        try:
            async for text in self._socket:
                async with self._news:
                    self.frames.append(json.loads(text))
                    self._news.notify_all()
        except ConnectionClosed:
            pass
        async with self._news:
            self.close_code = self._socket.close_code
            self._news.notify_all()

    @property
    def is_closed(self):
        return self._reader is None or self._reader.done() or self.close_code is not None

    async def wait(self, what, matches, seconds=10, since=0):
        """The first frame from number `since` on that matches, now or when it comes."""
        def find():
            return next((f for f in self.frames[since:] if matches(f)), None)

        try:
            async with asyncio.timeout(seconds):
                async with self._news:
                    while (found := find()) is None:
                        if self.close_code is not None:
                            raise Failed(f"{self.user} waits for {what}: closed with {self.close_code}")
                        await self._news.wait()
                    return found
        except TimeoutError:
            raise Failed(
                f"{self.user} on node {self.node} waits for {what}: not within {seconds} s\n"
                f"  last frames: {self.frames[-5:]!r}") from None

    async def closed(self, seconds=10):
        """The close code, once the server has closed."""
        try:
            async with asyncio.timeout(seconds):
                async with self._news:
                    while self.close_code is None:
                        await self._news.wait()
        except TimeoutError:
            raise Failed(f"{self.user}: the socket was not closed within {seconds} s") from None
        return self.close_code

    async def raw(self, data):
        with contextlib.suppress(ConnectionClosed):
            await self._socket.send(data)

    async def write(self, frame):
        await self._socket.send(json.dumps(frame))

    async def ask(self, frame, seconds=15):
        """Sends a frame with a fresh ref and returns its direct answer."""
        ref = f"q{next(self._refs)}"
        since = len(self.frames)
        await self.write({**frame, "ref": ref})
        return await self.wait(f"the answer to {frame['type']}", lambda f: f.get("ref") == ref, seconds, since)

    async def send(self, recipient, text, message_id=None, group=False, seconds=15, **more):
        """A text; returns the `sent` or `error` frame."""
        return await self.ask(send_frame(recipient, text, message_id or fresh_id(), group, **more), seconds)

    async def sent(self, recipient, text, message_id=None, group=False, seconds=15, **more):
        """Like `send`, and fails when it was refused."""
        answer = await self.send(recipient, text, message_id, group, seconds, **more)
        if answer["type"] != "sent":
            raise Failed(f"{self.user} sends to {recipient}: {answer!r}")
        return answer

    async def message(self, text, seconds=10):
        return await self.wait(
            f"the message {text[:60]!r}", lambda f: f["type"] == "message" and f.get("content") == text, seconds)

    async def receipt(self, status, user, seq, seconds=10):
        return await self.wait(
            f"{status!r} of seq {seq} by {user}",
            lambda f: f["type"] == "status" and f["status"] == status and f["user_id"] == user
            and f["seq"] >= seq, seconds)

    async def sync_done(self, seconds=10):
        return await self.wait("sync_done", lambda f: f["type"] == "sync_done", seconds)

    async def acknowledge(self, conversation, seq, status="delivered"):
        answer = await self.ask(
            {"type": "status", "status": status, "conversation_id": conversation, "up_to_seq": seq})
        if answer["type"] != "ok":
            raise Failed(f"{self.user} acknowledges {seq}: {answer!r}")

    def messages(self):
        return [f for f in self.frames if f["type"] == "message"]


_ids = itertools.count(1)
_RUN = f"{time.time_ns():x}"


def fresh_id():
    return f"{_RUN}-{next(_ids)}"


def send_frame(recipient, text, message_id, group=False, **more):
    return {
        "type": "send", "client_message_id": message_id, "recipient_id": recipient,
        "recipient_type": "group" if group else "user", "message_type": "text", "content": text,
        "timestamp": int(time.time() * 1000), **more}


class Sender:
    """Sends numbered unique texts to one recipient as fast as they are acknowledged; keeps what was acknowledged.

    Survives what the cluster goes through: after a lost connection or an open outcome the same message is sent
    again, under the same id, on the next node.
    """

    def __init__(self, cluster, user, recipient, node, numbers=None, pause=0.0, group=False):
        self.cluster, self.user, self.recipient, self.group = cluster, user, recipient, group
        self.node, self.pause = node, pause
        self.nodes = list(numbers or cluster.numbers)
        self.acknowledged = {}
        self.conversation = None
        self.errors = []
        self.issued = 0
        self.slowest = 0.0
        self._settled = frozenset()
        self._stop = asyncio.Event()

    def stop(self):
        self._stop.set()

    async def run(self):
        client = None
        try:
            while not self._stop.is_set():
                self.issued += 1
                text = f"{self.user} to {self.recipient} number {self.issued} {fresh_id()}"
                name, started = fresh_id(), time.monotonic()
                while not self._stop.is_set():
                    client = await self._attempt(client, text, name)
                    if name in self._settled:
                        break
                self.slowest = max(self.slowest, time.monotonic() - started)
                if self.pause:
                    await asyncio.sleep(self.pause)
        finally:
            if client:
                await client.close()

    async def _attempt(self, client, text, name):
        try:
            if client is None or client.is_closed:
                client = await Client(self.cluster, self.user, self.node, token=self._token()).open(seconds=5)
            answer = await client.send(self.recipient, text, name, group=self.group, seconds=12)
        except (OSError, WebSocketException, Failed, TimeoutError, EOFError):
            await self._next_node(client)
            return None
        if answer["type"] == "sent":
            self.conversation = answer["conversation_id"]
            self.acknowledged[answer["seq"]] = (answer["message_id"], text)
            self._settled = {name}
        elif answer["code"] not in ("unknown", "unavailable", "overloaded", "draining"):
            self.errors.append(answer)
            self._settled = {name}
        else:
            await asyncio.sleep(0.1)
        return client

    def _token(self):
        # A trusted backend's token: this measures durability, not the rate limit.
        return self.cluster.token(self.user, scope="server")

    async def _next_node(self, client):
        if client:
            with contextlib.suppress(Exception):
                await client.close()
        self.node = self.nodes[(self.nodes.index(self.node) + 1) % len(self.nodes)]
        await asyncio.sleep(0.1)


async def verify(cluster, senders, numbers=None):
    """Every acknowledged message is there once, at its place, the same on every node. Returns the count."""
    total = 0
    for sender in senders:
        if sender.conversation is None:
            continue
        reference = None
        for number in numbers or cluster.numbers:
            found = await cluster.history(number, sender.conversation, sender.user)
            shape = [(m["seq"], m["message_id"], m["content"]) for m in found]
            compare(sender, number, shape)
            if reference is None:
                reference = shape
            elif shape != reference:
                different = next((a, b) for a, b in zip(reference, shape) if a != b) if len(reference) == len(
                    shape) else (len(reference), len(shape))
                raise Failed(f"{sender.conversation} differs on node {number}: {different!r}")
        total += len(sender.acknowledged)
    return total


def compare(sender, number, shape):
    seqs = [seq for seq, _, _ in shape]
    if seqs != list(range(1, len(seqs) + 1)):
        raise Failed(f"{sender.conversation} on node {number} is not 1, 2, 3, ...: {seqs[:50]!r}")
    texts = [text for _, _, text in shape]
    if len(set(texts)) != len(texts):
        twice = sorted(t for t in set(texts) if texts.count(t) > 1)[:5]
        raise Failed(f"{sender.conversation} on node {number} has messages twice: {twice!r}")
    for seq, (message_id, text) in sender.acknowledged.items():
        if seq > len(shape) or shape[seq - 1] != (seq, message_id, text):
            there = shape[seq - 1] if seq <= len(shape) else f"only {len(shape)} messages"
            raise Failed(
                f"lost: {sender.user} was told `sent` for seq {seq} ({text!r}), node {number} has {there!r}")
