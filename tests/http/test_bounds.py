"""The settings that say how far the server may go."""

from __future__ import annotations

import pytest

from mediaglot.gateway.config import ConfigError, Settings
from mediaglot.gateway.http.bounds import policy_of


@pytest.mark.parametrize(
    ("host", "said", "local"),
    [
        ("127.0.0.1", "auto", True),
        ("::1", "auto", True),
        ("localhost", "auto", True),
        ("0.0.0.0", "auto", False),
        ("media.example.com", "auto", False),
        ("127.0.0.1", "off", False),
        ("0.0.0.0", "on", True),
    ],
)
def test_local_addresses_go_with_where_it_listens_or_with_what_is_said(host, said, local):
    assert policy_of(Settings(host=host, local_addresses=said)).local_addresses is local


def test_the_lists_and_the_sources_arrive():
    policy = policy_of(Settings(allow_host=("a.test",), deny_port=("25",), file_sources=True, max_source=7))
    assert (policy.reach.host("b.test"), policy.reach.port(25), policy.reach.port(26)) == (False, False, True)
    assert (policy.file_sources, policy.max_bytes) == (True, 7)


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"allow_network": ("10.1.0.0/8",)}, "allow_network: '10.1.0.0/8' is no address"),
        ({"ca_bundle": "/nowhere.pem"}, "ca_bundle: /nowhere.pem: No such file"),
        ({"ssh_key": "/nowhere"}, "ssh_key: /nowhere: No such file"),
        ({"ssh_known_hosts": "/nowhere"}, "ssh_known_hosts: /nowhere: No such file"),
        ({"ca_bundle": __file__}, "ca_bundle: .*no certificates|ca_bundle: "),
    ],
)
def test_what_can_not_be_used_is_named(settings, says):
    with pytest.raises(ConfigError, match=says):
        policy_of(Settings(**settings))


async def test_the_server_does_not_start_with_a_list_that_says_nothing(command):
    server = await command("--backend", "simulated", "--deny-network", "nowhere")
    assert server.site == ""
    assert await server.end() == 2
    (line,) = server.log.read_text().splitlines()
    assert line.startswith("mediaglot: deny_network: 'nowhere' is no address")
