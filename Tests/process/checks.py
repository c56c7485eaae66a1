"""What every process test shares: steps that are printed, deadlines, and one way to fail."""

import asyncio
import json
import sys
import time
import traceback

STARTED = time.monotonic()


class Failed(Exception):
    """A rule of the contract does not hold, or something did not happen in time."""


def say(text):
    print(f"[{time.monotonic() - STARTED:6.1f} s] {text}", flush=True)


def check(holds, what, context=None):
    """Prints the rule when it holds, and fails with the context when it does not."""
    if not holds:
        raise Failed(f"{what}" + ("" if context is None else f"\n  found: {context!r}"))
    say(f"ok   {what}")


def equal(found, expected, what):
    if found != expected:
        raise Failed(f"{what}\n  expected: {expected!r}\n  found:    {found!r}")
    say(f"ok   {what}")


def figures(test, **values):
    """What was measured, for programs: one JSON line."""
    print(json.dumps({"test": test, **values}), flush=True)


def quantile(values, fraction):
    """The value below which this part of all lies; nothing when there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * fraction))] if ordered else None


async def poll(what, seconds, probe, every=0.1):
    """Waits until `probe` (async) returns something true; its last answer or error is the context of a failure."""
    deadline = time.monotonic() + seconds
    last = None
    while True:
        try:
            last = await probe()
            if last:
                return last
        except Exception as error:
            last = error
        if time.monotonic() >= deadline:
            raise Failed(f"{what}: not within {seconds} s\n  last: {last!r}")
        await asyncio.sleep(every)


def main(test, seconds):
    """Runs the async `test`; exit code 0, or 1 with the reason."""

    async def guarded():
        async with asyncio.timeout(seconds):
            await test()

    try:
        asyncio.run(guarded())
    except Failed as failure:
        say(f"FAILED: {failure}")
        sys.exit(1)
    except TimeoutError:
        traceback.print_exc()
        say(f"FAILED: the whole test took longer than {seconds} s")
        sys.exit(1)
    except Exception:
        traceback.print_exc()
        say("FAILED: unexpected error")
        sys.exit(1)
    say("passed")
