"""Chromium's own WebSocket, EventSource and fetch against three real nodes: what a web page can use without a library.

    Tests/process/run browser

Needs Chromium (apt-get install chromium).
"""

import json
import tempfile

from checks import check, equal, main, poll, say
from chromium import Browser
from cluster import Cluster

PAGE = """
const seen = {alice: [], bob: [], closed: []};
const tell = (who, frame) => seen[who].push(frame);
function webSocket(url) {
  return new Promise((done, fail) => {
    const socket = new WebSocket(url);
    socket.onmessage = event => {
      const frame = JSON.parse(event.data);
      tell('alice', frame);
      if (frame.type === 'sync_done') done(true);
    };
    socket.onclose = event => seen.closed.push(event.code);
    socket.onerror = () => fail(new Error('the WebSocket failed'));
    window.socket = socket;
  });
}
function events(url, base, token) {
  return new Promise(done => {
    const source = new EventSource(url);
    source.onmessage = async event => {
      const frame = JSON.parse(event.data);
      tell('bob', frame);
      if (frame.type === 'sync_done') done(true);
      if (frame.type !== 'message') return;
      // A request of another origin with a header of its own: the browser asks first.
      await fetch(`${base}/v1/messages/${frame.message_id}/status`, {
        method: 'POST', headers: {'Authorization': `Bearer ${token}`, 'Content-Type': 'application/json'},
        body: JSON.stringify({status: 'delivered'})}).catch(() => {});
    };
    window.source = source;
  });
}
"""


def say_send(number):
    frame = {"type": "send", "ref": str(number), "client_message_id": f"page-{number}", "recipient_type": "user",
             "recipient_id": "bob", "message_type": "text", "content": f"from a page, {number} 🐦"}
    return f"socket.send({json.dumps(json.dumps(frame))})"


async def test():
    with tempfile.TemporaryDirectory(prefix="martlet-browser-", ignore_cleanup_errors=True) as directory:
        async with Cluster(3).running() as cluster:
            await cluster.ready(*cluster.numbers)
            browser = Browser(directory)
            await browser.start()
            try:
                await chat(cluster, await browser.page(PAGE))
            finally:
                await browser.stop()


async def chat(cluster, page):
    tokens = {user: cluster.token(user) for user in ("alice", "bob")}
    base = f"http://127.0.0.1:{cluster.client_port(2)}"
    await page.run(
        f"events('{base}/v1/events?device=web&access_token={tokens['bob']}', '{base}', '{tokens['bob']}')")
    await page.run(
        f"webSocket('ws://127.0.0.1:{cluster.client_port(1)}/v1/ws?device=web&access_token={tokens['alice']}')")
    say("ok   a WebSocket on node 1 and an EventSource on node 2 are open and in step")

    async def frames(who, kind):
        return [f for f in await page.run(f"seen.{who}") if f["type"] == kind]

    async def count(who, kind, number):
        return len({f.get("message_id") for f in await frames(who, kind)}) >= number
    for number in range(1, 4):
        await page.run(say_send(number))
    await poll("three are sent", 10, lambda: count("alice", "sent", 3))
    await poll("three arrive as server-sent events", 10, lambda: count("bob", "message", 3))
    texts = [f["content"] for f in await frames("bob", "message")]
    equal(texts, [f"from a page, {n} 🐦" for n in range(1, 4)], "in order, with their text")

    async def delivered(seq):
        return any(f["status"] == "delivered" and f["seq"] >= seq for f in await frames("alice", "status"))
    await poll("a receipt by fetch, which asks first, comes back over the WebSocket", 10, lambda: delivered(3))
    say("ok   receipts go by fetch and come back over the WebSocket")

    # The stream's node dies; the browser comes back by itself, with the cursor it was given last.
    async def stood():
        kinds = [f["type"] for f in await page.run("seen.bob")]
        return "cursor" in kinds[len(kinds) - kinds[::-1].index("message"):]
    await poll("the stream has given a cursor for the last message", 10, stood)
    await cluster.kill(2)
    for number in range(4, 7):
        await page.run(say_send(number))
    await poll("sends go on while the node is away", 30, lambda: count("alice", "sent", 6))
    await cluster.start(2)
    await cluster.ready(2)
    await poll("what was missed arrives by itself", 60, lambda: count("bob", "message", 6))
    seqs = [frame["seq"] for frame in await frames("bob", "message")]
    equal(seqs[:4], [1, 2, 3, 4], "the stream goes on after the last id that the browser had")
    equal(list(dict.fromkeys(seqs)), [1, 2, 3, 4, 5, 6], "each once on the screen, in order")
    await poll("and is acknowledged", 20, lambda: delivered(6))
    # The newest connection of a device takes its place, and says so in a way that a page can read.
    await page.run(
        f"new Promise(done => {{ const s = new WebSocket('ws://127.0.0.1:{cluster.client_port(3)}/v1/ws"
        f"?device=web&access_token={tokens['alice']}'); s.onmessage = () => done(true); }})")

    async def closed():
        return await page.run("seen.closed")
    await poll("the older connection is closed", 10, closed)
    equal(await page.run("seen.closed"), [4001], "with the code that the protocol names")
    refused = await page.run(
        f"new Promise(done => {{ const s = new WebSocket('ws://127.0.0.1:{cluster.client_port(1)}/v1/ws?device=web"
        "&access_token=no'); s.onclose = event => done(event.code); })")
    check(refused == 1006, "a bad token is refused before the upgrade")


if __name__ == "__main__":
    main(test, 600)
