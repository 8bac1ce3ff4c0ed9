"""What crosses the wire unharmed, and how what cannot cross is refused."""

from __future__ import annotations

import json
import xmlrpc.client

import pytest
from doors import Proxy, basic, post_xml, rpc, value_of

from raa.app import App
from raa.testing.client import Client

PLAIN = [
    None, True, False, 0, -1, 2**31 - 1, -(2**31), 0.1, -1e300, "", " padded ", "Grüße, 世界, 🙂", "<a>&amp;]]>",
    "a\tb\nc", [], ["one"], ["two", "texts"], [None, [1, "two"]], {}, {"": 1, "k < 1": {"deep": [True]}},
]  # fmt: skip
WIDE = [2**31, -(2**31) - 1, 2**40, 2**53 + 1, 2**63 - 1, -(2**63)]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_values_come_back_as_they_went_by_both_doors(console: App, proxy: Proxy, value: object) -> None:
    assert proxy().toy.Toy.echo(value) == {"value": value}
    assert Client(console.server.port).call("/toy/Toy/echo", {"value": value}).json() == {"value": value}


@pytest.mark.parametrize("number", WIDE)
def test_integers_beyond_32_bits_keep_every_digit(console: App, number: int) -> None:
    sent = f"<param><value><i8>{number}</i8></value></param>"

    assert value_of(rpc(console, "toy.Toy.echo", sent)) == {"value": number}
    assert Client(console.server.port).call("/toy/Toy/echo", {"value": number}).json() == {"value": number}


@pytest.mark.parametrize("kind", ["int", "i4", "i8"])
def test_integers_of_more_than_64_bits_are_refused_with_a_sentence(console: App, kind: str) -> None:
    sent = f"<param><value><{kind}>{2**63}</{kind}></value></param>"

    assert "64 bits" in value_of(rpc(console, "toy.Toy.echo", sent))["errors"][0]
    refused = Client(console.server.port).call("/toy/Toy/echo", {"value": 2**63})
    assert refused.status in (400, 422)
    assert "64 bits" in refused.json()["errors"][0]


def test_an_odd_file_name_and_large_and_missing_values_arrive_by_both_doors(console: App, proxy: Proxy) -> None:
    by_xmlrpc = proxy().toy.Toy.odd()
    by_json = Client(console.server.port).call("/toy/Toy/odd").json()

    assert by_xmlrpc == {
        "name": r"caf\xff\x1b[31m.txt", "bytes": 5 << 30, "most": 2**63 - 1, "none": None, "list": [],
    }  # fmt: skip
    # JSON can carry the control byte itself; what is no text at all is escaped there, too
    assert by_json == {**by_xmlrpc, "name": "caf\\xff\x1b[31m.txt"}


def test_control_bytes_sent_as_json_never_break_an_xml_answer(console: App) -> None:
    text = "".join(map(chr, range(0x20))) + "\x7f\ufffe\uffff"
    client = Client(console.server.port)
    client.call("/toy/Toy/remember", {"name": text})

    page = client.request("GET", "/toy/Toy/wall", headers={**basic(), "Accept": "text/html"})
    echoed = client.call("/toy/Toy/echo", {"value": text}).json()

    assert echoed == {"value": text}
    assert page.status == 200


def test_times_and_binary_data_of_classic_clients_arrive_as_text(console: App, proxy: Proxy) -> None:
    server = proxy()

    assert server.toy.Toy.echo(xmlrpc.client.DateTime("20261124T09:00:00")) == {"value": "20261124T09:00:00"}
    assert server.toy.Toy.echo(xmlrpc.client.Binary("Grüße".encode())) == {"value": "Grüße"}
    assert server.toy.Toy.echo(xmlrpc.client.Binary(b"\xff\x00")) == {"value": r"\xff\x00"}


@pytest.mark.parametrize(
    "body",
    [
        "", "[]", "null", '"x"', "1", "{", '{"value": NaN}', '{"value": 1e999}', '{"value": 1, "value": 2}',
        "\xff\xfe",
        '{"value": ' + "[" * 5000 + "]" * 5000 + "}", '{"nobody": 1}', '{"self": 1}',
        '{"value": 1, "_token": 2, "x": 3}',
    ],
    ids=lambda body: body[:20],
)  # fmt: skip
def test_odd_json_is_refused_in_json_and_never_answered_with_an_error_of_ours(console: App, body: str) -> None:
    headers = {**basic(), "Accept": "application/json", "Content-Type": "application/json"}

    reply = Client(console.server.port).request("POST", "/toy/Toy/echo", body.encode("latin-1"), headers)

    if body == "":
        assert (reply.status, reply.json()) == (200, {"value": None})
    else:
        assert 400 <= reply.status < 500
        assert json.loads(reply.body)["errors"]


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<", b"<methodCall/>", b"<a>" * 3000, b"\x00\xff", b"<methodCall><methodName>toy.Toy.echo</methodName>",
        b"<methodCall><methodName>__class__.__init__</methodName></methodCall>",
        b"<methodCall><methodName>../toy/Toy/echo</methodName></methodCall>",
        b"<?xml version='1.0' encoding='no-such'?><methodCall><methodName>schedules</methodName></methodCall>",
        b"<methodCall><methodName>schedules</methodName><params><param><value><bigdecimal>x</bigdecimal></value></param>"
        b"</params></methodCall>",
        b"<methodCall><methodName>schedules</methodName><params><param><value><int>" + b"9" * 9000 + b"</int></value>"
        b"</param></params></methodCall>",
        b"<methodResponse><fault><value><int>1</int></value></fault></methodResponse>",
    ],
    ids=lambda body: body[:40].decode("latin-1"),
)  # fmt: skip
def test_what_is_no_call_gets_400_in_words(console: App, body: bytes) -> None:
    status, answer = post_xml(console, body, basic())

    assert status == 400
    assert b"Traceback" not in answer


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_document_type_is_refused_in_every_encoding_that_the_parser_reads(console: App, encoding: str) -> None:
    def call(doctype: str, text: str) -> bytes:
        declared = "utf-16" if "16" in encoding else "utf-8"
        mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
        return (
            f"{mark}<?xml version='1.0' encoding='{declared}'?>{doctype}"
            "<methodCall><methodName>toy.Toy.echo</methodName>"
            f"<params><param><value><string>{text}</string></value></param></params></methodCall>"
        ).encode(encoding)

    refused, _ = post_xml(console, call('<!DOCTYPE a [<!ENTITY e "boo">]>', "&e;"), basic())

    assert refused == 400
    # without the document type the same bytes are a good call
    assert value_of(post_xml(console, call("", "fine"), basic())) == {"value": "fine"}


def test_an_entity_bomb_costs_nothing(console: App, proxy: Proxy) -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 12 if n else "l" * 50}">' for n in range(9))
    body = (
        f"<!DOCTYPE a [{entities}]><methodCall><methodName>toy.Toy.echo</methodName>"
        "<params><param><value>&e8;</value></param></params></methodCall>"
    )

    status, _ = post_xml(console, body.encode(), basic())

    assert status == 400
    assert proxy().toy.Toy.echo(1) == {"value": 1}


def test_a_value_larger_than_what_crosses_is_an_error_and_not_a_broken_answer(console: App, proxy: Proxy) -> None:
    reply = proxy().toy.Toy.back("huge")

    assert len(reply["errors"]) == 1
    assert Client(console.server.port).call("/toy/Toy/back", {"method": "unanswerable"}).status >= 422
