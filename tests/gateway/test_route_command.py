"""``mediaglot route`` as its users meet it: which way a job would take, why, and that nobody is asked."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAGLOT_")}
JOB = """<query><source>https://media.example.com/in.mp4</source>
<format><output>mp4</output><size>640x360</size><video_codec>libx264</video_codec><bitrate>500k</bitrate></format></query>"""
NOWHERE = "url = 'http://127.0.0.1:9/p'"
CONFIG = f"""
[[accounts.encoding_com]]
name = "100"
secret = "one"
policy = "strict"

[providers.one]
dialect = "encoding_com"
{NOWHERE}
price = 0.03
policy = "warn"

[providers.two]
dialect = "transparent_edge"
{NOWHERE}
price = {{ 0 = 0.01, 720 = 0.5 }}

[[routes]]
dialects = ["tpstreams"]
to = ["two"]

[[routes]]
when = {{ least_height = "1080" }}
to = ["two"]

[[routes]]
to = ["two", {{ to = ["one", "local"], when = {{ codec = "h264" }}, policy = "silent" }}]
cheapest = true
"""


@pytest.fixture
def call(tmp_path: Path, nursery: Any) -> Any:
    config = tmp_path / "mediaglot.toml"

    def run(*words: str, given: str = JOB, text: str = CONFIG) -> subprocess.CompletedProcess[str]:
        config.write_text(text)
        flags = ("--config", str(config), "--read", "encoding_com")
        done: subprocess.CompletedProcess[str] = nursery.run("route", *flags, *words, given=given, environment=CLEAN)
        return done

    return run


def test_people_read_which_rule_fits_and_who_takes_the_job(call: Any) -> None:
    done = call()
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    lines = done.stdout.splitlines()
    assert lines[:3] == [
        "routes.0 is passed over: it is for tpstreams",
        "routes.1 is passed over: least_height = 1080",
        "routes.2 fits",
    ]
    assert [line.split()[0] for line in lines[5:8]] == ["local", "two", "one"], "by price"
    assert lines[-1] == "The job would go to local, then one."


def test_machines_read_the_same_and_what_each_would_lose(call: Any) -> None:
    told = json.loads(call("--json").stdout)
    assert (told["rule"], told["road"], told["drawn_by_weights"]) == (2, ["local", "one"], False)
    local, two, one = told["providers"]
    assert (local["price"], two["price"], one["price"]) == ("0", "0.01", "0.03")
    assert (two["takes"], two["refusal"].split()[0], two.get("policy")) == (
        False,
        "lossy",
        None,
    )
    assert (one["takes"], one["policy"]) == (True, "silent")
    assert {each["kind"] for each in one["losses"]} <= {"defaulted", "approximated", "dropped"}


def test_an_account_brings_its_own_policy(call: Any) -> None:
    told = json.loads(
        call("--json", "--account", "100", given=JOB.replace("<format>", "<format><turbo>yes</turbo>")).stdout
    )
    assert (told["road"], {each["refusal"].split()[0] for each in told["providers"]}) == ([], {"lossy"})


def test_nobody_is_an_exit_code(call: Any) -> None:
    done = call(text=CONFIG.partition("[[routes]]")[0] + "[[routes]]\nto = ['two']\npolicy = 'strict'\n")
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "Nobody would take the job.")


@pytest.mark.parametrize(
    ("words", "change", "said"),
    [
        (("--account", "200"), {}, "no account is called '200'"),
        ((), {"given": "<query><action>GetStatus</action><mediaid>1</mediaid></query>"}, "creates no job: GetStatus"),
        ((), {"given": "<query><source>x</source></query>"}, "encoding_com would refuse this request"),
        ((), {"text": "[[routes]]\nto = ['zed']\n"}, "routes.0: no provider is called 'zed'"),
    ],
)
def test_what_is_wrong_is_one_line(words: tuple[str, ...], change: dict[str, str], said: str, call: Any) -> None:
    done = call(*words, **change)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert said in line


def test_without_providers_and_routes_that_is_said(call: Any) -> None:
    done = call(text="")
    assert "no [providers.NAME] and no [[routes]] are in the configuration" in done.stdout


def test_without_routes_and_with_none_for_this_job_that_is_said(call: Any) -> None:
    providers = CONFIG.partition("[[routes]]")[0]
    assert call(text=providers).stdout.splitlines()[0].startswith("no [[routes]] are in the configuration: jobs go to")
    through = f"{providers}[[routes]]\nto = ['two']\ntransparent = true\n"
    assert call(text=through).stdout.splitlines()[0] == "no route fits"


def test_routes_are_numbered_as_the_configuration_has_them(call: Any) -> None:
    """Transparent ones too, which are for other requests."""
    lines = call(
        text=CONFIG.replace("[[routes]]", "[[routes]]\nto = ['two']\ntransparent = true\n[[routes]]", 1)
    ).stdout
    assert lines.splitlines()[:4] == [
        "routes.0 is passed over: it is transparent, and for other requests",
        "routes.1 is passed over: it is for tpstreams",
        "routes.2 is passed over: least_height = 1080",
        "routes.3 fits",
    ]


def test_the_policy_that_forbids_is_told_whose_ever_it_is(call: Any) -> None:
    text = CONFIG.partition("[[routes]]")[0].replace("warn", "strict").partition("[providers.two]")[0]
    (one,) = json.loads(call("--json", text=text, given=JOB.replace("<format>", "<format><turbo>yes</turbo>")).stdout)[
        "providers"
    ]
    assert (one["takes"], one["policy"]) == (False, "strict")


def test_a_message_to_this_server_will_do(call: Any) -> None:
    head = "POST /encoding_com/ HTTP/1.1\nHost: 127.0.0.1:8080\nContent-Type: application/x-www-form-urlencoded\n\nxml="
    job = JOB.replace("<query>", "<query><userid>100</userid><userkey>one</userkey><action>AddMedia</action>")
    assert json.loads(call("--json", given=head + quote(job)).stdout)["road"] == ["local", "one"]
