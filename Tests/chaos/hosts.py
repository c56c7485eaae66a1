"""Hosts for the nodes: a network namespace each, joined by a bridge, with real firewalls between them.

Everything lives in namespaces and a directory of this run's own, and is removed with it. Needs root, iproute2 and
nftables.
"""

import contextlib
import ctypes
import http.client
import json
import os
import pathlib
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile

CLIENT, PEER, ADMIN = 8410, 8411, 8412
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class HostError(Exception):
    """Something of the test bed itself does not work."""


def run(*command, text=None, may_fail=False):
    done = subprocess.run(
        [str(part) for part in command], input=text, capture_output=True, text=True, stdin=None if text else
        subprocess.DEVNULL)
    if done.returncode != 0 and not may_fail:
        raise HostError(f"{' '.join(map(str, command))} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def enter(namespace):
    """Moves the calling thread into a network namespace."""
    with open(namespace) as file:
        if _libc.setns(file.fileno(), CLONE_NEWNET) != 0:
            raise HostError(f"setns({namespace}): {os.strerror(ctypes.get_errno())}")


class Network:
    """The hub: a bridge in a namespace of its own, where the clients live too."""

    def __init__(self):
        self.name = f"mch{os.getpid() % 100000}"
        self.hosts = []
        run("ip", "netns", "add", self.name)
        run("ip", "-n", self.name, "link", "set", "lo", "up")
        run("ip", "-n", self.name, "link", "add", "br0", "type", "bridge")
        run("ip", "-n", self.name, "addr", "add", "10.77.0.254/24", "dev", "br0")
        run("ip", "-n", self.name, "link", "set", "br0", "up")

    @property
    def path(self):
        return f"/var/run/netns/{self.name}"

    def add(self, number):
        """A namespace for one node; its address is 10.77.0.NUMBER."""
        name = f"{self.name}-{number}"
        run("ip", "netns", "add", name)
        self.hosts.append(name)
        run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "eth0", "netns", name, "type", "veth", "peer", "name", f"p{number}", "netns",
            self.name)
        run("ip", "-n", self.name, "link", "set", f"p{number}", "master", "br0")
        run("ip", "-n", self.name, "link", "set", f"p{number}", "up")
        run("ip", "-n", name, "addr", "add", f"{address(number)}/24", "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
        return name

    def remove(self):
        for name in [*self.hosts, self.name]:
            run("ip", "netns", "del", name, may_fail=True)


def address(number):
    return f"10.77.0.{number}"


class Node:
    """One node process on its host, with its directory."""

    def __init__(self, bed, number):
        self.bed, self.number = bed, number
        self.host = bed.network.add(number)
        self.home = bed.directory / f"node{number}"
        self.home.mkdir()
        self.disk = None
        self.process = None
        self.is_member = True
        self.is_paused = False

    @property
    def config(self):
        return self.home / "node.yaml"

    def prepare(self, size_mb=None):
        """Writes the configuration; with a size, the data lies on a file system of that size."""
        data = self.home / "data"
        data.mkdir()
        if size_mb:
            self.disk = self.home / "disk.img"
            with open(self.disk, "wb") as image:
                image.truncate(size_mb << 20)
            run("mkfs.ext4", "-q", "-m", "0", self.disk)
            run("mount", "-o", "loop", self.disk, data)
        self.config.write_text(f"""\
node: {{name: node{self.number}}}
data_dir: {data}
listen:
  client: {address(self.number)}:{CLIENT}
  peer: {address(self.number)}:{PEER}
  admin: 127.0.0.1:{ADMIN}
seeds: [{", ".join(f"{address(n)}:{PEER}" for n in self.bed.seeds)}]
cluster:
  name: chaos
  replication_factor: 3
  partitions: 64
  gossip_key_file: {self.bed.directory}/gossip.key
auth: {{hs256_secret_file: {self.bed.directory}/auth.secret}}
limits: {{drain_ms: 3000, disk_low_bytes: {self.bed.disk_low}, disk_full_bytes: {self.bed.disk_full}}}
insecure: true
""")

    def initialise(self, voters):
        run("ip", "netns", "exec", self.host, self.bed.binary, "init", "--config", self.config, "--expect-nodes",
            voters)

    @property
    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def start(self):
        if self.is_running:
            return
        with open(self.home / "output.txt", "ab") as output:
            self.process = subprocess.Popen(
                ["ip", "netns", "exec", self.host, str(self.bed.binary), "node", "--config", str(self.config)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True)

    def signal(self, number):
        if self.is_running:
            self.process.send_signal(number)

    def kill(self):
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()
        self.is_paused = False

    def pause(self):
        self.signal(signal.SIGSTOP)
        self.is_paused = True

    def resume(self):
        self.signal(signal.SIGCONT)
        self.is_paused = False

    def admin(self, method, path, seconds=3, body=None):
        """One request to the admin port, which listens on the host's loopback only. Blocking."""
        connection = http.client.HTTPConnection("127.0.0.1", ADMIN, timeout=seconds)
        connection.sock = self._connect(ADMIN, seconds)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        try:
            return answer.status, json.loads(text)
        except ValueError:
            return answer.status, text

    def _connect(self, port, seconds):
        # A socket belongs for ever to the namespace in which it was made.
        enter(f"/var/run/netns/{self.host}")
        try:
            sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            enter(self.bed.network.path)
        sock.settimeout(seconds)
        try:
            sock.connect(("127.0.0.1", port))
        except BaseException:
            sock.close()
            raise
        return sock

    # Faults

    def firewall(self, rules):
        """Drops what the rules match of what comes in from other nodes; no rule lets everything through."""
        lines = "\n".join(f"    {rule} drop" for rule in rules)
        run("ip", "netns", "exec", self.host, "nft", "-f", "-", text=f"""\
table inet chaos {{}}
delete table inet chaos
table inet chaos {{
  chain input {{
    type filter hook input priority 0; policy accept;
{lines}
  }}
}}
""")

    def fill_disk(self, leave_bytes):
        """Takes the free space of a node's own file system, down to a rest."""
        data = self.home / "data"
        free = os.statvfs(data).f_bavail * os.statvfs(data).f_frsize
        size = max(0, free - leave_bytes)
        with open(data / "filler", "wb") as filler:
            with contextlib.suppress(OSError):
                os.posix_fallocate(filler.fileno(), 0, size)

    def free_disk(self):
        with contextlib.suppress(FileNotFoundError):
            (self.home / "data" / "filler").unlink()

    def remove(self):
        if self.is_running:
            self.resume()
            self.kill()
        if self.disk:
            run("umount", "-l", self.home / "data", may_fail=True)

    def tail(self, lines=15):
        with contextlib.suppress(OSError):
            text = (self.home / "output.txt").read_text(errors="replace").splitlines()[-lines:]
            return "\n".join(f"    node {self.number}: {line}" for line in text)
        return ""


class Bed:
    """All nodes of one run."""

    def __init__(self, binary, count, disk_mb=None):
        self.binary, self.count, self.disk_mb = binary, count, disk_mb
        # Real limits fit real disks; a disk of a test is small.
        self.disk_low = (192 << 20) if disk_mb else (64 << 20)
        self.disk_full = (96 << 20) if disk_mb else (32 << 20)
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="martlet-chaos-"))
        self.secret = secrets.token_hex(32)
        (self.directory / "auth.secret").write_text(self.secret)
        (self.directory / "gossip.key").write_text(secrets.token_hex(32) + "\n")
        os.chmod(self.directory / "auth.secret", 0o600)
        os.chmod(self.directory / "gossip.key", 0o600)
        self.network = Network()
        self.nodes = []
        enter(self.network.path)

    def add(self):
        node = Node(self, len(self.nodes) + 1)
        self.nodes.append(node)
        node.prepare(self.disk_mb)
        return node

    def form(self):
        for _ in range(self.count):
            self.add()
        self.nodes[0].initialise(self.count)
        for node in self.nodes:
            node.start()

    @property
    def seeds(self):
        """Whom a new node asks: the first ones form the cluster, and may all have left since."""
        if len(self.nodes) <= self.count:
            return range(1, self.count + 1)
        return [node.number for node in self.members[:-1]]

    @property
    def members(self):
        return [node for node in self.nodes if node.is_member]

    def heal_network(self):
        for node in self.nodes:
            node.firewall([])

    def remove(self, keep=False):
        for node in self.nodes:
            node.remove()
        self.network.remove()
        if not keep:
            shutil.rmtree(self.directory, ignore_errors=True)
