"""Real jobs from file server to file server: every dialect's own spelling reaches real FTP, FTPS and SFTP servers."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote

import pytest

from mediaglot.gateway.transfer.sftp import INSTALL

pytestmark = [pytest.mark.ffmpeg, pytest.mark.usefixtures("no_mistakes")]
CLIP = "bars-1s-320x180-25fps.mp4"
SERVERS = Path(__file__).parents[1] / "transfer"
SMALL = {"output": "mp4", "size": "160x90"}


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"mediaglot_test_{path.parent.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


FTP, SSH = load(SERVERS / "ftp" / "server.py"), load(SERVERS / "sftp" / "server.py")
ENTRY = f"{FTP.USER}:{quote(FTP.PASSWORD, safe='')}@"


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Path]:
    return FTP.certify(tmp_path)


@pytest.fixture
def ftpd(tmp_path: Path, certificates: tuple[Path, Path], clips: Callable[[str], Path]) -> Iterator[Any]:
    """A server of both kinds, with a film on it."""
    (folder := tmp_path / "ftp").mkdir()
    shutil.copy(clips(CLIP), folder / "a film.mp4")
    servers = [FTP.Ftpd(folder), FTP.Ftpd(folder, tls="explicit", certificate=certificates[0])]
    yield servers
    for server in servers:
        server.close()


@pytest.fixture
async def sshd(tmp_path: Path, clips: Callable[[str], Path]) -> AsyncIterator[Any]:
    server = SSH.Sshd(tmp_path / "ssh")
    await server.start()
    (server.folder / "raw").mkdir()
    shutil.copy(clips(CLIP), server.folder / "raw" / "a film.mp4")
    yield server
    await server.close()


@pytest.fixture
async def client(serve: Callable[..., Awaitable[Any]], certificates: tuple[Path, Path], tmp_path: Path) -> Any:
    mapped = (f"s3://course-out={tmp_path / 'course'}",)
    return await serve(offline_storage=False, ca_bundle=str(certificates[1]), storage=mapped)


def entered(url: str) -> str:
    """The URL with Ann's credentials in it."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{ENTRY}{rest}"


def left(folder: Path) -> list[str]:
    """Every file there but the source."""
    found = (path for path in folder.rglob("*") if path.is_file() and path.name != "a film.mp4")
    return sorted(str(path.relative_to(folder)) for path in found)


async def test_encoding_com(client: Any, ftpd: Any, sshd: Any, measure: Callable[[bytes], dict[str, Any]]) -> None:
    plain, secure = ftpd
    places = [
        entered(plain.url("out/a.mp4", query="passive=yes")),
        entered(plain.url("out/b.mp4", query="passive=no")),
        entered(secure.url("out/c.mp4")),
        entered(sshd.url("deep/down/")),
    ]
    media = await client.add(entered(plain.url("a%20film.mp4")), {**SMALL, "destination": places})
    done = await client.end(media)
    assert done["status"] == "Finished", done
    assert left(plain.folder) == ["out/a.mp4", "out/b.mp4", "out/c.mp4"]
    (name,) = left(sshd.folder)
    assert name.startswith("deep/down/")
    for file in (*(plain.folder / name for name in left(plain.folder)), sshd.folder / name):
        assert measure(file.read_bytes())["size"] == (160, 90)
    assert any(line.startswith("PORT") for line in plain.said)
    again = await client.end(await client.add(entered(sshd.url("raw/a%20film.mp4")), SMALL))
    assert again["status"] == "Finished", again


async def test_tpstreams(
    visitor: Callable[[str], Any], ended: Callable[..., Awaitable[Any]], ftpd: Any, tmp_path: Path
) -> None:
    guest, path = visitor("tpstreams"), "/api/v1/ab12cd/transcoding_jobs/"
    guest.authorization = f"Token {'a' * 64}"
    output = "s3://course-out/intro/?access_key=KEY&secret_key=SE/CRET&region=ap-south-1"
    for server in ftpd:
        wanted = {
            "input_url": entered(server.url("a%20film.mp4").partition("?")[0]),
            "output_path": output,
            "resolutions": ["240p"],
        }
        job = await guest.ask("POST", path, json=wanted)
        done = await ended(lambda job=job: guest.ask("GET", f"{path}{job['id']}/"), "Completed", "Error")
        assert done["status"] == "Completed", done
        assert "RETR a film.mp4" in server.said
    assert list((tmp_path / "course").rglob("video.m3u8"))


