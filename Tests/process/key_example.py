"""The key directory's example of docs/clients.md, word for word: each command of it against three real nodes.

    Tests/process/run key_example

The document is the test: what stands under "Step by step" is run line by line in one shell, and what each command prints is
compared with the `#>` line under it, where `...` is anything. Only the ports are other ones: those of the test's cluster.
"""

import asyncio
import os
import pathlib
import re

from checks import Failed, check, equal, main, say
from cluster import Cluster

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SECTION = "## Keys for end-to-end encryption"


def steps(text):
    """(command, what it is to print or None) of the section's `bash` blocks, in order."""
    section = text.split(f"\n{SECTION}\n", 1)[1].split("\n## ", 1)[0]
    found = []
    for block in re.findall(r"^```bash\n(.*?)^```$", section, re.M | re.S):
        for line in block.splitlines():
            if line.startswith("#> "):
                found[-1] = (found[-1][0], line[3:])
            elif line.strip():
                found.append((line, None))
    return found


def matches(expected, found):
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, found, re.S) is not None


async def run(command, shell):
    """What one command prints in the shell that ran those before it; the shell says its exit code last."""
    shell.stdin.write(f"{command}\nprintf '\\n=%s=\\n' $?\n".encode())
    await shell.stdin.drain()
    lines = []
    while True:
        line = (await asyncio.wait_for(shell.stdout.readline(), 30)).decode()
        if not line:
            raise Failed(f"the shell ended at: {command}")
        if done := re.fullmatch(r"=(\d+)=\n", line):
            if done[1] != "0":
                raise Failed(f"exit code {done[1]}: {command}\n{''.join(lines)}")
            return "".join(lines).strip()
        lines.append(line)


async def test():
    found = steps((ROOT / "docs" / "clients.md").read_text())
    expected = [what for _, what in found if what]
    # A document that lost its example, or what it answers, is no check.
    check(len(expected) >= 10, "the document has an example with answers", found)
    check(not matches('{"a":1,...}', '{"a":2,"b":3}') and matches('{"a":1,...}', '{"a":1,"b":3}'),
          "an answer that differs is noticed")
    async with Cluster(3).running() as cluster:
        shell = await asyncio.create_subprocess_exec(
            "bash", cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=dict(os.environ, MARTLET_CLUSTER_DIR=str(cluster.directory),
                     MARTLET_BASE_PORT=str(cluster.base_port)))
        try:
            for command, what in found:
                printed = await run(
                    re.sub(r"127\.0\.0\.1:84(\d)0", lambda m: f"127.0.0.1:{cluster.client_port(int(m[1]))}", command),
                    shell)
                if what is None:
                    equal(printed, "", f"nothing is printed by: {command[:60]}")
                elif not matches(what, printed):
                    raise Failed(f"{command}\n  prints   {printed}\n  and not  {what}")
                else:
                    say(f"ok   {command[:70]} ...")
        finally:
            shell.stdin.close()
            await shell.wait()


if __name__ == "__main__":
    main(test, 180)
