"""Push notifications through real protocols: each device is told of each message once, and of nothing it should not be.

    Tests/process/run push
"""

import asyncio
import contextlib
import json
import tempfile

from checks import Failed, check, equal, main, poll, say
from client import Client
from cluster import Cluster, martlet
from providers import Providers

DEVICES = {"iphone": "apns", "pixel": "fcm", "browser": "webpush", "hook": "webhook"}


async def test():
    with tempfile.TemporaryDirectory(prefix="martlet-push-") as directory:
        providers = Providers(directory)
        await providers.start()
        async with Cluster(3).running() as cluster:
            await configure(cluster, providers)
            await register(cluster, providers)
            await command(cluster, providers)
            await told_once(cluster, providers)
            await not_told(cluster, providers)
            await failover(cluster, providers)
            await dead_token(cluster, providers)
        equal(providers.faults, [], "every request was well formed, signed and decryptable")
        providers.stop()


async def configure(cluster, providers):
    section = providers.configuration()
    for number in cluster.numbers:
        with open(f"{cluster.directory}/node{number}/node.yaml", "a") as file:
            file.write(section)
    await cluster.kill(*cluster.numbers)
    await cluster.start(*cluster.numbers)
    await cluster.ready(*cluster.numbers)
    say("ok   nodes run with push.* set")


async def rest(cluster, method, path, body=None, user="bob"):
    answer = await cluster.rest(1, method, path, body, user=user)
    if answer.status >= 300:
        raise Failed(f"{method} {path}: {answer!r}")
    return answer.json


async def register(cluster, providers):
    bodies = {
        "apns": {"provider": "apns", "token": "ab" * 32}, "fcm": {"provider": "fcm", "token": "fcm-token-1"},
        "webpush": providers.subscription(),
        "webhook": {"provider": "webhook", "url": f"https://localhost:{providers.port}/hook"}}
    for device, provider in DEVICES.items():
        async with Client(cluster, "bob", 2, device=device) as opened:
            await opened.sync_done()
        await rest(cluster, "PUT", f"/v1/users/me/devices/{device}/push", bodies[provider])
    for name in ("alice", "carol"):
        await (await Client(cluster, name, 1).open()).close()
    say("ok   bob's four devices are registered, and away")


def seqs(providers, name):
    return sorted(seq for seq, _ in providers.shown[name].values())


async def until(providers, count, what, seconds=30):
    async def there():
        found = {name: len(shown) for name, shown in providers.shown.items()}
        if any(n < count for n in found.values()):
            raise Failed(f"{found}, faults {providers.faults[:3]}")
        return True
    await poll(what, seconds, there)
    equal({name: len(shown) for name, shown in providers.shown.items()}, {n: count for n in DEVICES.values()}, what)


async def told_once(cluster, providers):
    async with Client(cluster, "alice", 1) as alice:
        for number in range(5):
            await alice.sent("bob", f"message {number}")
    await until(providers, 5, "each device is told of each of five messages once")
    for name in DEVICES.values():
        equal(seqs(providers, name), [1, 2, 3, 4, 5], f"{name} has seqs 1 to 5")
    check(max(badge for _, badge in providers.shown["apns"].values()) == 5, "the badge counts what is unread")


async def command(cluster, providers):
    """`martlet push test` goes through the real senders, and says what each provider answered."""
    def run(*arguments):
        return asyncio.to_thread(
            martlet, "push", "test", *arguments, "--admin", f"http://127.0.0.1:{cluster.admin_port(3)}")
    ended = await run("bob")
    equal((ended.returncode, sorted(providers.tests)), (0, sorted(DEVICES.values())),
          f"a test push reaches every device: {ended.stdout}{ended.stderr}")
    providers.dead.add("ab" * 32)
    ended = await run("bob", "--json")
    results = {d["provider"]: (d["result"], d.get("reason")) for d in json.loads(ended.stdout)["devices"]}
    equal((ended.returncode, results["apns"], results["fcm"]), (1, ("dead", "Unregistered"), ("delivered", None)),
          "it shows which registration has ended")
    providers.dead.clear()
    devices = (await rest(cluster, "GET", "/v1/users/me/devices"))["devices"]
    check(all("push" in d for d in devices), "and removes none")
    ended = await run("bob", "--device", "pixel")
    equal((ended.returncode, providers.tests.count("fcm"), providers.tests.count("webhook")), (0, 3, 2), "or one device only")
    for arguments, words in ((("nobody-of-this-name",), "no device"), (("bob", "--device", "fridge"), "has no device fridge"),
                             (("bob bob",), "not a user id")):
        ended = await run(*arguments)
        check(ended.returncode == 1 and words in ended.stderr, f"{arguments}: {ended.stderr.strip()}")
    equal({len(shown) for shown in providers.shown.values()}, {0}, "no message was told of")


