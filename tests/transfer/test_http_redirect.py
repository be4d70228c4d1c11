from __future__ import annotations

import base64
import socket
import traceback

import pytest
from aiohttp import web

from mediaglot.gateway.faults import SourceForbidden, SourceUnreachable
from mediaglot.gateway.model import Access, Location, Secret
from mediaglot.gateway.transfer import pinned, policy, request
from mediaglot.gateway.transfer.http import Http
from mediaglot.gateway.transfer.policy import Policy, judge_address


def at(url, **access):
    return Location(url=url, access=Access(**access) if access else None)


@pytest.fixture
def target(tmp_path):
    return tmp_path / "source"


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_credentials_beside_the_url_and_in_it(http, origin, target):
    await http.fetch(at(origin.url, user="ann", password=Secret("s:ö")), target)
    await http.fetch(at(origin.url.replace("://", "://b%40b:p%3Aw@")), target)
    assert [request.headers["Authorization"] for request in origin.asked] == [basic("ann", "s:ö"), basic("b@b", "p:w")]


async def test_the_url_is_sent_as_it_was_signed(http, serve, target):
    seen = []

    async def note(request):
        seen.append(request.raw_path)
        return web.Response()

    path = "/a%2Fb/%7Ec?sig=a%2Bb%3D&x=y+z"
    await http.fetch(at(await serve(note) + path), target)
    assert seen == [path]


def mover(status, location, seen):
    async def move(request):
        seen.append(request)
        return web.Response(status=status, headers={"Location": location})

    return move


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_followed(http, origin, serve, target, status):
    url = await serve(mover(status, origin.url, []))
    assert (await http.fetch(at(url + "/first.mov"), target)).name == "first.mov"
    assert target.read_bytes() == origin.body


async def test_a_redirect_within_the_host_keeps_the_credentials(http, serve, target):
    seen = []

    async def move_once(request):
        seen.append(request.headers.get("Authorization"))
        if request.path == "/a":
            return web.Response(status=302, headers={"Location": "b"})
        return web.Response(body=b"film")

    await http.fetch(at(await serve(move_once) + "/a", user="ann", password=Secret("pw")), target)
    assert seen == [basic("ann", "pw")] * 2


async def test_a_redirect_to_another_host_does_not_get_the_credentials(http, origin, serve, target):
    seen = []
    url = await serve(mover(302, origin.url.replace("://", "://x:y@"), seen))
    await http.fetch(at(url, user="ann", password=Secret("pw")), target)
    assert "Authorization" in seen[0].headers
    assert "Authorization" not in origin.asked[0].headers


async def test_credentials_do_not_come_back_after_a_detour(http, serve, target):
    seen, back = [], []

    async def home(request):
        seen.append(request.headers.get("Authorization"))
        if request.path == "/start":
            return web.Response(status=302, headers={"Location": back[0]})
        return web.Response(body=b"film")

    url = await serve(home)
    back.append(await serve(mover(302, url + "/end", [])))
    await http.fetch(at(url + "/start", user="ann", password=Secret("pw")), target)
    assert seen == [basic("ann", "pw"), None]


async def test_a_redirect_loop_ends(http, serve, target, local):
    seen = []
    url = await serve(mover(302, "/again", seen))
    with pytest.raises(SourceUnreachable) as caught:
        await http.fetch(at(url), target)
    assert caught.value.data == {"reason": "redirects"}
    assert len(seen) == local.redirects + 1


@pytest.mark.parametrize(
    "there", ["file:///etc/passwd", "ftp://127.0.0.1/x", "http://a\\b@c/", "gopher:x", "http://a:99999/"]
)
async def test_a_redirect_out_of_http_is_forbidden(http, serve, target, there):
    url = await serve(mover(302, there, []))
    with pytest.raises(SourceForbidden):
        await http.fetch(at(url), target)


# --- pinned addresses ----------------------------------------------------------------------------


class Names:
    """A resolver that gives each host's addresses one after the other."""

    def __init__(self, **hosts):
        self.hosts = hosts
        self.asked = []

    async def resolve(self, host, port=0, family=socket.AF_INET):
        self.asked.append(host)
        answers = self.hosts[host.partition(".")[0]]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        return [{"hostname": host, "host": one, "port": port, "family": 2, "proto": 6, "flags": 4} for one in found]

    async def close(self):
        pass


STRICT = Policy(tries=1, connect_timeout=1)


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["10.1.2.3"], ["169.254.169.254"], ["93.184.215.14", "192.168.0.1"]]
)
async def test_a_name_that_leads_inside_is_forbidden(target, eager, addresses):
    http = Http(STRICT, eager, resolver=Names(evil=[addresses]))
    with pytest.raises(SourceForbidden) as caught:
        await http.fetch(at("http://evil.test/x"), target)
    assert caught.value.data == {"reason": "address"}
    await http.close()


async def test_a_name_that_changes_its_address_is_judged_at_every_connection(origin, target, local, eager):
    # The first answer is allowed by a stand-in for "public"; the second, for the same name, must be refused.

    port = origin.url.split(":")[2].partition("/")[0]
    names = Names(evil=[["127.0.0.1"], ["127.0.0.2"]])
    http = Http(local, eager, resolver=names)
    origin.cuts = [1_000_000]

    def only_first(address, policy):
        judge_address(address, local if address == "127.0.0.1" else STRICT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pinned, "judge_address", only_first)
        with pytest.raises(SourceForbidden):
            await http.fetch(at(f"http://evil.test:{port}/x"), target)
    assert names.asked == ["evil.test", "evil.test"]
    assert len(origin.asked) == 1
    await http.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "127.1", "0x7f.1"])
async def test_a_literal_address_inside_is_forbidden_without_a_connection(target, eager, host):
    http = Http(STRICT, eager)
    with pytest.raises(SourceForbidden):
        await http.fetch(at(f"http://{host}/x"), target)
    await http.close()


async def test_the_socket_itself_refuses_an_address_that_no_resolver_was_asked_for(origin, target, eager, monkeypatch):

    monkeypatch.setattr(request, "judge", lambda *_: None)
    http = Http(STRICT, eager)
    with pytest.raises(SourceForbidden):
        await http.fetch(at(origin.url), target)
    assert origin.asked == []
    await http.close()


async def test_no_proxy_of_the_environment_is_asked_which_nobody_would_judge(http, origin, target, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    await http.fetch(at(origin.url), target)
    assert target.read_bytes() == origin.body


async def test_a_redirect_to_the_metadata_service_is_forbidden(origin, serve, target, eager, local, monkeypatch):

    public = policy._is_public
    monkeypatch.setattr(policy, "_is_public", lambda address: str(address) == "127.0.0.1" or public(address))
    url = await serve(mover(302, "http://169.254.169.254/latest/meta-data/", []))
    http = Http(STRICT, eager)
    with pytest.raises(SourceForbidden):
        await http.fetch(at(url), target)
    await http.close()


async def test_no_fault_nor_its_traceback_shows_a_credential(http, serve_raw, target):
    said = b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nfilm"
    url = (await serve_raw(said, False)).replace("://", "://ann:hunter2@") + "/x?sig=t0ken"
    with pytest.raises(SourceUnreachable) as caught:
        await http.fetch(at(url), target)
    text = "".join(traceback.format_exception(caught.value))
    assert "hunter2" not in text
    assert "t0ken" not in text
