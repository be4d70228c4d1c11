"""``mediaglot translate`` as its users meet it: as a process, by its two streams and its exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures" / "encoding_com" / "add_media"
WORDS = ("--read", "encoding_com", "--write", "encoding_com")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("MEDIAGLOT_")}
BODY = """<query><source>ftp://me:s3cr3t@a.example/in.mov</source>
<format><output>mp4</output><destination>https://K:a%2Fb@x.s3.amazonaws.com/o?X-Amz-Signature=5160</destination>
<turbo>yes</turbo></format></query>"""


@pytest.fixture(name="call")
def _call(nursery: Any) -> Any:
    return lambda *words, given="": nursery.run("translate", *words, given=given, environment=CLEAN)


def test_the_request_is_all_of_stdout_and_the_report_goes_to_stderr(call: Any) -> None:
    done = call(*WORDS, "--option", "format=json", str(FIXTURES / "json_unknown_keys" / "request.http"))
    assert done.returncode == 0, done.stderr
    first, second, empty, body = done.stdout.splitlines()
    assert (first, second, empty) == ("POST /", "Content-Type: application/x-www-form-urlencoded", "")
    assert body.startswith("json=%7B%22query%22%3A%7B%22userid%22%3A%22100%22%2C%22userkey%22%3A%22***%22")
    assert "unread   format.0.turbo" in done.stderr
    assert done.stderr.splitlines()[-1] == "3 exact, 4 unread"


@pytest.mark.parametrize("file", ["-", None])
def test_a_body_comes_on_standard_input_and_no_secret_goes_out(call: Any, file: str | None) -> None:
    done = call(*WORDS, *([file] if file else []), given=BODY)
    assert done.returncode == 0, done.stderr
    assert "me%3A***%40a.example" in done.stdout
    for secret in ("s3cr3t", "a%2Fb", "a%252Fb", "5160"):
        assert secret not in done.stdout + done.stderr


def test_what_an_option_opens_is_a_secret_too(call: Any) -> None:
    words = ("--read", "encoding_com", "--write", "transparent_edge", "--policy", "warn")
    body = "<query><source>http://a.example/in.mov</source><format><output>mp4</output></format></query>"
    done = call(*words, "--option", "storage=ftp://ann:stored-word@b.example/out", given=body)
    assert done.returncode == 0, done.stderr
    assert "b.example" in done.stdout
    assert "stored-word" not in done.stdout + done.stderr


def test_json_for_machines(call: Any) -> None:
    done = call(*WORDS, "--json", given=BODY)
    document = json.loads(done.stdout)
    assert (done.returncode, done.stderr) == (0, "")
    (request,) = document["requests"]
    assert (request["method"], request["path"]) == ("POST", "/")
    assert request["headers"] == [{"name": "Content-Type", "value": "application/x-www-form-urlencoded"}]
    assert (document["policy"], document["forbidden"]) == ("essential", [])
    assert document["report"]["counts"]["unread"] == 1
    assert "inputs.0.location.access.password" in document["report"]["exact"]
    assert "s3cr3t" not in done.stdout


@pytest.mark.parametrize(("policy", "code"), [("strict", 1), ("essential", 0), ("warn", 0), ("silent", 0)])
def test_the_exit_code_follows_the_policy(call: Any, policy: str, code: int) -> None:
    done = call(*WORDS, "--policy", policy, given=BODY)
    assert done.returncode == code
    assert ("The policy strict forbids 1 of these" in done.stderr) is bool(code)
    assert bool(done.stdout) is not bool(code), "what is forbidden gives no request"


@pytest.mark.parametrize(
    ("words", "given", "says"),
    [
        ((), BODY, "the following arguments are required: --read, --write"),
        (("--read", "encodingcom", "--write", "encoding_com"), BODY, "did you mean encoding_com?"),
        (("--read", "encodingcom", "--write", "encoding_com"), "", "did you mean encoding_com?"),
        ((*WORDS, "--option", "format"), BODY, "'format' is not an option such as name=value"),
        ((*WORDS, "--option", "format=yaml"), BODY, "format is one of xml, json, not yaml"),
        ((*WORDS, "nowhere.xml"), "", "cannot read nowhere.xml: No such file or directory"),
        (WORDS, " \n", "standard input is empty; give the request that creates the job"),
        (WORDS, "hello", "malformed"),
        (WORDS, "<query><source>", "malformed"),
        (WORDS, "<query><format><output>mp4</output></format></query>", "no_source field=source"),
        (WORDS, "<query><action>GetStatus</action><mediaid>1</mediaid></query>", "creates no job: GetStatus"),
        (WORDS, "GET / HTTP/1.1\nHost: x\n\n", "method_not_allowed"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(call: Any, words: tuple[str, ...], given: str, says: str) -> None:
    done = call(*words, given=given)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert says in line
