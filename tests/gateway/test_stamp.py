"""A request that is signed by somebody else says what it said: over all fixtures of all dialects."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mediaglot.gateway import codec, registry
from mediaglot.gateway.auth import BodyPair, Credential, HeaderToken, SignedQuery
from mediaglot.gateway.exchange import Headers, Intent, Request, RevokeToken
from mediaglot.gateway.faults import Malformed
from mediaglot.gateway.model import Secret
from mediaglot.gateway.testing.case import Case, folders
from mediaglot.gateway.wire.form import FormField
from mediaglot.gateway.wire.json import Json
from mediaglot.gateway.wire.swap import Unswappable, in_json, in_xml
from mediaglot.gateway.wire.xml import Xml

OURS = Credential("777", Secret('k<&>"ä\\ é'))
TOKEN = Credential("", Secret("0123abc"), token=True)
PAIR = BodyPair("user", "key")
FORM = FormField({"json": Json(root="query"), "xml": Xml("query", "answer")}, otherwise="json")


@pytest.mark.parametrize("name", registry.names())
def test_every_request_that_is_understood_can_be_stamped(name: str) -> None:
    dialect, stamped, left = registry.find(name), 0, []
    credential = OURS if isinstance(dialect.auth, BodyPair) else TOKEN
    for case in folders(name):
        if not isinstance(case, Case):
            continue
        reading = case.read()
        if reading.intent is None or reading.call.credential is None or isinstance(reading.intent, RevokeToken):
            continue
        try:
            request = dialect.auth.stamp(case.request, dialect.wire, credential)
        except Unswappable:
            left.append(case.name)
            continue
        call = case.dialect.open(request)
        assert call.credential is not None
        assert (call.credential.name, call.credential.secret) == (credential.name, credential.secret), str(case)
        again = case.dialect.read(replace(call, account=reading.call.account), _ledger())
        theirs = str(codec.encode(reading.intent, Intent)).replace(
            f"'{reading.call.credential.name}'", f"'{credential.name}'"
        )
        assert str(codec.encode(again, Intent)) == theirs, str(case)
        assert reading.call.credential.secret.reveal().encode() not in request.body or len(request.body) < 20, str(case)
        stamped += 1
    assert stamped >= 20
    assert not [each for each in left if "token" not in each], "only other kinds of credentials can't be exchanged"


def _ledger() -> object:
    from mediaglot.gateway.loss import Ledger

    return Ledger()


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            b'{"query":{"user" : "1", "key":"a\\"b","x":[1.50,  2]}}',
            b'{"query":{"user" : "9", "key":"n","x":[1.50,  2]}}',
        ),
        (b'{"query":{"KEY":12,"user":null}}', b'{"query":{"KEY":"n","user":"9"}}'),
    ],
)
def test_every_other_byte_of_json_stays(body: bytes, wanted: bytes) -> None:
    assert in_json(body, {"user": "9", "key": "n"}) == wanted


def test_every_other_byte_of_xml_stays() -> None:
    body = b"<query>\n <!-- a --><User >1</User><key></key><x>  2</x></query>"
    assert in_xml(body, {"user": "<9>", "key": "n"}) == (
        b"<query>\n <!-- a --><User >&lt;9&gt;</User><key>n</key><x>  2</x></query>"
    )


@pytest.mark.parametrize(
    "text",
    [
        '{"query":{"user":"1","key":"k","inner":{"key":"other"}}}',
        '{"query":{"user":"1","key":"k","note":"\\"key\\":\\"x\\""},"query2":{"key":"k"}}',
        '{"query":{"user":"1","k\\u0065y":"k","x":{"key":"y"}}}',
        "<query><user>1</user><key>k</key><!--<key>k</key>--></query>",
        "<query><user>1</user><key><![CDATA[k]]></key></query>",
        '<query><user>1</user><key a="1">k</key></query>',
    ],
)
def test_what_could_change_anything_else_is_not_stamped(text: str) -> None:
    field = "xml" if text.startswith("<") else "json"
    request = Request(method="POST", body=f"{field}={text.replace('&', '%26')}".encode())
    with pytest.raises((Unswappable, Malformed)):
        PAIR.stamp(request, FORM, OURS)


def test_a_form_keeps_its_other_fields_and_a_query_is_a_form_too() -> None:
    document = b"a=1&json=%7B%22query%22%3A%7B%22user%22%3A%221%22%2C%22key%22%3A%22k%22%7D%7D&b=%20"
    stamped = PAIR.stamp(Request(method="POST", body=document), FORM, Credential("9", Secret("n")))
    assert stamped.body == document.replace(b"%221%22", b"%229%22").replace(b"%22k%22", b"%22n%22")
    asked = PAIR.stamp(Request(query=document.decode()), FORM, Credential("9", Secret("n")))
    assert asked.query.encode() == stamped.body


def test_a_token_is_exchanged_wherever_it_was() -> None:
    auth = SignedQuery(HeaderToken("Bearer", "access_token"), ("/files",))
    lines = Headers(lines=(("authorization", "Bearer theirs"), ("X-A", "1")))
    stamped = auth.stamp(Request(query="a=%20&access_token=theirs", headers=lines), Json(), TOKEN)
    assert stamped.query == "a=%20"
    assert stamped.headers.lines == (("X-A", "1"), ("Authorization", "Bearer 0123abc"))
    query = "id=1&client_id=c&expiry_time=1&multi_use=true&signature=ab"
    assert auth.stamp(Request(path="/files", query=query), Json(), TOKEN).query == "id=1"
