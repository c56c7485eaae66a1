"""Schemathesis asks everything that openapi.yaml offers, with values nobody thought of; no answer may be undocumented.

    Tests/process/run api_fuzz [--examples 20]

Schemathesis comes from PyPI, into a virtual environment of its own under .build.
"""

import argparse
import asyncio
import subprocess
import sys

from checks import Failed, check, main, say
from cluster import ROOT, Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--examples", type=int, default=20, help="per operation")
options = parser.parse_args()
VENV = ROOT / ".build" / "fuzz-venv"
# Answers: never 5xx but those documented, a documented status, content type and body.
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def install():
    tool = VENV / "bin" / "schemathesis"
    if not tool.exists():
        say(f"installing schemathesis into {VENV}")
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        subprocess.run(
            [VENV / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
             "schemathesis>=4,<5"], check=True)
    return tool


async def test():
    tool = install()
    async with Cluster(3).running() as cluster:
        token = cluster.token("fuzz", scope="server")
        base = f"http://127.0.0.1:{cluster.client_port(1)}"
        process = await asyncio.create_subprocess_exec(
            str(tool), "run", f"{base}/v1/openapi.yaml", "--url", base, "--header", f"Authorization: Bearer {token}",
            "--checks", CHECKS, "--max-examples", str(options.examples), "--workers", "2",
            "--exclude-path", "/v1/events", "--exclude-path", "/v1/poll", "--phases", "examples,coverage,fuzzing",
            "--request-timeout", "15", "--no-color",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        output, _ = await process.communicate()
        text = output.decode(errors="replace")
        if process.returncode != 0:
            raise Failed(f"schemathesis found something:\n{text[-6000:]}")
        say("\n".join(text.splitlines()[-12:]))
        check(all([(await cluster.http(cluster.admin_port(n), "GET", "/readyz")).status == 200
                   for n in cluster.numbers]), "all nodes are ready after it")


if __name__ == "__main__":
    main(test, 1800)
