"""Packages played to their end by players as they are, in a headless Chromium.

Runs where there is a Chromium and MEDIAGLOT_TEST_PLAYERS names a folder in which
``npm install shaka-player dashjs hls.js`` was run.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PLAYERS = os.environ.get("MEDIAGLOT_TEST_PLAYERS", "")
pytestmark = [
    pytest.mark.ffmpeg,
    pytest.mark.skipif(not CHROMIUM or not PLAYERS, reason="needs a Chromium and MEDIAGLOT_TEST_PLAYERS"),
]
CLIP = "https://media.mediaglot.test/bars-3s-320x180-25fps.mp4"
STREAMS = [
    {"sub_path": "high", "size": "320x180", "bitrate": "300k", "audio_bitrate": "64k"},
    {"sub_path": "low", "size": "192x108", "bitrate": "100k", "audio_bitrate": "64k"},
]
PAGE = """<!doctype html><video muted></video><script>
const video = document.querySelector('video'), troubles = [], url = 'show/NAME';
const tell = end => fetch('/', {method: 'POST', body: JSON.stringify({end, troubles, time: video.currentTime,
  frames: video.getVideoPlaybackQuality().totalVideoFrames, sound: video.webkitAudioDecodedByteCount})});
video.onended = () => tell('ended');
const start = {
  'shaka-player/dist/shaka-player.compiled.js': async () => {
    const player = new shaka.Player(); await player.attach(video);
    player.addEventListener('error', event => troubles.push(event.detail.code));
    await player.load(url); video.play(); },
  'dashjs/dist/modern/umd/dash.all.min.js': () => {
    const player = dashjs.MediaPlayer().create();
    player.on('error', event => troubles.push(String(event.error.message))); player.initialize(video, url, true); },
  'hls.js/dist/hls.min.js': () => {
    const player = new Hls(); player.on('hlsError', (_, said) => said.fatal && troubles.push(said.details));
    player.loadSource(url); player.attachMedia(video); video.play(); } };
const script = document.createElement('script');
script.src = '/players/SCRIPT';
script.onload = () => Promise.resolve(start['SCRIPT']()).catch(error => {
  troubles.push(String(error)); tell('threw'); });
document.head.append(script);
</script>"""


@contextmanager
def served(folder: Path, heard: Callable[[Any], None]) -> Iterator[int]:
    """The port of a plain web server over ``folder``; what is posted there is ``heard``."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def do_POST(self) -> None:
            heard(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., Any]:
    (tmp_path / "players").symlink_to(Path(PLAYERS) / "node_modules")

    async def played(name: str, script: str) -> dict[str, Any]:
        loop, told = asyncio.get_running_loop(), asyncio.Queue[dict[str, Any]]()
        (tmp_path / "page.html").write_text(PAGE.replace("NAME", name).replace("SCRIPT", script))
        with served(tmp_path, lambda said: loop.call_soon_threadsafe(told.put_nowait, said)) as port:
            browser = await asyncio.create_subprocess_exec(
                *(CHROMIUM or "", "--headless=new", "--no-sandbox", "--disable-gpu"),
                *("--autoplay-policy=no-user-gesture-required", f"--user-data-dir={tmp_path / 'profile'}"),
                f"http://127.0.0.1:{port}/page.html",
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                return await asyncio.wait_for(told.get(), 60)
            finally:
                browser.terminate()
                await browser.wait()

    return played


@pytest.mark.parametrize(
    ("product", "name", "script"),
    [
        ("advanced_fmp4", "manifest.mpd", "shaka-player/dist/shaka-player.compiled.js"),
        ("advanced_dash", "manifest.mpd", "dashjs/dist/modern/umd/dash.all.min.js"),
        ("advanced_fmp4", "master.m3u8", "hls.js/dist/hls.min.js"),
        ("advanced_hls", "master.m3u8", "hls.js/dist/hls.min.js"),
    ],
)
async def test_to_the_end(serve: Any, play: Any, tmp_path: Path, product: str, name: str, script: str) -> None:
    client = await serve(allow_dir=(tmp_path,))
    asked = {"output": product, "segment_duration": "1", "stream": STREAMS, "destination": f"file://{tmp_path}/show/"}
    done = await client.end(await client.add(CLIP, asked))
    assert done["format"]["destination_status"] == "Saved"
    seen = await play(name, script)
    assert (seen["end"], seen["troubles"]) == ("ended", [])
    assert seen["time"] == pytest.approx(3, abs=0.15)
    assert seen["frames"] >= 75
    assert seen["sound"] > 10_000
