"""Schemathesis asks everything that openapi.yaml offers, with values nobody thought of; no answer may be undocumented.

Most calls name users, groups and messages that exist (see fuzz_hooks.py), and each operation must succeed at least once.

    Tests/process/run api_fuzz [--examples 20]

Schemathesis comes from PyPI, into a virtual environment of its own under .build.
"""

import argparse
import asyncio
import collections
import json
import os
import pathlib
import subprocess
import sys

from checks import Failed, check, equal, main, say
from cluster import ROOT, Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--examples", type=int, default=20, help="per operation")
options = parser.parse_args()
HERE = pathlib.Path(__file__).resolve().parent
VENV = ROOT / ".build" / "fuzz-venv"
# Answers: never 5xx but those documented, a documented status, content type and body.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def install():
    """The tool's command; run by the interpreter, as an environment that was moved has no scripts."""
    python = VENV / "bin" / "python"
    known = python.exists() and subprocess.run(
        [python, "-c", "import schemathesis.cli"], stderr=subprocess.DEVNULL).returncode == 0
    if not known:
        say(f"installing schemathesis into {VENV}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        subprocess.run(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "schemathesis>=4,<5"],
            check=True)
    return [str(python), "-m", "schemathesis.cli"]


async def prepare(cluster):
    """A user with one of everything, and enough of what a call may end."""
    backend = cluster.token("backend", scope="server")

    async def ask(method, path, body=None, user="fuzz", token=None):
        answer = await cluster.rest(1, method, path, body, token=token or cluster.token(user))
        if answer.status >= 300:
            raise Failed(f"{method} {path}: {answer!r}")
        return answer.json
    users = ["amy", "ben", "cid", "dot"]
    for user in users:
        await ask("PUT", f"/v1/users/{user}", token=backend)
    things = {"users": users, "waiting": ["eve"], "devices": ["phone", "tablet"], "spare": ["watch", "car"],
              "ending": [f"ending{n}" for n in range(40)], "groups": [], "codes": [],
              "messages": [], "conversations": []}
    for user in things["ending"]:
        await ask("PUT", f"/v1/users/{user}", token=backend)
    for device in things["devices"] + things["spare"]:
        await ask("GET", f"/v1/poll?device={device}&wait_ms=0")
    for number in range(40):
        sent = await ask("POST", "/v1/messages", {
            "client_message_id": f"first-{number}", "recipient_type": "user", "recipient_id": users[number % 4],
            "message_type": "text", "content": f"message {number}"}, token=backend_as(cluster))
        things["messages"].append(sent["message_id"])
        if sent["conversation_id"] not in things["conversations"]:
            things["conversations"].append(sent["conversation_id"])
    await ask("PUT", "/v1/users/eve", token=backend)
    for number in range(24):
        group = (await ask("POST", "/v1/groups", {
            "name": f"group {number}", "member_ids": users,
            "settings": {"approve_joins": number % 2 == 0}}, token=backend_as(cluster)))["group_id"]
        things["groups"].append(group)
        things["conversations"].append(group)
        code = (await ask("POST", f"/v1/groups/{group}/invites", {}, token=backend_as(cluster)))["code"]
        if number % 2 == 0:
            await ask("POST", f"/v1/invites/{code}/join", {}, user="eve")
        things["codes"].append(code)
    key = {"identity_key": "aWQ=", "signed_prekey": {"key_id": 1, "public_key": "c3A=", "signature": "c2ln"}}
    await ask("PUT", "/v1/users/me/devices/phone/keys", key, token=backend_as(cluster))
    return things


def backend_as(cluster):
    """The token of the run: a backend's, so that no rate stands in the way."""
    return cluster.token("fuzz", scope="server")


async def test():
    tool = install()
    async with Cluster(3).running() as cluster:
        things = await prepare(cluster)
        base = f"http://127.0.0.1:{cluster.client_port(1)}"
        # Its caches and reports stay out of the tree.
        scratch = pathlib.Path(cluster.directory) / "fuzz"
        scratch.mkdir()
        notes = scratch / "notes"
        process = await asyncio.create_subprocess_exec(
            *tool, "run", f"{base}/v1/openapi.yaml", "--url", base, "--header",
            f"Authorization: Bearer {backend_as(cluster)}",
            "--checks", CHECKS, "--max-examples", str(options.examples), "--workers", "1",
            "--exclude-path", "/v1/events", "--exclude-path", "/v1/poll", "--phases", "examples,coverage,fuzzing",
            "--request-timeout", "15", "--no-color", cwd=scratch,
            env=dict(os.environ, SCHEMATHESIS_HOOKS=str(HERE / "fuzz_hooks.py"), MARTLET_FUZZ_THINGS=json.dumps(things),
                     MARTLET_FUZZ_NOTES=str(notes)),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = await process.communicate()
        text = output.decode(errors="replace")
        if process.returncode != 0:
            raise Failed(f"schemathesis found something:\n{text[-6000:]}")
        say("\n".join(text.splitlines()[-12:]))
        answers = collections.defaultdict(collections.Counter)
        for line in notes.read_text().splitlines():
            note = json.loads(line)
            answers[note["operation"]][note["status"] // 100] += 1
        total = sum(sum(counts.values()) for counts in answers.values())
        done = sum(counts[2] for counts in answers.values())
        check(len(answers) > 40, f"{len(answers)} operations were tried, {total} calls, {done} of them with success")
        equal(sorted(name for name, counts in answers.items() if not counts[2]), [], "each succeeded at least once")
        check(all([(await cluster.http(cluster.admin_port(n), "GET", "/readyz")).status == 200
                   for n in cluster.numbers]), "all nodes are ready after it")


if __name__ == "__main__":
    main(test, 1800)