async def test_transparent_edge(
    visitor: Callable[[str], Any],
    ended: Callable[..., Awaitable[Any]],
    ftpd: Any,
    sshd: Any,
    measure: Callable[[bytes], dict[str, Any]],
) -> None:
    guest = visitor("transparent_edge")
    form = {"grant_type": "client_credentials", "client_id": "4f2a90c1", "client_secret": "c0ffee77"}
    guest.authorization = f"Bearer {(await guest.ask('POST', '/v1/oauth2/access_token/', data=form))['access_token']}"
    size = {"video_width": 160, "video_height": 90}
    profile = {"name": "file", "video_format": "mp4", "video_codec": "libx264", **size}
    number = (await guest.ask("POST", "/v1/media/42/transcoding_profiles/", json=profile))["id"]
    order = {
        "origin": entered(ftpd[0].url("a%20film.mp4")),
        "destinations": [entered(ftpd[0].url("").rstrip("/")), entered(sshd.url("show"))],
        "jobs": [{"label": "one", "filename": "plain.mp4", "profile_id": number}],
    }
    told = await guest.ask("POST", "/v1/media/42/transcode", data={"order": json.dumps(order)})
    name = told["message"].partition("#")[2].partition(" ")[0]
    done = await ended(lambda: guest.ask("GET", f"/v1/media/42/transcode/{name}"), "FINISHED", "ERROR")
    assert done["status"] == "FINISHED", done
    for file in (ftpd[0].folder / "plain.mp4", sshd.folder / "show" / "plain.mp4"):
        assert measure(file.read_bytes())["size"] == (160, 90)
    assert (left(ftpd[0].folder), left(sshd.folder)) == (["plain.mp4"], ["show/plain.mp4"])


async def test_xvid_mediahub(visitor: Callable[[str], Any], sshd: Any, wait: Callable[..., Awaitable[Any]]) -> None:
    guest = visitor("xvid_mediahub/v1")
    form = {"grant_type": "client_credential", "client_id": "66aabb000123456789abcd01", "client_secret": "AAECAwQF" * 4}
    guest.authorization = f"Bearer {(await guest.ask('POST', '/oauth2/token/', data=form))['access_token']}"
    places = {"input_download_dir": entered(sshd.url("raw/")), "output_upload_dir": entered(sshd.url("done/"))}
    made = (await guest.ask("POST", "/pipelines/", json={"pipeline": {"name": "p", **places}}))["pipeline"]
    presets = (await guest.ask("GET", "/presets/"))["presets"]
    small = next(each["id"] for each in presets if each["name"] == "MP4 small")
    outputs = [{"preset": {"id": small}, "output_name": "a"}]
    job = {"pipeline": {"id": made["id"]}, "input": {"input_name": "a film.mp4"}, "outputs": outputs}
    asked = (await guest.ask("POST", "/jobs/", json={"job": job}))["job"]

    async def look() -> Any:
        found = (await guest.ask("GET", f"/jobs/{asked['id']}"))["job"]
        return found if found["status"] in {"SUCCESS", "FAILURE"} else None

    done = await wait(look)
    assert done["status"] == "SUCCESS", done
    assert left(sshd.folder) == [f"done/{done['output_prefix']}a.mp4"]


async def test_what_can_not_be_had_fails_the_job_and_shows_no_credential(client: Any, ftpd: Any, sshd: Any) -> None:
    sources = {
        entered(ftpd[0].url("none.mp4")): "550",
        entered(ftpd[0].url("a%20film.mp4")).replace(ENTRY, "ann:wr0ng-pw@"): "login",
        entered(sshd.url("none.mp4")): "No such file",
        entered(sshd.url("raw/a%20film.mp4")).replace(ENTRY, "ann:wr0ng-pw@"): "login",
    }
    for source, word in sources.items():
        ended = await client.end(await client.add(source, {"output": "mp4"}))
        assert ended["status"] == "Error", ended
        assert word in ended["description"]
        assert "wr0ng" not in ended["description"]


async def test_without_the_extra_the_client_is_told_what_to_install(
    client: Any, sshd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("mediaglot.gateway.transfer.ssh")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    ended = await client.end(await client.add(entered(sshd.url("raw/a%20film.mp4")), {"output": "mp4"}))
    assert ended["status"] == "Error", ended
    assert INSTALL in ended["description"]
