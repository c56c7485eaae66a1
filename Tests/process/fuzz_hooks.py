"""Hooks of api_fuzz: most calls name what exists, so that more is tried than refusals; every answer is noted.

Loaded by schemathesis, with the things that exist in MARTLET_FUZZ_THINGS and the notes' file in MARTLET_FUZZ_NOTES.
"""

import json
import os
import random
import threading

import schemathesis

THINGS = json.loads(os.environ["MARTLET_FUZZ_THINGS"])
NOTES = open(os.environ["MARTLET_FUZZ_NOTES"], "a", buffering=1)
LOCK = threading.Lock()
CHANCE = random.Random(1)
# The token's own user must outlive the run.
ENDS = {"deleteMe", "deleteUser"}


def chosen(kind):
    return CHANCE.choice(THINGS[kind])


def path_values(operation, path):
    """What stands for the names in a path."""
    if operation == "revokeDevice":
        return {"id": chosen("spare")}
    if path.startswith("/v1/messages/"):
        return {"id": chosen("messages")}
    if path.startswith("/v1/conversations/"):
        return {"id": chosen("conversations")}
    if path.startswith("/v1/groups/"):
        return {"id": chosen("groups"), "user": chosen("waiting" if "/requests/" in path else "users")}
    if path.startswith("/v1/invites/"):
        return {"code": chosen("codes")}
    if path.startswith("/v1/users/me/devices/"):
        return {"id": chosen("devices")}
    return {"id": chosen("users")}


def change_body(operation, body):
    if operation == "sendMessage":
        kind = CHANCE.choice(["user", "group"])
        body.update(recipient_type=kind, recipient_id=chosen("users" if kind == "user" else "groups"))
        for name in ("reply_to", "mentions", "recipient_devices"):
            body.pop(name, None)
        body.setdefault("message_type", "text")
        body["client_message_id"] = f"fuzz-{CHANCE.getrandbits(64)}"
    for name in ("user_ids", "member_ids"):
        if name in body:
            body[name] = [chosen("users") for _ in range(2)]
    body.pop("sender_id", None)


@schemathesis.hook
def before_call(context, case, **kwargs):
    operation = case.operation.definition.raw.get("operationId")
    with LOCK:
        if operation in ENDS:
            user = chosen("ending")
            if operation == "deleteMe":
                case.query = {"sender_id": user}
            else:
                case.path_parameters = {"id": user}
            return
        # One in four stays as it was made up.
        if CHANCE.random() < 0.25:
            return
        values = path_values(operation, case.operation.path)
        if case.path_parameters:
            for name in case.path_parameters:
                if name in values:
                    case.path_parameters[name] = values[name]
        if isinstance(case.query, dict):
            for name in ("sender_id", "cursor", "around", "code"):
                case.query.pop(name, None)
        if isinstance(case.body, dict):
            change_body(operation, case.body)


@schemathesis.hook
def after_call(context, case, response):
    note = {"operation": case.operation.definition.raw.get("operationId"), "status": response.status_code}
    with LOCK:
        NOTES.write(json.dumps(note) + "\n")
