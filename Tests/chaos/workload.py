"""The people of a chaos run: they write, read, acknowledge and manage groups, and remember all they were told."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
import random
import time

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from hosts import CLIENT, address

RETRIED = ("unknown", "unavailable", "overloaded", "draining", "storage_full")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(secret, user, scope="server"):
    """A trusted backend's token, which no rate limit slows."""
    claims = {"sub": user, "exp": int(time.time()) + 86_400, "scope": scope}
    head = base64url(b'{"alg":"HS256","typ":"JWT"}')
    signed = f"{head}.{base64url(json.dumps(claims).encode())}"
    return f"{signed}.{base64url(hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest())}"


class Send:
    """One message from the first attempt to its outcome. Times are of the monotonic clock."""

    __slots__ = ("user", "target", "is_group", "name", "body", "invoked", "completed", "conversation", "seq",
                 "message_id", "outcome")

    def __init__(self, user, target, is_group, name, body):
        self.user, self.target, self.is_group, self.name, self.body = user, target, is_group, name, body
        self.invoked = time.monotonic()
        self.completed = self.conversation = self.seq = self.message_id = None
        # open: not known whether it is stored; sent; refused.
        self.outcome = "open"


class Change:
    """One change of a group's members."""

    __slots__ = ("group", "user", "kind", "invoked", "completed", "outcome", "is_repeated")

    def __init__(self, group, user, kind):
        self.group, self.user, self.kind = group, user, kind
        self.invoked = time.monotonic()
        self.completed, self.outcome = None, "open"
        # An attempt was given up: it may still take effect, after what came later.
        self.is_repeated = False


class History:
    """Everything the people did and saw."""

    def __init__(self):
        self.sends, self.changes, self.devices = [], [], []
        self.acked_at = []
        self.refusals = {}
        self.regressed = []
        self._numbers = itertools.count(1)

    def number(self):
        return next(self._numbers)

    def acknowledged(self, send, frame):
        send.completed = time.monotonic()
        send.conversation, send.seq, send.message_id = frame["conversation_id"], frame["seq"], frame["message_id"]
        send.outcome = "sent"
        self.acked_at.append(send.completed)


class Device:
    """One device: connects again and again, keeps what its screen shows, acknowledges what it gets."""

    def __init__(self, world, user, name, is_writer):
        self.world, self.user, self.name, self.is_writer = world, user, name, is_writer
        self.token = token(world.bed.secret, user)
        self.cursor = None
        # conversation -> {seq: (message id, sender, content)}: what the screen shows.
        self.screen = {}
        # What came in the wrong order, or with another content than before.
        self.faults = []
        self.receipts = {}
        self._reported = {}
        self.socket = None
        self._waiting = {}
        self._unacknowledged = {}
        self._refs = itertools.count(1)
        self.is_connected = asyncio.Event()
        world.history.devices.append(self)

    async def live(self):
        """Until the run ends: connect to a random node, read, and connect again."""
        while not self.world.is_over.is_set():
            node = random.choice(self.world.open_nodes())
            try:
                await self._connection(node)
            except (OSError, WebSocketException, TimeoutError, EOFError, asyncio.IncompleteReadError):
                pass
            finally:
                self.is_connected.clear()
                self.socket = None
                for future in self._waiting.values():
                    if not future.done():
                        future.set_result(None)
                self._waiting.clear()
            await asyncio.sleep(random.uniform(0.05, 0.4))

    async def _connection(self, node):
        path = f"/v1/ws?device={self.name}" + (f"&cursor={self.cursor}" if self.cursor else "")
        async with connect(
                f"ws://{address(node.number)}:{CLIENT}{path}",
                additional_headers={"Authorization": f"Bearer {self.token}"}, open_timeout=5, compression=None,
                max_size=None, ping_interval=5, ping_timeout=5, close_timeout=1) as socket:
            self.socket = socket
            # A cursor says where the device stands: what comes on this connection goes on from there.
            written = {}
            acknowledger = asyncio.create_task(self._acknowledge())
            try:
                async for text in socket:
                    self._received(json.loads(text), written)
            finally:
                acknowledger.cancel()

    def _received(self, frame, written):
        kind = frame["type"]
        if kind == "welcome":
            self.is_connected.set()
        elif kind in ("message", "group"):
            self._message(frame, written)
        elif kind in ("sent", "error", "ok"):
            future = self._waiting.pop(frame.get("ref"), None)
            if future and not future.done():
                future.set_result(frame)
        elif kind == "status":
            self._status(frame)
        elif kind in ("sync_done", "cursor"):
            self.cursor = frame["cursor"]

    def _message(self, frame, written):
        conversation, seq = frame["conversation_id"], frame["seq"]
        # Within one connection a conversation comes strictly in order (G6).
        last = written.get(conversation)
        if last is not None and seq <= last:
            self.faults.append(("order", conversation, seq, last))
        written[conversation] = seq
        shown = (frame["message_id"], frame.get("sender_id"), frame.get("content"))
        known = self.screen.setdefault(conversation, {}).setdefault(seq, shown)
        if known != shown:
            self.faults.append(("moved", conversation, seq, known, shown))
        if frame["type"] == "message" and frame["sender_id"] != self.user:
            self._unacknowledged[conversation] = seq

    def _status(self, frame):
        """Someone's receipt only grows, whatever happens between (G7)."""
        key = (frame["conversation_id"], frame["user_id"], frame["status"])
        if frame["seq"] < self.receipts.get(key, 0):
            self.world.history.regressed.append((self.user, *key, frame["seq"], self.receipts[key]))
        self.receipts[key] = max(frame["seq"], self.receipts.get(key, 0))

    async def _acknowledge(self):
        while True:
            await asyncio.sleep(0.2)
            for conversation, seq in list(self._unacknowledged.items()):
                del self._unacknowledged[conversation]
                status = "read" if random.random() < 0.3 else "delivered"
                with contextlib.suppress(WebSocketException):
                    await self.socket.send(json.dumps({
                        "type": "status", "status": status, "conversation_id": conversation, "up_to_seq": seq}))

    async def ask(self, frame, seconds=12):
        """The answer to a frame; nothing when the connection or the time ended first."""
        socket = self.socket
        if socket is None:
            return None
        ref = f"r{next(self._refs)}"
        future = asyncio.get_running_loop().create_future()
        self._waiting[ref] = future
        try:
            await socket.send(json.dumps({**frame, "ref": ref}))
            return await asyncio.wait_for(future, seconds)
        except (WebSocketException, TimeoutError, OSError):
            return None
        finally:
            self._waiting.pop(ref, None)


