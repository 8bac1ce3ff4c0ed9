"""The mail adapter against a real SMTP server: what arrives, and the sentence for everything that goes wrong."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from smtp_sink import Behaviour, Sink, free_port, make_certificate, running_sink

from raa.host import mail
from raa.host.mail import Mail, Server
from raa.rpath_error import InvalidInput, OperationFailed

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
PASSWORD = "Größe: zählt doch"
LETTER = Mail("box@example.org", ["ops@example.org", "boss@example.org"], "Grüße – 60 %", "Zeile eins\n.\n..\nSchluß\n")

Listen = Callable[..., Sink]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificate: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The certificate's context, and a machine that trusts it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    return certificate[1]


@pytest.fixture
def listen() -> Iterator[Listen]:
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(running_sink(Behaviour(**how)))


def plain(sink: Sink) -> Server:
    return Server("localhost", sink.port, "none")


def failure(server: Server, letter: Mail = LETTER, seconds: float = 10.0) -> str:
    with pytest.raises(OperationFailed) as raised:
        mail.send(server, letter, NOW, seconds=seconds)
    return str(raised.value)


def test_a_mail_arrives_with_headers_subject_and_body(listen):
    sink = listen()

    assert mail.send(plain(sink), LETTER, NOW) == {}

    [taken] = sink.messages
    assert (taken.sender, taken.recipients) == ("box@example.org", ["ops@example.org", "boss@example.org"])
    assert taken.message["Subject"] == "Grüße – 60 %"
    assert taken.message["From"] == "box@example.org"
    assert taken.message["To"] == "ops@example.org, boss@example.org"
    assert parsedate_to_datetime(taken.message["Date"]) == NOW
    assert re.fullmatch(r"<[^<>@\s]+@example\.org>", taken.message["Message-ID"])
    assert taken.message["Auto-Submitted"] == "auto-generated"
    assert taken.message.get_content_charset() == "utf-8"
    assert taken.text == LETTER.body
    assert taken.data.isascii()
    assert sink.commands[-1].upper() == "QUIT"


def test_every_mail_has_an_id_of_its_own(listen):
    sink = listen()

    for _ in range(2):
        mail.send(plain(sink), LETTER, NOW)

    assert len({taken.message["Message-ID"] for taken in sink.messages}) == 2


def test_control_and_undecodable_characters_of_a_body_are_escaped(listen):
    sink = listen()

    mail.send(plain(sink), Mail("a@b", ["c@d"], "x", "a\x1b[31m \udcff\0"), NOW)

    assert sink.messages[0].text == "a\\x1b[31m \\xff\\x00\n"


@pytest.mark.parametrize("implicit", [True, False])
@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN PLAIN", "LOGIN"])
def test_the_login_goes_over_tls_with_a_checked_certificate(listen, trusted, implicit, mechanisms):
    password = PASSWORD if "PLAIN" in mechanisms else "ascii alone"
    sink = listen(users={"box": password}, context=trusted, implicit=implicit, mechanisms=mechanisms)

    mail.send(Server("localhost", sink.port, "tls" if implicit else "starttls", "box", password), LETTER, NOW)

    assert [(taken.tls, taken.user) for taken in sink.messages] == [(True, "box")]


@pytest.mark.parametrize("implicit", [True, False])
def test_a_certificate_that_nobody_trusts_is_refused_before_the_password_is_sent(listen, certificate, implicit):
    sink = listen(users={"box": PASSWORD}, context=certificate[1], implicit=implicit)

    said = failure(Server("localhost", sink.port, "tls" if implicit else "starttls", "box", PASSWORD))

    assert "The certificate of localhost cannot be trusted" in said
    assert "self-signed certificate" in said
    assert not any(line.startswith("AUTH") for line in sink.commands)


def test_a_certificate_for_another_name_is_refused(listen, trusted):
    sink = listen(context=trusted, implicit=True)

    assert "cannot be trusted" in failure(Server("127.0.0.1", sink.port, "tls"))


def test_a_server_that_takes_starttls_away_gets_nothing(listen):
    sink = listen(users={"box": PASSWORD})

    assert "offers no STARTTLS, so nothing was sent" in failure(
        Server("localhost", sink.port, "starttls", "box", PASSWORD)
    )
    assert not any(line.startswith(("AUTH", "MAIL")) for line in sink.commands)


def test_tls_to_a_port_without_is_a_sentence(listen):
    assert "cannot agree on TLS" in failure(Server("localhost", listen().port, "tls"))


@pytest.mark.parametrize("mechanisms", ["PLAIN", "LOGIN"])
def test_a_refused_login_is_told_without_the_password(listen, trusted, mechanisms):
    sink = listen(users={"box": "another"}, context=trusted, mechanisms=mechanisms)
    server = Server("localhost", sink.port, "starttls", "box", "open sesame")

    said = failure(server)

    assert "refused the login of box: 535 5.7.8" in said
    assert "open sesame" not in said
    assert mail._plain(server) not in said
    assert sink.messages == []


def test_a_server_without_login_is_a_sentence(listen, trusted):
    sink = listen(context=trusted)

    assert "offers no login" in failure(Server("localhost", sink.port, "starttls", "box", "x"))


def test_a_login_that_takes_ascii_only_is_a_sentence(listen, trusted):
    sink = listen(users={"box": PASSWORD}, context=trusted, mechanisms="LOGIN")

    assert "plain ASCII" in failure(Server("localhost", sink.port, "starttls", "box", PASSWORD))


def test_an_unknown_kind_of_login_is_a_sentence(listen, trusted):
    sink = listen(users={"box": "x"}, context=trusted, mechanisms="GSSAPI")

    assert "no kind of login that raa knows" in failure(Server("localhost", sink.port, "starttls", "box", "x"))


def test_a_name_that_is_not_known_is_a_sentence():
    assert "nowhere.invalid, is not known" in failure(Server("nowhere.invalid", 25, "none"))


def test_a_refused_connection_is_a_sentence():
    port = free_port()

    assert f"127.0.0.1, port {port}, refuses connections" in failure(Server("127.0.0.1", port, "none"))


@pytest.mark.parametrize("greeting", ["silent", "drip"])
def test_a_server_that_never_finishes_is_left_at_the_deadline(listen, greeting):
    before = threading.active_count()
    sink = listen(greeting=greeting)

    assert "did not finish within 0.3 s" in failure(plain(sink), seconds=0.3)
    assert threading.active_count() <= before + 2  # the sink's own


def test_a_server_that_never_finishes_its_handshake_is_left_at_the_deadline(listen):
    assert "did not finish" in failure(Server("localhost", listen(greeting="silent").port, "tls"), seconds=0.3)


def test_a_server_that_hangs_up_is_a_sentence(listen):
    assert "hung up before" in failure(plain(listen(greeting="hang up")))


@pytest.mark.parametrize(
    ("command", "answer", "sentence"),
    [
        ("MAIL", "550 5.1.8 who is that", "does not take mail from box@example.org: 550 5.1.8 who is that"),
        ("DATA", "554 5.7.1 spam\x1b[31m", "did not take the mail: 554 5.7.1 spam\\x1b[31m"),
        ("RCPT", "454 4.7.1 no relay", "boss@example.org (454 4.7.1 no relay)"),
    ],
)
def test_a_refusal_is_told_with_what_the_server_said(listen, command, answer, sentence):
    sink = listen(answers={command: answer})

    assert sentence in failure(plain(sink))
    assert sink.messages == []


def test_a_recipient_that_is_refused_keeps_the_mail_from_no_other(listen):
    sink = listen(refused={"boss@example.org"})

    assert mail.send(plain(sink), LETTER, NOW) == {"boss@example.org": "550 no such mailbox"}
    assert sink.messages[0].recipients == ["ops@example.org"]


@pytest.mark.parametrize(
    "letter",
    [
        Mail("a@b", ["c@d"], "Hello\r\nBcc: all@example.org", "x"),
        Mail("a@b", ["c@d"], "Hello\nX: y", "x"),
        Mail("a@b", ["c@d"], "Hello\u2028X: y", "x"),
        Mail("a@b", ["c@d"], "x" * 501, "x"),
        Mail("a@b\r\nBcc: e@f", ["c@d"], "x", "x"),
        Mail("a@b", ["c@d\n"], "x", "x"),
        Mail("a@b", ["c@d>\r\nRCPT TO:<e@f"], "x", "x"),
        Mail("a@b", ["c@d, e@f"], "x", "x"),
        Mail("a@b", ["Name <c@d>"], "x", "x"),
        Mail("a@b", [], "x", "x"),
        Mail("nobody", ["c@d"], "x", "x"),
    ],
)
def test_what_would_add_headers_or_recipients_never_reaches_the_server(listen, letter):
    sink = listen()

    with pytest.raises(InvalidInput):
        mail.send(plain(sink), letter, NOW)

    assert sink.commands == []


@pytest.mark.parametrize(
    ("server", "fields"),
    [
        (Server("", 25, "none"), {"host"}),
        (Server("a b", 25, "none"), {"host"}),
        (Server("a..b", 25, "none"), {"host"}),
        (Server("-a", 25, "none"), {"host"}),
        (Server("a\n", 0, "none"), {"host", "port"}),
        (Server("a", 65_536, "ssl"), {"port", "security"}),
        (Server("a", 25, "none", "box", "x"), {"security"}),
        (Server("a", 25, "tls", "b\nx", "x\0"), {"user", "password"}),
    ],
)
def test_a_server_that_nothing_may_be_sent_to_is_refused_at_its_fields(server, fields):
    with pytest.raises(InvalidInput) as raised:
        mail.send(server, LETTER, NOW)

    assert set(raised.value.problems) == fields


@pytest.mark.parametrize(
    "host", ["mail", "mail.example.org", "192.0.2.1", "2001:db8::1", "xn--bcher-kva.example", "my_mail"]
)
def test_names_and_addresses_of_servers_pass(host):
    mail.check(Server(host, 25, "none"))


def test_the_password_stands_in_no_text_of_a_server():
    assert "open sesame" not in repr(Server("a", 25, "tls", "box", "open sesame"))
