"""Judges a history from outside: what was promised to the people against what the nodes tell in the end.

It knows the protocol's words and nothing else of the server (research: C1 to C12 of a Jepsen-like checker).
"""

import collections
import json


class Verdict:
    """Anomalies by kind; empty lists mean that every promise was kept."""

    def __init__(self):
        self.lost, self.duplicated, self.reordered, self.membership, self.phantoms = [], [], [], [], []

    @property
    def is_clean(self):
        return not (self.lost or self.duplicated or self.reordered or self.membership or self.phantoms)


def judge(history, logs):
    """`logs` is {conversation: {node number: messages in ascending order}}, read after healing."""
    verdict = Verdict()
    reference = {conversation: _reference(conversation, by_node, verdict) for conversation, by_node in logs.items()}
    _sends(history, reference, verdict)
    _real_time(history, verdict)
    _screens(history, reference, verdict)
    _members(history, reference, verdict)
    return verdict


def _reference(conversation, by_node, verdict):
    """Gapless, and the same on every node."""
    longest = max(by_node.values(), key=len)
    for node, messages in by_node.items():
        seqs = [m["seq"] for m in messages]
        if seqs != list(range(1, len(seqs) + 1)):
            verdict.reordered.append(f"{conversation} on node {node} is not 1, 2, 3, ...: {seqs[:20]}")
        for ours, theirs in zip(messages, longest):
            if _shape(ours) != _shape(theirs):
                verdict.reordered.append(f"{conversation} differs on node {node} at seq {ours['seq']}")
                break
        if len(messages) != len(longest):
            verdict.lost.append(f"{conversation} has {len(messages)} on node {node}, {len(longest)} elsewhere")
    return longest


def _shape(message):
    return message["seq"], message["message_id"], message.get("sender_id"), message.get("content")


def _sends(history, reference, verdict):
    stored = collections.defaultdict(list)
    for conversation, messages in reference.items():
        for message in messages:
            if message["message_type"] != "system":
                stored[message["content"]].append((conversation, message))
    bodies = set()
    for send in history.sends:
        bodies.add(send.body)
        found = stored.get(send.body, [])
        if len(found) > 1:
            verdict.duplicated.append(f"{send.body!r} is stored {len(found)} times")
        if send.outcome == "sent":
            if not found:
                verdict.lost.append(f"{send.body!r} was acknowledged as seq {send.seq}")
            elif (found[0][0], found[0][1]["seq"], found[0][1]["message_id"]) != (
                    send.conversation, send.seq, send.message_id):
                verdict.reordered.append(f"{send.body!r} was acknowledged as {send.seq}, is {found[0][1]['seq']}")
        elif send.outcome.startswith("refused") and found:
            verdict.phantoms.append(f"{send.body!r} was {send.outcome} and is stored")
    for body in stored.keys() - bodies:
        verdict.phantoms.append(f"{body!r} was never sent")


def _real_time(history, verdict):
    """What was acknowledged before another send began stands before it (G5)."""
    by_conversation = collections.defaultdict(list)
    for send in history.sends:
        if send.outcome == "sent":
            by_conversation[send.conversation].append(send)
    for conversation, sends in by_conversation.items():
        done = sorted(sends, key=lambda s: s.completed)
        highest, place = 0, 0
        for send in sorted(sends, key=lambda s: s.invoked):
            while place < len(done) and done[place].completed < send.invoked:
                highest = max(highest, done[place].seq)
                place += 1
            if send.seq < highest:
                verdict.reordered.append(
                    f"{conversation}: seq {send.seq} began after seq {highest} was acknowledged")


def _screens(history, reference, verdict):
    """Every device shows what the log has for its user: nothing else, nothing missing."""
    for device in history.devices:
        for fault in device.faults:
            (verdict.reordered if fault[0] == "order" else verdict.duplicated).append(f"{device.name}: {fault}")
        for conversation, messages in reference.items():
            visible, due = _visible(device.user, messages)
            shown = device.screen.get(conversation, {})
            for message in messages:
                seq, is_own = message["seq"], message.get("sender_id") == device.user
                if message["message_type"] == "system" or (is_own and device.is_writer):
                    # Own sends are not written back to the device that sent them.
                    continue
                if seq in due and seq not in shown:
                    verdict.lost.append(f"{device.name} never got seq {seq} of {conversation}")
                elif seq in shown and seq not in visible:
                    verdict.membership.append(f"{device.name} got seq {seq} of {conversation}, after its removal")
                elif seq in shown and shown[seq][2] != message["content"]:
                    verdict.reordered.append(f"{device.name} shows another text at seq {seq} of {conversation}")


def _visible(user, messages):
    """The seqs that a user may see, and those that it must have in the end: of a group, what came while it was a
    member, and what came since it last joined."""
    if not messages or messages[0]["message_type"] != "system":
        pair = {m["sender_id"] for m in messages} | {m["recipient_id"] for m in messages}
        seqs = {m["seq"] for m in messages} if user in pair else set()
        return seqs, seqs
    visible, due, is_member = set(), set(), False
    for message in messages:
        was = is_member
        if message["message_type"] == "system":
            is_member = _after(message, user, is_member)
            if is_member and not was:
                due = set()
        if was or is_member:
            visible.add(message["seq"])
            due.add(message["seq"])
    return visible, due


def _after(message, user, is_member):
    """Whether `user` is a member after a system message."""
    content = message["content"]
    event = json.loads(content) if isinstance(content, str) else content
    word, named = event["event"], event.get("user_ids", [])
    if word == "created":
        return is_member or user == event["actor"] or user in named
    if "added" in word or "joined" in word:
        return is_member or user in named or (not named and user == event["actor"])
    if "removed" in word:
        return is_member and user not in named
    if word.endswith("left"):
        return is_member and user != event["actor"]
    return is_member


def _members(history, reference, verdict):
    """Membership is linearizable: the log has one order, and no acknowledged change is out of its time (G8)."""
    groups = {change.group for change in history.changes}
    for group in groups:
        messages = reference.get(group, [])
        guests = {change.user for change in history.changes if change.group == group}
        for guest in guests:
            is_member = False
            for message in messages:
                if message["message_type"] == "system":
                    is_member = _after(message, guest, is_member)
                elif message["sender_id"] == guest and not is_member:
                    verdict.membership.append(f"{guest} wrote seq {message['seq']} of {group} as no member")
            _real_time_of(history, group, guest, verdict)


def _real_time_of(history, group, guest, verdict):
    """A send that began after an acknowledged removal, and ended before the next change began, is refused; the
    same after an adding is accepted."""
    changes = sorted(
        (c for c in history.changes if c.group == group and c.user == guest), key=lambda c: c.invoked)
    sends = [s for s in history.sends if s.target == group and s.user == guest and s.completed is not None]
    for place, change in enumerate(changes):
        if change.outcome != "done":
            continue
        # An attempt that got no answer may be carried out late: for a minute nothing is sure.
        if any(c.is_repeated and change.invoked - c.invoked < 60 for c in changes[:place + 1]):
            continue
        end = changes[place + 1].invoked if place + 1 < len(changes) else float("inf")
        for send in sends:
            if send.invoked <= change.completed or send.completed >= end:
                continue
            if change.kind == "remove" and send.outcome == "sent":
                verdict.membership.append(f"{guest} wrote {send.body!r} to {group} after its removal")
            if change.kind == "add" and send.outcome.startswith("refused"):
                verdict.membership.append(f"{guest} was {send.outcome} in {group} as a member")
