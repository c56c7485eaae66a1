"""What a device of a real client would show: everything that frames said, kept across connections, with its cursor."""

import asyncio
import contextlib
import itertools
import json
import time

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException


def reactions(listed):
    return {emoji["emoji"]: sorted(emoji["user_ids"]) for emoji in listed or []}


def shown_as(message):
    """A message as history or a `message` frame tells it, in the terms of a screen."""
    if message.get("message_type") == "system" or message.get("type") == "group":
        return {"id": message.get("message_id"), "sender": None, "content": None, "deleted": False, "reactions": {}}
    is_deleted = bool(message.get("deleted"))
    return {
        "id": message["message_id"], "sender": message["sender_id"],
        "content": None if is_deleted else message.get("content"), "deleted": is_deleted,
        "reactions": {} if is_deleted else reactions(message.get("reactions"))}


class Screen:
    """One device of one user that connects again whenever it loses its node, to any node that takes it."""

    def __init__(self, cluster, user, device, home):
        self.cluster, self.user, self.device, self.home = cluster, user, device, home
        self.cursor = None
        # conversation -> seq -> what is shown of it
        self.messages = {}
        # conversation -> seq -> the server's time of it
        self.times = {}
        # (conversation, user, status) -> seq
        self.receipts = {}
        # conversation -> the last settings that were told
        self.rows = {}
        self.faults = []
        self.connections = 0
        self.is_live = False
        self.is_over = False
        self._socket = None
        self._waiting = {}
        self._refs = itertools.count(1)

    # The connection

    async def live(self):
        """Until `is_over`: connected to its home node when it takes it, else to another."""
        nodes = itertools.cycle([self.home, *(n for n in self.cluster.numbers if n != self.home)])
        while not self.is_over:
            try:
                await self._connection(next(nodes))
            except (OSError, WebSocketException, TimeoutError, EOFError):
                pass
            finally:
                self.is_live, self._socket = False, None
                for future in self._waiting.values():
                    if not future.done():
                        future.set_result(None)
            await asyncio.sleep(0.1)

    async def _connection(self, node):
        path = f"/v1/ws?device={self.device}" + (f"&cursor={self.cursor}" if self.cursor else "")
        token = self.cluster.token(self.user, scope="server")
        async with connect(
                f"ws://{self.cluster.client_host(node)}:{self.cluster.client_port(node)}{path}",
                additional_headers={"Authorization": f"Bearer {token}"}, open_timeout=3, compression=None,
                max_size=None, ping_interval=5, ping_timeout=5, close_timeout=1) as socket:
            self._socket = socket
            self.connections += 1
            written = {}
            async for text in socket:
                self._received(json.loads(text), written)

    async def close(self):
        self.is_over = True
        if self._socket:
            with contextlib.suppress(Exception):
                await self._socket.close()

    async def ask(self, frame, seconds=15):
        """The answer to a frame; nothing when the connection or the time ended first."""
        if self._socket is None:
            return None
        ref = f"{self.device}{next(self._refs)}"
        future = self._waiting[ref] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send(json.dumps({**frame, "ref": ref}))
            return await asyncio.wait_for(future, seconds)
        except (OSError, WebSocketException, TimeoutError):
            return None
        finally:
            self._waiting.pop(ref, None)

    async def insist(self, frame, seconds=60):
        """The same frame again and again until it has its answer: a send keeps its id, a receipt only goes forward."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            answer = await self.ask(frame)
            if answer and not (answer["type"] == "error" and answer["status"] >= 500):
                return answer
            await asyncio.sleep(0.1)
        return None

    async def send(self, recipient, text, message_id, is_group):
        answer = await self.insist({
            "type": "send", "client_message_id": message_id, "recipient_id": recipient,
            "recipient_type": "group" if is_group else "user", "message_type": "text", "content": text,
            "timestamp": int(time.time() * 1000)})
        if answer and answer["type"] == "sent":
            self._show(answer["conversation_id"], answer["seq"], {
                "id": answer["message_id"], "sender": self.user, "content": text, "deleted": False, "reactions": {}},
                answer["timestamp"], is_own=True)
        return answer

    # Frames

    def _received(self, frame, written):
        kind = frame["type"]
        if frame.get("ref") in self._waiting:
            if not self._waiting[frame["ref"]].done():
                self._waiting[frame["ref"]].set_result(frame)
        elif kind in ("message", "group"):
            conversation, seq = frame["conversation_id"], frame["seq"]
            last = written.get(conversation, 0)
            # Within a connection a conversation comes strictly in order.
            if seq <= last:
                self.faults.append(("order", conversation, seq, last))
            written[conversation] = seq
            self._show(conversation, seq, shown_as(frame), frame.get("timestamp"))
        elif kind == "update":
            self._update(frame)
        elif kind == "status":
            key = (frame["conversation_id"], frame["user_id"], frame["status"])
            if frame["seq"] < self.receipts.get(key, 0):
                self.faults.append(("receipt went back", key, frame["seq"], self.receipts[key]))
            self.receipts[key] = frame["seq"]
        elif kind == "conversation":
            self.rows[frame["conversation_id"]] = frame
        if kind in ("sync_done", "cursor"):
            self.cursor = frame["cursor"]
        if kind == "sync_done":
            self.is_live = True

    def _show(self, conversation, seq, message, timestamp, is_own=False):
        known = self.messages.setdefault(conversation, {}).get(seq)
        if known and message["id"] is not None and known["id"] not in (None, message["id"]):
            self.faults.append(("two messages at one place", conversation, seq, known, message))
        if known and is_own:
            return
        self.messages[conversation][seq] = message
        self.times.setdefault(conversation, {})[seq] = timestamp

    def _update(self, frame):
        message = self.messages.get(frame["conversation_id"], {}).get(frame["seq"])
        if message is None:
            return
        if message["id"] != frame["message_id"]:
            self.faults.append(("an update of another message", frame, message))
        if frame["change"] == "edited" and not message["deleted"]:
            message["content"] = frame["content"]
        elif frame["change"] == "deleted":
            message.update(content=None, deleted=True, reactions={})
        elif frame["change"] == "reaction" and not message["deleted"]:
            kept = {e: [u for u in users if u != frame["user_id"]] for e, users in message["reactions"].items()}
            if frame.get("emoji"):
                kept.setdefault(frame["emoji"], []).append(frame["user_id"])
            message["reactions"] = {e: sorted(users) for e, users in kept.items() if users}

    # What it can tell

    def head(self, conversation):
        return max(self.messages.get(conversation, {0: None}))

    def read_mark(self, conversation):
        return self.receipts.get((conversation, self.user, "read"), 0)

    def ticks(self):
        """How far each receipt reaches among the user's own messages, which is what it is about: of what lies beyond
        them a device learns only when it happens to catch up. Own reads as they are."""
        reached = {}
        for (conversation, user, status), mark in self.receipts.items():
            own = [seq for seq, m in self.messages.get(conversation, {}).items() if m["sender"] == self.user and seq <= mark]
            reached[conversation, user, status] = mark if user == self.user else max(own, default=0)
        return {key: seq for key, seq in reached.items() if seq}

    def unread(self, conversation):
        """Others' messages after the own read mark and the last own message."""
        messages = self.messages.get(conversation, {})
        mark = max([self.read_mark(conversation), *(s for s, m in messages.items() if m["sender"] == self.user)])
        return sum(1 for seq, m in messages.items() if seq > mark and m["sender"] not in (None, self.user))

    async def read(self, conversation):
        """Everything shown, once the server knows that it is."""
        seq = self.head(conversation)
        answer = await self.insist(
            {"type": "status", "status": "read", "conversation_id": conversation, "up_to_seq": seq})
        if answer and answer["type"] == "ok":
            key = (conversation, self.user, "read")
            self.receipts[key] = max(seq, self.receipts.get(key, 0))
        return answer

    def doubled(self):
        """Messages that the screen shows at two places."""
        places = {}
        for conversation, messages in self.messages.items():
            for seq, message in messages.items():
                if message["id"] is not None:
                    places.setdefault(message["id"], []).append((conversation, seq))
        return [where for where in places.values() if len(where) > 1]
