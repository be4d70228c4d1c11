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


SERVER = f"""
import asyncio
from aiohttp import web
from mediaglot.gateway import log

log.configure("info")
async def main():
    runner = web.AppRunner(web.Application(), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    for line in (b"Authorization: Bearer {SECRET}\\x01", b"X-Key : {SECRET}", b"X-Key: " + b"{SECRET}" * 900):
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        writer.write(b"GET / HTTP/1.1\\r\\nHost: a\\r\\n" + line + b"\\r\\n\\r\\n")
        assert b" 400 " in await reader.readline()
        writer.close()
    await runner.cleanup()
asyncio.run(main())
"""


def test_what_is_no_http_is_a_line_without_its_bytes() -> None:
    done = subprocess.run([sys.executable, "-c", SERVER], capture_output=True, text=True, check=True, timeout=60)
    assert SECRET not in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all(
        " WARNING aiohttp.server: Error handling request from 127.0.0.1: it is no HTTP (" in line for line in lines
    )


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
