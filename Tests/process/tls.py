"""TLS on all three ports: who has the right certificate gets in, who has not does not, and certificates are renewed.

    Tests/process/run tls
"""

import asyncio
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import tempfile

from websockets.asyncio.client import connect

from checks import check, equal, main, poll, say
from client import fresh_id, send_frame
from cluster import Cluster, ExtraNode, martlet, node_file

FILES = pathlib.Path(tempfile.mkdtemp(prefix="martlet-tls-"))


def openssl(*arguments):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=FILES)


def authority(name):
    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.pem",
            "-days", "30", "-subj", f"/CN={name}")


def certificate(name, by):
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
    (FILES / "san").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "30", "-extfile", "san")


def client_context():
    return ssl.create_default_context(cafile=str(FILES / "ca.pem"))


def serial(port):
    """The serial number of the certificate that a port shows."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
        with client_context().wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            return secure.getpeercert()["serialNumber"]


def peer_answer(port, with_certificate):
    """What a peer port says to one that speaks TLS: the first bytes, or the failure."""
    context = client_context()
    context.check_hostname = False
    if with_certificate:
        context.load_cert_chain(FILES / "node.pem", FILES / "node.key")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=5) as plain, context.wrap_socket(plain) as secure:
            secure.settimeout(1)
            secure.sendall(b"\x00\x00\x00\x00")
            return secure.recv(10)
    except (ssl.SSLError, ConnectionError) as error:
        return f"refused: {type(error).__name__}"
    except TimeoutError:
        return "open"


async def chat(cluster):
    async def socket_of(user, node):
        found = await connect(
            f"wss://127.0.0.1:{cluster.client_port(node)}/v1/ws?device=phone", ssl=client_context(),
            additional_headers={"Authorization": f"Bearer {cluster.token(user)}"})
        equal(json.loads(await found.recv())["type"], "welcome", f"{user} is welcomed over wss on node {node}")
        return found

    async def until(found, matches):
        async with asyncio.timeout(10):
            while True:
                frame = json.loads(await found.recv())
                if matches(frame):
                    return frame

    alice, bob = await socket_of("alice", 1), await socket_of("bob", 3)
    for number in range(20):
        await alice.send(json.dumps({**send_frame("bob", f"secret {number}", fresh_id()), "ref": str(number)}))
        await until(alice, lambda f: f["type"] == "sent" and f.get("ref") == str(number))
        await until(bob, lambda f: f["type"] == "message" and f["content"] == f"secret {number}")
    say("ok   twenty messages went from node 1 to node 3")
    await alice.close()
    await bob.close()


async def test():
    authority("ca")
    authority("rogue")
    certificate("node", "ca")
    certificate("stranger", "rogue")
    for port in ("CLIENT", "PEER"):
        os.environ[f"MARTLET_TLS_{port}_CERT"] = str(FILES / "node.pem")
        os.environ[f"MARTLET_TLS_{port}_KEY"] = str(FILES / "node.key")
    os.environ["MARTLET_TLS_PEER_CA"] = str(FILES / "ca.pem")
    async with Cluster(3).running() as cluster:
        await cluster.ready(1, 2, 3)
        await chat(cluster)
        async def plain():
            try:
                return await cluster.rest(1, "GET", "/v1/conversations", user="alice", seconds=3)
            except Exception as error:
                return type(error).__name__
        found = await plain()
        check(isinstance(found, str), f"plain HTTP on the client port gets no answer ({found})", found)
        port = cluster.base_port + 11
        equal(peer_answer(port, True) == "open" or peer_answer(port, True) == b"", True, "the peer port talks to a node's certificate")
        check(str(peer_answer(port, False)).startswith("refused"), "and refuses who shows none", peer_answer(port, False))

        files = "tls:\n" + "".join(
            f"  peer:\n    cert: {FILES}/stranger.pem\n    key: {FILES}/stranger.key\n    ca: {FILES}/ca.pem\n")
        saved = {k: os.environ.pop(k) for k in list(os.environ) if k.startswith("MARTLET_TLS_")}
        stranger = ExtraNode(node_file(cluster, FILES / "stranger", 9, more=files))
        try:
            async def silent():
                return "a seed did not answer" in stranger.output
            await poll("a node with a stranger's certificate gets no answer", 30, silent)
            equal(len((await cluster.admin(1, "/cluster"))["members"]), 3, "and becomes no member")
        finally:
            stranger.kill()
        os.environ.update(saved)

        before = serial(cluster.client_port(2))
        certificate("node", "ca")
        os.kill(cluster.pid(2), signal.SIGHUP)
        async def renewed():
            return serial(cluster.client_port(2)) != before
        await poll("SIGHUP takes the new certificate", 10, renewed)
        say("ok   SIGHUP takes the new certificate")

        token = FILES / "admin.token"
        token.write_text("a token for the operator\n")
        more = (f"admin:\n  token_file: {token}\ntls:\n  admin:\n    cert: {FILES}/node.pem\n    key: {FILES}/node.key\n")
        for name in saved:
            os.environ.pop(name)
        configuration = node_file(cluster, FILES / "alone", 8, seeds=(), more=more)
        equal(martlet("init", "--config", str(configuration)).returncode, 0, "a cluster of one with TLS on its admin port")
        alone = ExtraNode(configuration)
        try:
            url = f"https://127.0.0.1:{cluster.admin_port(8)}"
            async def status():
                return martlet(
                    "status", "--admin", url, "--ca", str(FILES / "ca.pem"), "--token-file", str(token)).returncode == 0
            await poll("martlet status over https", 30, status)
            say("ok   martlet status over https")
            equal(martlet("status", "--admin", url, "--ca", str(FILES / "ca.pem")).returncode, 1, "without the token it fails")
            result = martlet("status", "--admin", url, "--ca", str(FILES / "rogue.pem"), "--token-file", str(token))
            equal(result.returncode, 69, "with another authority it does not get through")
            result = martlet("status", "--admin", url.replace("https", "http"), "--token-file", str(token))
            equal(result.returncode, 69, "nor in the clear")
        finally:
            alone.kill()


if __name__ == "__main__":
    main(test, 600)