class Person:
    """One user with two devices, who writes from the first one."""

    def __init__(self, world, name):
        self.world, self.name = world, name
        self.devices = [
            Device(world, name, f"{name}-phone", is_writer=True), Device(world, name, f"{name}-desk", is_writer=False)]

    async def write(self, choose, pause):
        """Unique messages one after the other; what stays open is sent again under the same id."""
        due = time.monotonic()
        while not self.world.is_quiet.is_set():
            target, is_group = choose()
            number = self.world.history.number()
            send = Send(self.name, target, is_group, f"{self.world.run}-{number}", f"{self.name} {number}")
            self.world.history.sends.append(send)
            await self._send(send)
            # The pace is kept where it can be; what an outage held up is not made up for.
            due = max(due + random.uniform(0, 2 * pause), time.monotonic() - pause)
            await asyncio.sleep(max(0, due - time.monotonic()))

    async def _send(self, send):
        device = self.devices[0]
        frame = {
            "type": "send", "client_message_id": send.name, "recipient_id": send.target,
            "recipient_type": "group" if send.is_group else "user", "message_type": "text", "content": send.body,
            "timestamp": int(time.time() * 1000)}
        while not self.world.is_over.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(device.is_connected.wait(), 1)
            answer = await device.ask(frame)
            if answer is None:
                # One in twenty gives up: whether it is stored stays open for ever.
                if random.random() < 0.05:
                    return
                await asyncio.sleep(0.1)
            elif answer["type"] == "sent":
                return self.world.history.acknowledged(send, answer)
            elif answer["code"] in RETRIED:
                count = self.world.history.refusals
                count[answer["code"]] = count.get(answer["code"], 0) + 1
                await asyncio.sleep(0.1)
            else:
                send.completed, send.outcome = time.monotonic(), f"refused {answer['code']}"
                return


class Janitor:
    """Adds one member to a group and removes it again, while that member writes."""

    def __init__(self, world, group, owner, guest):
        self.world, self.group, self.owner, self.guest = world, group, owner, guest

    async def work(self):
        self.is_working = True
        try:
            await self._take_turns()
        finally:
            self.is_working = False

    async def _take_turns(self):
        while not self.world.is_quiet.is_set():
            await self._change("add", "POST", f"/v1/groups/{self.group}/members", {"user_ids": [self.guest]})
            await asyncio.sleep(random.uniform(0.3, 2))
            if self.world.is_quiet.is_set():
                return
            await self._change("remove", "DELETE", f"/v1/groups/{self.group}/members/{self.guest}", None)
            await asyncio.sleep(random.uniform(0.3, 2))

    async def _change(self, kind, method, path, body):
        change = Change(self.group, self.guest, kind)
        self.world.history.changes.append(change)
        while not self.world.is_over.is_set():
            status = await self.world.request(self.owner, method, path, body)
            if status is not None and status < 500:
                change.completed = time.monotonic()
                change.outcome = "done" if status < 300 else f"refused {status}"
                return
            change.is_repeated = True
            await asyncio.sleep(0.2)
