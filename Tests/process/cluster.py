"""One cluster of real node processes, driven through tools/cluster as an operator would."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from checks import Failed, poll, say

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "cluster"
BINARY = os.environ.get("MARTLET_BINARY", str(ROOT / ".build" / "release" / "martlet"))


class Answer:
    """Status and body of one HTTP answer."""

    def __init__(self, status, body):
        self.status = status
        self.text = body.decode("utf-8", "replace")
        try:
            self.json = json.loads(self.text)
        except ValueError:
            self.json = None

    @property
    def code(self):
        """The error code of a refusal."""
        return ((self.json or {}).get("error") or {}).get("code")

    def __repr__(self):
        return f"{self.status} {self.text[:400]}"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint(secret, claims, algorithm="HS256"):
    head = base64url(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    signed = f"{head}.{base64url(json.dumps(claims).encode())}"
    return f"{signed}.{base64url(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


class Cluster:
    """A cluster in a directory of its own on free ports."""

    def __init__(self, count=3, directory=None):
        self.count = count
        self.parent = None
        if directory is None:
            self.parent = tempfile.mkdtemp(prefix="martlet-test-")
            directory = os.path.join(self.parent, "cluster")
        self.directory = directory
        self.base_port = free_base_port()
        self._secret = None

    # Commands

    async def tool(self, *arguments, seconds=120, may_fail=False):
        """Runs tools/cluster; its output is shown only when it fails."""
        environment = dict(
            os.environ, MARTLET_CLUSTER_DIR=str(self.directory), MARTLET_BASE_PORT=str(self.base_port))
        # A file and not a pipe: a node that kept the pipe open would hold the call up.
        with tempfile.TemporaryFile() as output:
            process = await asyncio.create_subprocess_exec(
                str(TOOL), *arguments, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                status = await asyncio.wait_for(process.wait(), seconds)
            except asyncio.TimeoutError:
                process.kill()
                raise Failed(f"tools/cluster {' '.join(arguments)}: not within {seconds} s") from None
            output.seek(0)
            text = output.read().decode("utf-8", "replace")
        if status != 0 and not may_fail:
            raise Failed(f"tools/cluster {' '.join(arguments)} exited with {status}\n{text[-3000:]}")
        return text

    async def up(self):
        say(f"starting {self.count} nodes in {self.directory}, ports from {self.base_port + 10}")
        await self.tool("up", str(self.count), seconds=1800)

    async def start(self, *numbers):
        await asyncio.gather(*(self.tool("start", str(n)) for n in numbers))

    async def kill(self, *numbers):
        """SIGKILL to all of them at once, as near to one moment as the system lets us."""
        pids = [self.pid(n) for n in numbers]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.gather(*(self.tool("kill", str(n), may_fail=True) for n in numbers))

    async def wipe(self):
        await self.tool("wipe", may_fail=True)
        if self.parent:
            shutil.rmtree(self.parent, ignore_errors=True)

    def show_logs(self, lines=25):
        for path in sorted(pathlib.Path(self.directory).glob("node*/output.txt")):
            text = path.read_text(errors="replace").splitlines()[-lines:]
            say(f"end of {path}:\n    " + "\n    ".join(text))

    @contextlib.asynccontextmanager
    async def running(self):
        """Up at the start; wiped at the end, kept for reading when the test fails."""
        try:
            await self.up()
            yield self
        except BaseException:
            self.show_logs()
            await self.tool("down", may_fail=True)
            say(f"the nodes' directories are kept in {self.directory}")
            raise
        await self.wipe()

    # Addresses and secrets

    @property
    def numbers(self):
        return range(1, self.count + 1)

    def client_host(self, number):
        return "127.0.0.1"

    def client_port(self, number):
        return self.base_port + 10 * number

    def admin_port(self, number):
        return self.base_port + 10 * number + 2

    @property
    def secret(self):
        if self._secret is None:
            text = (pathlib.Path(self.directory) / "auth.secret").read_bytes()
            self._secret = text[:-1] if text.endswith(b"\n") else text
        return self._secret

    def token(self, user, **claims):
        return mint(self.secret, {"sub": user, "exp": int(time.time()) + 3600, **claims})

    def pid(self, number):
        pid = listening_pid(self.client_port(number)) or listening_pid(self.admin_port(number))
        if pid is None:
            raise Failed(f"nothing listens on the ports of node {number}")
        return pid

    # Requests

    async def http(self, port, method, path, body=None, token=None, seconds=15, host="127.0.0.1"):
        def call():
            connection = http.client.HTTPConnection(host, port, timeout=seconds)
            try:
                headers = {"Authorization": f"Bearer {token}"} if token else {}
                data = None
                if body is not None:
                    data = body if isinstance(body, bytes) else json.dumps(body).encode()
                    headers["Content-Type"] = "application/json"
                connection.request(method, path, data, headers)
                response = connection.getresponse()
                return Answer(response.status, response.read())
            finally:
                connection.close()

        return await asyncio.to_thread(call)

    async def rest(self, number, method, path, body=None, user=None, token=None, seconds=15):
        return await self.http(
            self.client_port(number), method, path, body, token or (user and self.token(user)), seconds,
            self.client_host(number))

    async def admin(self, number, path):
        answer = await self.http(self.admin_port(number), "GET", path, seconds=5)
        if answer.status != 200:
            raise Failed(f"GET {path} of node {number}: {answer!r}")
        return answer.json

    async def ready(self, *numbers, seconds=60):
        for number in numbers:
            async def probe():
                answer = await self.http(self.admin_port(number), "GET", "/readyz", seconds=2)
                if answer.status != 200:
                    raise Failed(repr(answer))
                return True
            await poll(f"node {number} is ready", seconds, probe)

    async def leader(self, conversation, ask=None):
        """The number of the node that leads a conversation's partition, and the partition."""
        async def probe():
            for number in [ask] if ask else self.numbers:
                with contextlib.suppress(OSError):
                    where = await self.admin(number, f"/cluster/locate?conversation_id={conversation}")
                    members = (await self.admin(number, "/cluster"))["members"]
                    for member in members:
                        if member["node_id"] == where["leader"]:
                            return member["number"], where["partition"]
            return None
        return await poll(f"somebody leads {conversation}", 15, probe)

    async def history(self, number, conversation, user, limit=100):
        """The whole conversation, oldest first, by pages, as one node serves it."""
        messages, cursor = [], None
        while True:
            path = f"/v1/conversations/{conversation}/messages?order=asc&limit={limit}"
            if cursor:
                path += f"&cursor={cursor}"
            answer = await self.rest(number, "GET", path, user=user, seconds=20)
            if answer.status != 200:
                raise Failed(f"GET {path} of node {number} for {user}: {answer!r}")
            messages += answer.json["messages"]
            if not answer.json.get("has_more"):
                return messages
            cursor = answer.json["next_cursor"]


