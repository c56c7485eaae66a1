"""A headless Chromium (apt-get install chromium), driven by its DevTools protocol over a socket of its own."""

import asyncio
import contextlib
import itertools
import json
import pathlib
import shutil
import subprocess

from websockets.asyncio.client import connect

from checks import Failed, poll


class Browser:
    """One Chromium with any number of pages, in a directory of its own."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.listeners = {}
        self._numbers = itertools.count(1)
        self._answers = {}

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
        self._reading = asyncio.create_task(self._read())

    async def _read(self):
        async for text in self.socket:
            message = json.loads(text)
            if future := self._answers.pop(message.get("id"), None):
                if not future.done():
                    future.set_result(message)
            elif message.get("method") == "Runtime.bindingCalled":
                self.listeners[message["sessionId"]](json.loads(message["params"]["payload"]))

    async def call(self, method, session=None, **parameters):
        number = next(self._numbers)
        future = self._answers[number] = asyncio.get_running_loop().create_future()
        request = {"id": number, "method": method, "params": parameters}
        await self.socket.send(json.dumps(request | ({"sessionId": session} if session else {})))
        try:
            answer = await asyncio.wait_for(future, 60)
        except TimeoutError:
            raise Failed(f"{method} has no answer within 60 s: {str(parameters)[:200]}") from None
        if "error" in answer:
            raise Failed(f"{method}: {answer['error']}")
        return answer["result"]

    async def page(self, script, listener=None):
        """A new page that has run a script; what it gives to `tell(text)`, JSON, reaches the listener."""
        target = (await self.call("Target.createTarget", url="about:blank"))["targetId"]
        session = (await self.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
        page = Page(self, session)
        if listener:
            self.listeners[session] = listener
            await self.call("Runtime.enable", session)
            await self.call("Runtime.addBinding", session, name="tell")
        await page.run(script)
        return page

    async def stop(self):
        with contextlib.suppress(Exception):
            await self.socket.close()
            await self._reading
        self.process.kill()
        self.process.wait()


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session

    async def run(self, script):
        """The value of a script, when its promise is kept."""
        result = await self.browser.call(
            "Runtime.evaluate", self.session, expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            raise Failed(f"{script[:100]}: {result['exceptionDetails']}")
        return result["result"].get("value")