async def not_told(cluster, providers):
    """What must not be told is followed by something that must: when that is there, the former did not come."""
    conversation = (await rest(cluster, "GET", "/v1/conversations"))["conversations"][0]["conversation_id"]
    await rest(cluster, "PATCH", f"/v1/conversations/{conversation}/settings", {"muted_until": 4_000_000_000_000})
    async with Client(cluster, "alice", 1) as alice, Client(cluster, "carol", 3) as carol:
        await alice.sent("bob", "muted")
        await carol.sent("bob", "not muted")
        await until(providers, 6, "of a muted conversation nothing is told, of another it is")
        # What is there of before must not be taken for the next, nor be judged by other settings.
        await idle(cluster)
        await rest(cluster, "PATCH", f"/v1/conversations/{conversation}/settings", {"muted_until": None})

        await rest(cluster, "PATCH", "/v1/users/me/settings", {
            "quiet_hours": {"start": "00:00", "end": "23:59", "time_zone": "UTC"}})
        await alice.sent("bob", "quiet")
        await settled(cluster)
        await rest(cluster, "PATCH", "/v1/users/me/settings", {"quiet_hours": None})
        await carol.sent("bob", "loud")
        await until(providers, 7, "in quiet hours nothing is told, after them it is")

        async with Client(cluster, "bob", 3, device="laptop") as laptop:
            read = await alice.sent("bob", "read at once")
            await laptop.message("read at once")
            await laptop.acknowledge(read["conversation_id"], read["seq"], "read")
            await poll("what is shown is cleared", 20, lambda: cleared(providers))
            await carol.sent("bob", "loud again")
            await laptop.message("loud again")
        await until(providers, 8, "what was read elsewhere within the grace is not told")

        await rest(cluster, "PUT", "/v1/users/me/blocks/alice")
        refused = await alice.send("bob", "blocked")
        equal(refused.get("code"), "blocked", "a blocked user cannot send")
        await carol.sent("bob", "loud still")
        await until(providers, 9, "of a blocked user nothing is told")
        await rest(cluster, "DELETE", "/v1/users/me/blocks/alice")


async def cleared(providers):
    return all(providers.cleared[name] for name in DEVICES.values())


async def waiting(cluster):
    answers = [await cluster.http(cluster.admin_port(n), "GET", "/node", seconds=5) for n in cluster.numbers]
    return sum(answer.json["queues"]["pushes"]["depth"] for answer in answers)


async def idle(cluster):
    async def is_idle():
        return await waiting(cluster) == 0
    await poll("the outbox is empty", 20, is_idle)


async def settled(cluster):
    """Until what was sent stood in the outbox, and stands there no more."""
    await poll("something is in the outbox", 10, lambda: waiting(cluster), every=0.02)
    await idle(cluster)


async def failover(cluster, providers):
    before = len(providers.shown["apns"])
    where = await cluster.admin(1, "/cluster/locate?user_id=bob")
    members = (await cluster.admin(1, "/cluster"))["members"]
    victim = next(m["number"] for m in members if m["node_id"] == where["leader"])
    other = next(n for n in cluster.numbers if n != victim)
    async with Client(cluster, "carol", other) as carol:
        for number in range(10):
            await carol.sent("bob", f"before the crash {number}")
        await cluster.kill(victim)
        with contextlib.suppress(Failed):
            for number in range(10):
                await carol.sent("bob", f"after the crash {number}")
    await cluster.start(victim)
    await cluster.ready(victim)
    await until(providers, before + 20, "across a failover each message is told once", 60)


async def dead_token(cluster, providers):
    providers.dead.add("ab" * 32)
    async with Client(cluster, "carol", 1) as carol:
        await carol.sent("bob", "to a phone that is gone")

    async def forgotten():
        devices = (await rest(cluster, "GET", "/v1/users/me/devices"))["devices"]
        return all("push" not in d for d in devices if d["device_id"] == "iphone")
    await poll("a dead token is forgotten", 30, forgotten)
    metrics = (await cluster.http(cluster.admin_port(1), "GET", "/metrics")).text
    check("martlet_push_total" in metrics, "push is counted by provider and result")


if __name__ == "__main__":
    main(test, 900)
