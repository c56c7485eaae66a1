"""The devices of `screen.py` as pages of Chromium: one with its WebSocket, one with its EventSource and fetch."""

import asyncio
import itertools
import json

from screen import Screen

PAGE = """
let link;
const report = (number, kind, text) => tell(JSON.stringify([number, kind, text]));
function webSocket(number, url) {
  const socket = link = new WebSocket(url);
  // A page cannot send pings of the protocol below.
  const beat = setInterval(() => socket.readyState === WebSocket.OPEN && socket.send('{"type":"ping"}'), 10000);
  socket.onopen = () => report(number, 'open');
  socket.onmessage = event => report(number, 'frame', event.data);
  socket.onclose = () => { clearInterval(beat); report(number, 'end'); };
}
function eventSource(number, url) {
  const source = new EventSource(url);
  link = {close() { source.close(); report(number, 'end'); }};
  source.onopen = () => report(number, 'open');
  source.onmessage = event => report(number, 'frame', event.data);
  // The browser comes back by itself, unless it was refused.
  source.onerror = () => report(number, source.readyState === EventSource.CLOSED ? 'end' : 'lost');
}
async function ask(url, token, body) {
  try {
    const answer = await fetch(url, {
      method: 'POST', headers: {'Authorization': `Bearer ${token}`, 'Content-Type': 'application/json'}, body});
    return [answer.status, await answer.json()];
  } catch { return null; }
}
"""


class PageSocket:
    """What a page is told to do with its connection."""

    def __init__(self, page):
        self._page = page

    async def send(self, text):
        await self._page.run(f"link.send({json.dumps(text)})")

    async def close(self):
        await self._page.run("link.close()")


class PageScreen(Screen):
    """What is the same of both: the page tells every frame, and when its connection opens and ends."""

    opener = scheme = path = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._page = None
        self._news = asyncio.Queue()
        self._numbers = itertools.count(1)

    async def begin(self, browser):
        self._page = await browser.page(PAGE, self._news.put_nowait)

    @property
    def token(self):
        return self.cluster.token(self.user, scope="server")

    async def _connection(self, node):
        address = f"{self.cluster.client_host(node)}:{self.cluster.client_port(node)}"
        url = f"{self.scheme}://{address}{self.path}?device={self.device}&access_token={self.token}"
        url += f"&cursor={self.cursor}" if self.cursor else ""
        number = next(self._numbers)
        await self._page.run(f"{self.opener}({number}, {json.dumps(url)})")
        written = {}
        while True:
            told, kind, *text = await self._news.get()
            if told != number:
                continue
            if kind == "open":
                self.connections += 1
                self._socket = PageSocket(self._page)
                written = {}
            elif kind == "frame":
                self._received(json.loads(text[0]), written)
            elif kind == "lost":
                self.is_live = False
            else:
                return


class WebSocketScreen(PageScreen):
    opener, scheme, path = "webSocket", "ws", "/v1/ws"


class EventSourceScreen(PageScreen):
    """Writes by fetch, to whichever node takes it."""

    opener, scheme, path = "eventSource", "http", "/v1/events"

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._nodes = itertools.cycle(self.cluster.numbers)
        self._node = next(self._nodes)

    async def ask(self, frame, seconds=15):
        path, body = "/v1/messages", {k: v for k, v in frame.items() if k != "type"}
        if frame["type"] == "status":
            message = self.messages[frame["conversation_id"]][frame["up_to_seq"]]["id"]
            path, body = f"/v1/messages/{message}/status", {"status": frame["status"]}
        url = f"http://{self.cluster.client_host(self._node)}:{self.cluster.client_port(self._node)}{path}"
        answer = await self._page.run(f"ask({json.dumps(url)}, {json.dumps(self.token)}, {json.dumps(json.dumps(body))})")
        if answer is None or answer[0] >= 500:
            self._node = next(self._nodes)
        if answer is None:
            return None
        status, body = answer
        if status >= 400:
            return {"type": "error", "status": status, **body["error"]}
        return body if frame["type"] == "send" else {"type": "ok"}
