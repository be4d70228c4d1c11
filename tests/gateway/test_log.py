"""What ``serve`` writes to standard error, by a process of its own: no credential, wherever it comes from."""

from __future__ import annotations

import subprocess
import sys

SECRET = "hunter2-in-the-log"

PROGRAM = f"""
import asyncio, logging, threading, warnings
from mediaglot.gateway import log
from mediaglot.gateway.model import Secret

log.configure("debug", [Secret("{SECRET}-known")])
one = logging.getLogger("mediaglot.test")
one.info("fetching %s", "http://ann:{SECRET}@h.example/a.mp4")
one.warning("signed %(url)s", {{"url": "https://b/k?X-Amz-Signature={SECRET}&part=1"}})
one.error("the password {SECRET}-known is wrong")
one.debug("stack", stack_info=True)
warnings.warn("http://u:{SECRET}@h/")
def fail():
    raise ValueError("no answer from ftp://u:{SECRET}@h.example/x") from OSError("?token={SECRET}")
try:
    fail()
except ValueError:
    one.exception("it failed")
thread = threading.Thread(target=fail)
thread.start()
thread.join()
async def forgotten():
    fail()
async def main():
    task = asyncio.create_task(forgotten())
    await asyncio.wait([task])
asyncio.run(main())
fail()
"""


def test_no_credential_is_logged() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False, timeout=60)
    told = done.stderr
    assert done.returncode == 1
    assert SECRET not in told
    assert SECRET not in done.stdout
    assert "fetching http://***@h.example/a.mp4" in told
    assert "signed https://b/k?X-Amz-Signature=***&part=1" in told
    assert "the password *** is wrong" in told
    # In the traceback of the exception, the thread's, the task's and the program's end.
    assert told.count("ValueError: no answer from ftp://***@h.example/x") == 4
    assert told.count("OSError: ?token=***") == 4
    assert "UserWarning: http://***@h/" in told
    assert "unexpected end of a thread" in told
    assert "CRITICAL mediaglot: unexpected end" in told
