"""Stand-ins for push services on loopback, over TLS: they check what they receive, and remember it.

APNs over HTTP/2 (`h2`), FCM v1 with its token endpoint, a Web Push receiver that decrypts (RFC 8291), a signed webhook.
"""

import asyncio
import base64
import datetime
import hashlib
import hmac
import http.server
import ipaddress
import json
import os
import ssl
import threading

import h2.config
import h2.connection
import h2.events
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def point(key):
    return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)


def claims(token, verify):
    """What a JWT says, once its signature is found good."""
    head, body, signature = token.split(".")
    verify(unb64(signature), f"{head}.{body}".encode())
    return json.loads(unb64(body))


def es256(public):
    def verify(signature, data):
        r, s = (int.from_bytes(signature[i:i + 32], "big") for i in (0, 32))
        public.verify(utils.encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    return verify


class Providers:
    """All four, with keys of their own. `shown[name]` are the notifications a person would see, by id."""

    def __init__(self, directory):
        self.directory = directory
        self.shown = {name: {} for name in ("apns", "fcm", "webpush", "webhook")}
        self.cleared = {name: [] for name in self.shown}
        self.faults = []
        self.dead = set()
        self.tests = []
        self.apns_key, self.vapid_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        self.account_key = rsa.generate_private_key(65537, 2048)
        self.browser_key, self.browser_secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
        self.webhook_secret = os.urandom(24).hex()
        self._certificate()

    def _certificate(self):
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
        now = datetime.datetime.now(datetime.timezone.utc)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
            .serial_number(1).not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.SubjectAlternativeName([
                x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
            .add_extension(x509.BasicConstraints(True, None), True).sign(key, hashes.SHA256()))
        self.write("ca.pem", certificate.public_bytes(serialization.Encoding.PEM).decode())
        self.write("key.pem", pem(key))

    def write(self, name, text):
        path = os.path.join(self.directory, name)
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def tls(self, *protocols):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(self.directory, "ca.pem"), os.path.join(self.directory, "key.pem"))
        context.set_alpn_protocols(list(protocols))
        return context

    async def start(self):
        self.apns = await asyncio.start_server(self._apns, "127.0.0.1", 0, ssl=self.tls("h2"))
        self.apns_port = self.apns.sockets[0].getsockname()[1]
        providers = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    status, answer = providers.http(self.path, self.headers, body)
                except Exception as error:
                    providers.faults.append(f"{self.path}: {error!r}")
                    status, answer = 400, {}
                data = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.socket = self.tls("http/1.1").wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.apns.close()
        self.server.shutdown()

    def configuration(self):
        """The `push` section of a node's configuration, with its files."""
        account = {"project_id": "proj", "client_email": "robot@proj", "private_key": pem(self.account_key),
                   "token_uri": f"https://localhost:{self.port}/token"}
        return f"""push:
  ca_file: {self.directory}/ca.pem
  grace_ms: 1000
  apns:
    key_file: {self.write("apns.p8", pem(self.apns_key))}
    key_id: KEY1
    team_id: TEAM
    topic: org.example
    url: https://localhost:{self.apns_port}
  fcm:
    service_account_file: {self.write("account.json", json.dumps(account))}
    url: https://localhost:{self.port}
  webpush:
    key_file: {self.write("vapid.pem", pem(self.vapid_key))}
    subject: mailto:ops@example.org
    hosts: [localhost]
  webhook:
    secret_file: {self.write("webhook.secret", self.webhook_secret)}
    hosts: [localhost]
"""

    def subscription(self):
        return {
            "provider": "webpush", "endpoint": f"https://localhost:{self.port}/push/1",
            "keys": {"p256dh": b64(point(self.browser_key.public_key())), "auth": b64(self.browser_secret)}}

    def _note(self, name, said, badge):
        identity, kind = said["notification_id"], said["type"]
        if kind == "test":
            assert badge is None and "seq" not in said, "a test tells of no message"
            self.tests.append(name)
        elif kind == "clear":
            self.cleared[name].append(int(badge))
        else:
            # A repeat has the same id, and takes the place of the first: a person sees one.
            self.shown[name][identity] = (int(said["seq"]), int(badge))

    # HTTP/1.1: FCM, Web Push, webhook

    def http(self, path, headers, body):
        if path == "/token":
            assertion = body.decode().split("assertion=")[1]
            said = claims(assertion, lambda signature, data: self.account_key.public_key().verify(
                signature, data, padding.PKCS1v15(), hashes.SHA256()))
            assert said["iss"] == "robot@proj", said
            return 200, {"access_token": "secret", "expires_in": 3600}
        if path == "/v1/projects/proj/messages:send":
            assert headers["authorization"] == "Bearer secret"
            message = json.loads(body)["message"]
            data = message["data"]
            self._note("fcm", data, data.get("badge"))
            return 200, {"name": "1"}
        if path == "/push/1":
            return self._webpush(headers, body)
        assert path == "/hook", path
        time, signature = (part.split("=")[1] for part in headers["martlet-signature"].split(","))
        expected = hmac.new(self.webhook_secret.encode(), f"{time}.".encode() + body, hashlib.sha256).hexdigest()
        assert hmac.compare_digest(signature, expected), "bad signature"
        said = json.loads(body)
        self._note("webhook", said, said.get("badge"))
        return 200, {}

    def _webpush(self, headers, body):
        parts = dict(part.strip().split("=", 1) for part in headers["authorization"].removeprefix("vapid ").split(","))
        assert parts["k"] == b64(point(self.vapid_key.public_key()))
        assert claims(parts["t"], es256(self.vapid_key.public_key()))["aud"] == f"https://localhost:{self.port}"
        salt, length = body[:16], body[20]
        sender, sealed = body[21:21 + length], body[21 + length:]
        shared = self.browser_key.exchange(
            ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender))
        context = b"WebPush: info\0" + point(self.browser_key.public_key()) + sender
        secret = HKDF(hashes.SHA256(), 32, self.browser_secret, context).derive(shared)
        key = HKDF(hashes.SHA256(), 16, salt, b"Content-Encoding: aes128gcm\0").derive(secret)
        nonce = HKDF(hashes.SHA256(), 12, salt, b"Content-Encoding: nonce\0").derive(secret)
        said = json.loads(AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\2"))
        self._note("webpush", said, said.get("badge"))
        return 201, {}

    # HTTP/2: APNs

    async def _apns(self, reader, writer):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        connection.initiate_connection()
        writer.write(connection.data_to_send())
        asked = {}
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.RequestReceived):
                    asked[event.stream_id] = (dict(event.headers), bytearray())
                elif isinstance(event, h2.events.DataReceived):
                    asked[event.stream_id][1].extend(event.data)
                    connection.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    headers, body = asked.pop(event.stream_id)
                    try:
                        status, answer = self._apns_request(headers, json.loads(body))
                    except Exception as error:
                        self.faults.append(f"apns: {error!r}")
                        status, answer = 400, {"reason": "BadRequest"}
                    connection.send_headers(event.stream_id, [(":status", str(status))])
                    connection.send_data(event.stream_id, json.dumps(answer).encode(), end_stream=True)
            writer.write(connection.data_to_send())
            await writer.drain()

    def _apns_request(self, headers, said):
        token = headers["authorization"].removeprefix("bearer ")
        assert claims(token, es256(self.apns_key.public_key()))["iss"] == "TEAM"
        assert headers["apns-topic"] == "org.example"
        if headers[":path"].split("/")[-1] in self.dead:
            return 410, {"reason": "Unregistered"}
        assert headers["apns-collapse-id"] == said["notification_id"]
        self._note("apns", said, said["aps"].get("badge"))
        return 200, {}
