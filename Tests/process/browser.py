"""Chromium's own WebSocket, EventSource and fetch against three real nodes: what a web page can use without a library.

    Tests/process/run browser

Needs Chromium (apt-get install chromium). It is driven by its DevTools protocol over a socket of its own.
"""

import asyncio
import contextlib
import json
import pathlib
import shutil
import subprocess
import tempfile

from websockets.asyncio.client import connect

from checks import Failed, check, equal, main, poll, say
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


class Browser:
    """One headless Chromium with one page."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.number = 0

    async def start(self):
        program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        if program is None:
            raise Failed("Chromium is not installed: apt-get install chromium")
        self.process = subprocess.Popen(
            [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
             "--remote-debugging-port=0", f"--user-data-dir={self.directory}", "about:blank"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        place = self.directory / "DevToolsActivePort"

        async def listening():
            return place.exists() and len(place.read_text().splitlines()) == 2
        await poll("Chromium listens", 30, listening)
        port, path = place.read_text().splitlines()
        self.socket = await connect(f"ws://127.0.0.1:{port}{path}", max_size=None)
        targets = (await self.call("Target.getTargets"))["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self.session = (await self.call("Target.attachToTarget", targetId=page, flatten=True))["sessionId"]

    async def call(self, method, session=None, **parameters):
        self.number += 1
        request = {"id": self.number, "method": method, "params": parameters}
        await self.socket.send(json.dumps(request | ({"sessionId": session} if session else {})))
        while True:
            answer = json.loads(await asyncio.wait_for(self.socket.recv(), 60))
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise Failed(f"{method}: {answer['error']}")
                return answer["result"]

    async def run(self, script):
        """The value of a script, when its promise is kept."""
        result = await self.call(
            "Runtime.evaluate", self.session, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failed(f"{script[:100]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    async def stop(self):
        with contextlib.suppress(Exception):
            await self.socket.close()
        self.process.kill()
        self.process.wait()


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
                await chat(cluster, browser)
            finally:
                await browser.stop()


async def chat(cluster, browser):
    tokens = {user: cluster.token(user) for user in ("alice", "bob")}
    base = f"http://127.0.0.1:{cluster.client_port(2)}"
    await browser.run(PAGE)
    await browser.run(
        f"events('{base}/v1/events?device=web&access_token={tokens['bob']}', '{base}', '{tokens['bob']}')")
    await browser.run(
        f"webSocket('ws://127.0.0.1:{cluster.client_port(1)}/v1/ws?device=web&access_token={tokens['alice']}')")
    say("ok   a WebSocket on node 1 and an EventSource on node 2 are open and in step")

    async def frames(who, kind):
        return [f for f in await browser.run(f"seen.{who}") if f["type"] == kind]

    async def count(who, kind, number):
        return len({f.get("message_id") for f in await frames(who, kind)}) >= number
    for number in range(1, 4):
        await browser.run(say_send(number))
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
        cursors = [f for f in await browser.run("seen.bob") if f["type"] in ("cursor", "sync_done")]
        return len(cursors) > 1
    await poll("the stream has given a later cursor", 10, stood)
    await cluster.kill(2)
    for number in range(4, 7):
        await browser.run(say_send(number))
    await poll("sends go on while the node is away", 30, lambda: count("alice", "sent", 6))
    await cluster.start(2)
    await cluster.ready(2)
    await poll("what was missed arrives by itself", 60, lambda: count("bob", "message", 6))
    screen = {}
    for frame in await frames("bob", "message"):
        screen.setdefault(frame["message_id"], frame["seq"])
    equal(list(screen.values()), [1, 2, 3, 4, 5, 6], "each once on the screen, in order")
    await poll("and is acknowledged", 20, lambda: delivered(6))
    # The newest connection of a device takes its place, and says so in a way that a page can read.
    await browser.run(
        f"new Promise(done => {{ const s = new WebSocket('ws://127.0.0.1:{cluster.client_port(3)}/v1/ws"
        f"?device=web&access_token={tokens['alice']}'); s.onmessage = () => done(true); }})")

    async def closed():
        return await browser.run("seen.closed")
    await poll("the older connection is closed", 10, closed)
    equal(await browser.run("seen.closed"), [4001], "with the code that the protocol names")
    refused = await browser.run(
        f"new Promise(done => {{ const s = new WebSocket('ws://127.0.0.1:{cluster.client_port(1)}/v1/ws?device=web"
        "&access_token=no'); s.onclose = event => done(event.code); })")
    check(refused == 1006, "a bad token is refused before the upgrade")


if __name__ == "__main__":
    main(test, 600)