def free_base_port():
    """A base whose ports for nine nodes are all free now."""
    for _ in range(200):
        base = random.randrange(10_000, 30_000, 100)
        if all(is_free(base + 10 * n + k) for n in range(1, 10) for k in range(3)):
            return base
    raise Failed("no free ports were found")


def is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False


def listening_pid(port):
    """The process that listens on a TCP port, by the inode of its socket under /proc."""
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError), open(table) as lines:
            for line in list(lines)[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rsplit(":", 1)[1], 16) == port:
                    inodes.add(f"socket:[{fields[9]}]")
    for pid in filter(str.isdigit, os.listdir("/proc")) if inodes else ():
        with contextlib.suppress(OSError):
            for name in os.listdir(f"/proc/{pid}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(f"/proc/{pid}/fd/{name}") in inodes:
                        return int(pid)
    return None


def martlet(*arguments, seconds=60):
    """Runs the program to its end; the result has returncode, stdout and stderr."""
    return subprocess.run(
        [BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds)


def node_file(cluster, data, number, key=None, seeds=(1, 2, 3), name=None, more=""):
    """Writes a configuration for a node beside the cluster's own: other ports, another data directory."""
    ports = {k: f"127.0.0.1:{cluster.base_port + 10 * number + i}" for i, k in enumerate(("client", "peer", "admin"))}
    listen = "".join(f"  {k}: {v}\n" for k, v in ports.items())
    peers = ", ".join(f"127.0.0.1:{cluster.base_port + 10 * n + 1}" for n in seeds)
    path = pathlib.Path(cluster.directory) / f"extra{number}.yaml"
    path.write_text(
        f"node:\n  name: {name or f'node{number}'}\ndata_dir: {data}\nlisten:\n{listen}seeds: [{peers}]\n"
        f"cluster:\n  name: local\n  partitions: 64\n  gossip_key_file: {key or f'{cluster.directory}/gossip.key'}\n"
        f"auth:\n  hs256_secret_file: {cluster.directory}/auth.secret\n{more}")
    return path


class ExtraNode:
    """A node that tools/cluster does not know of. Its output is in a file, so that nothing waits for a pipe."""

    def __init__(self, configuration, binary=BINARY):
        self.log = pathlib.Path(f"{configuration}.txt")
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                [binary, "node", "--config", str(configuration)], stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    async def ended(self, seconds=30):
        """Its exit code."""
        async def probe():
            return None if self.process.poll() is None else (self.process.returncode,)
        return (await poll(f"a process that must end ends; it said {self.output[-300:]!r}", seconds, probe))[0]

    def kill(self):
        self.process.kill()
        self.process.wait()


async def run_node_copy(cluster, data, number):
    """Starts a data directory on ports of its own and waits for its end: exit code and output."""
    node = ExtraNode(node_file(cluster, data, number))
    try:
        return await node.ended(), node.output
    finally:
        node.kill()
