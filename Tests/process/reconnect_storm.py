"""A node dies and 5,000 devices come back at once to the other two.

    Tests/process/run reconnect_storm [--devices 5000] [--within 10]

`martlet bench reconnect --kill 3` does it: each device comes back with its cursor and must get what came after it, in order.
Probes between users on the other nodes go on meanwhile; their latencies before and meanwhile are printed.
"""

import argparse
import asyncio
import json

from checks import Failed, check, figures, main, say
from cluster import BINARY, Cluster

parser = argparse.ArgumentParser()
parser.add_argument("--devices", type=int, default=5000)
parser.add_argument("--within", type=float, default=10, help="seconds until all have caught up")
parser.add_argument("--max-probe-ms", type=float, default=3000,
                    help="p99 of the probes meanwhile: no longer than a conversation may be without a leader")
options = parser.parse_args()


async def test():
    async with Cluster(3).running() as cluster:
        endpoints = ",".join(f"127.0.0.1:{cluster.client_port(n)}" for n in cluster.numbers)
        process = await asyncio.create_subprocess_exec(
            BINARY, "bench", "reconnect", "--devices", str(options.devices), "--kill", "3", "--within",
            str(options.within), "--endpoints", endpoints, "--secret-file", f"{cluster.directory}/auth.secret",
            "--json", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        output, errors = await process.communicate()
        say(errors.decode()[-1500:])
        if not output.strip():
            raise Failed("the bench made no report")
        report = json.loads(output.decode().strip().splitlines()[-1])
        figures("reconnect_storm", **{k: v for k, v in report.items() if k != "bench"})
        check(report["ok"], f"all {options.devices} devices had caught up within {options.within:g} s, nothing was lost",
              report)
        meanwhile = report["probe_meanwhile_ms"]
        check(meanwhile["p99"] <= options.max_probe_ms, f"and the cluster answered: probes p99 {meanwhile['p99']} ms",
              meanwhile)
        # The node that died is as the others again.
        await cluster.tool("start", "3")
        await cluster.ready(1, 2, 3)


if __name__ == "__main__":
    main(test, 300)
