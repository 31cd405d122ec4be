"""Letters: by SMTP to a real server over real TLS, on the terminal, and on their way through the outbox."""

from __future__ import annotations

import email
import email.policy
import io
import logging
import threading
from pathlib import Path

import pytest

from idjag.idp.app import outbox_of
from idjag.idp.mail import Letter, MailFailed, Outbox
from idjag.idp.mail.console import ConsoleMail
from idjag.idp.mail.letters import changed_letter, reset_letter
from idjag.idp.mail.smtp import MailServer, SmtpMail, message
from idjag.idp.settings import Settings, SettingsWrong
from tests.idp.mail.smtp_server import SmtpServer
from tests.trust.servers import Authority

NOW = 1_800_000_000
FROM, TO, SECRET = "idjag@acme.example", "alice@acme.example", "the-mail-password-0123"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def mail_to(server: SmtpServer, authority: Authority | None = None, **changes: object) -> SmtpMail:
    values: dict[str, object] = {
        "host": "127.0.0.1", "port": server.port, "encryption": server.tls, "sender": FROM,
        "ca_file": authority.ca_file if authority else None,
    }  # fmt: skip
    return SmtpMail(MailServer(**{**values, **changes}), lambda: NOW)  # type: ignore[arg-type]


def read(letter: bytes) -> email.message.EmailMessage:
    return email.message_from_bytes(letter, policy=email.policy.default)


@pytest.mark.parametrize("tls", ["none", "starttls", "tls"])
def test_a_letter_arrives_as_it_was_written(authority: Authority, tls: str) -> None:
    context = authority.context("127.0.0.1")
    with SmtpServer(tls, context) as server:
        mail_to(server, authority).send(TO, "Neues Passwort für Ärger", "Zeile eins\n\nzwei 日本\n")
    letter = read(server.letters[0])
    assert (letter["from"], letter["to"], letter["subject"]) == (FROM, TO, "Neues Passwort für Ärger")
    assert letter.get_content().replace("\r", "") == "Zeile eins\n\nzwei 日本\n"
    assert letter["date"] == "Fri, 15 Jan 2027 08:00:00 -0000"
    assert letter["auto-submitted"] == "auto-generated"
    assert letter["message-id"].endswith("@acme.example>")


def test_we_say_who_we_are_only_inside_tls(authority: Authority) -> None:
    with SmtpServer("starttls", authority.context("127.0.0.1")) as server:
        mail_to(server, authority, user="idjag", password=SECRET).send(TO, "s", "t")
    assert server.logins == [("idjag", SECRET)]
    assert server.commands.index("STARTTLS") < server.commands.index("AUTH")


@pytest.mark.parametrize(
    ("offered", "wanted", "names"),
    [
        pytest.param("none", "starttls", "127.0.0.1", id="the offer of STARTTLS was cut out"),
        pytest.param("starttls", "starttls", "192.0.2.7", id="a certificate for somebody else"),
        pytest.param("tls", "tls", "192.0.2.7", id="likewise, TLS from the start"),
        pytest.param("none", "tls", "127.0.0.1", id="no TLS where it should begin"),
    ],
)
def test_without_tls_that_is_verified_nothing_is_said(
    authority: Authority, offered: str, wanted: str, names: str
) -> None:
    with SmtpServer(offered, authority.context(names)) as server:
        mail = mail_to(server, authority, encryption=wanted, user="idjag", password=SECRET)
        with pytest.raises(MailFailed) as failed:
            mail.send(TO, "s", "t")
    assert (server.letters, server.logins) == ([], [])
    assert SECRET not in str(failed.value)


def test_an_authority_that_we_were_not_told_of_is_not_believed(authority: Authority) -> None:
    with (
        SmtpServer("tls", authority.context("127.0.0.1")) as server,
        pytest.raises(MailFailed, match="no TLS"),
    ):
        mail_to(server).send(TO, "s", "t")


@pytest.mark.parametrize(
    ("refuse", "lasting", "words"),
    [
        pytest.param({"RCPT": "550 no such person"}, True, "does not take letters", id="no such address"),
        pytest.param({"AUTH": "535 no"}, False, "user and password", id="not our password"),
        pytest.param({"MAIL": "451 later"}, False, "answered 451", id="later"),
        pytest.param({"DATA": "554 never"}, True, "answered 554", id="never"),
    ],
)
def test_what_the_server_refuses_is_told_without_the_letter(
    refuse: dict[str, str], *, lasting: bool, words: str
) -> None:
    with SmtpServer(refuse=refuse) as server, pytest.raises(MailFailed, match=words) as failed:
        mail_to(server, user="idjag", password=SECRET).send(TO, "the subject", "the text")
    assert failed.value.lasting is lasting
    assert not any(
        text in str(failed.value) for text in (TO, "the subject", "the text", SECRET, "no such person")
    )


def test_a_server_that_is_not_there_is_tried_again() -> None:
    with SmtpServer() as server:
        pass
    with pytest.raises(MailFailed, match="no connection") as failed:
        mail_to(server).send(TO, "s", "t")
    assert not failed.value.lasting


@pytest.mark.parametrize("line", ["\r\n", "\n", "\r", "\u2028", "\x00", "\x85", "\x1b"])
@pytest.mark.parametrize("where", ["to", "subject", "sender"])
def test_no_header_takes_a_second_line(where: str, line: str) -> None:
    """Attack case 198: header injection by an address or a name."""
    values = {"sender": FROM, "to": TO, "subject": "Hello"}
    values[where] = f"{values[where]}{line}Bcc: mallory@evil.example"
    with pytest.raises(MailFailed):
        message(values["sender"], values["to"], values["subject"], "text", now=NOW)
    assert message(FROM, TO, "Hello", "text", now=NOW)["to"] == TO


@pytest.mark.parametrize("to", ["", "alice", "a@b, c@d", "Alice <alice@acme.example>", "a@b c@d"])
def test_what_is_no_address_gets_no_letter(to: str) -> None:
    with pytest.raises(MailFailed) as failed:
        message(FROM, to, "Hello", "text", now=NOW)
    assert failed.value.lasting


def test_a_line_that_is_a_dot_does_not_end_the_letter() -> None:
    with SmtpServer() as server:
        mail_to(server).send(TO, "s", "one\n.\nRCPT TO:<mallory@evil.example>\n")
    assert server.commands.count("RCPT") == 1
    assert b"..\r\n" in server.letters[0]


class Told:
    """A mail server in a test's hands."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self.outcomes, self.asked = list(outcomes), threading.Semaphore(0)
        self.sent: list[tuple[str, str, str]] = []

    def send(self, to: str, subject: str, text: str) -> None:
        """Note it, or fail as told."""
        outcome = self.outcomes.pop(0) if self.outcomes else None
        try:
            if outcome is not None:
                raise outcome
            self.sent.append((to, subject, text))
        finally:
            self.asked.release()


def test_the_outbox_takes_a_letter_at_once_and_sends_what_waits_before_it_ends() -> None:
    gate = threading.Event()

    class Slow(Told):
        def send(self, to: str, subject: str, text: str) -> None:
            gate.wait()
            super().send(to, subject, text)

    mail = Slow()
    with Outbox(mail) as outbox:
        for number in range(3):
            outbox.post(Letter(TO, str(number), "t"))
        assert mail.sent == []
        gate.set()
    assert [subject for _, subject, _ in mail.sent] == ["0", "1", "2"]


def test_a_letter_that_failed_is_sent_again_and_one_that_never_will_be_is_not() -> None:
    passing = MailFailed("later", lasting=False)
    mail = Told(passing, passing, None, MailFailed("never", lasting=True), None)
    with Outbox(mail, pauses=(0.0, 0.0, 0.0)) as outbox:
        for number in range(3):
            outbox.post(Letter(TO, str(number), "t"))
        for _ in range(5):
            assert mail.asked.acquire(timeout=60)
    assert [subject for _, subject, _ in mail.sent] == ["0", "2"]


def test_letters_beyond_the_bound_are_dropped_and_said_so(caplog: pytest.LogCaptureFixture) -> None:
    """Bounded: whoever asks for links cannot fill our memory."""
    gate = threading.Event()

    class Slow(Told):
        def send(self, to: str, subject: str, text: str) -> None:
            super().send(to, subject, text)
            gate.wait()

    mail = Slow()
    with Outbox(mail, most=2) as outbox, caplog.at_level(logging.WARNING):
        outbox.post(Letter(TO, "first", "t"))
        assert mail.asked.acquire(timeout=60)
        for number in range(4):
            outbox.post(Letter(TO, str(number), "t"))
        gate.set()
    assert [subject for _, subject, _ in mail.sent][:2] == ["first", "0"]
    assert [record.getMessage() for record in caplog.records] == [
        "a letter was dropped: too many are waiting for the mail server"
    ] * 2


def test_the_log_says_that_a_letter_was_not_sent_and_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """Attack case 199: the link is a secret."""
    mail = Told(RuntimeError("the text"), MailFailed("never", lasting=True))
    with caplog.at_level(logging.DEBUG), Outbox(mail) as outbox:
        outbox.post(Letter(TO, "the subject", "the text"))
        outbox.post(Letter(TO, "the subject", "the text"))
    assert [record.getMessage() for record in caplog.records] == [
        "a letter was not sent: RuntimeError", "a letter was not sent: never",
    ]  # fmt: skip
    assert "the text" not in caplog.text
    assert "the text" not in repr(Letter(TO, "the subject", "the text"))


def test_the_console_shows_the_letter_to_whoever_tries_it_out() -> None:
    out = io.StringIO()
    ConsoleMail(out).send(TO, "Set a new password", "one\ntwo\n")
    assert out.getvalue() == "idjag: a letter to 'alice@acme.example': Set a new password\n  one\n  two\n"


def settings(tmp_path: Path, issuer: str = "https://idp.acme.example", **more: str) -> Settings:
    return Settings.load({"IDJAG_ISSUER": issuer, "IDJAG_DATA_DIR": str(tmp_path), **more})


SERVER = {"IDJAG_MAIL_SERVER": "smtp://mail.acme.example:2587", "IDJAG_MAIL_FROM": FROM}


def test_letters_go_to_the_terminal_on_loopback_alone(tmp_path: Path) -> None:
    assert outbox_of(settings(tmp_path, "http://127.0.0.1:8700"), lambda: NOW) is not None
    assert outbox_of(settings(tmp_path), lambda: NOW) is None
    assert outbox_of(settings(tmp_path, **SERVER), lambda: NOW) is not None


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("smtp://mail.acme.example", ("mail.acme.example", 587, "starttls")),
        ("smtps://mail.acme.example", ("mail.acme.example", 465, "tls")),
        ("smtp://10.1.2.3:25", ("10.1.2.3", 25, "starttls")),
        ("smtp://127.0.0.1:25", ("127.0.0.1", 25, "none")),
        ("smtp://localhost:25", ("localhost", 25, "none")),
        ("smtp://[::1]:25", ("::1", 25, "none")),
    ],
)
def test_only_this_machine_is_spoken_to_without_tls(
    tmp_path: Path, url: str, place: tuple[str, int, str]
) -> None:
    found = settings(tmp_path, **{**SERVER, "IDJAG_MAIL_SERVER": url}).mail.server
    assert found is not None
    assert (found.host, found.port, found.encryption) == place


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        pytest.param({"IDJAG_MAIL_SERVER": "mail.acme.example"}, "must be smtps://", id="no scheme"),
        pytest.param({"IDJAG_MAIL_SERVER": "smtp://u:pw@mail.example"}, "must be smtps://", id="a password"),
        pytest.param({"IDJAG_MAIL_SERVER": "smtp://mail.acme.example:70000"}, "must be smtps://", id="port"),
        pytest.param({"IDJAG_MAIL_FROM": "Acme <a@b.example>"}, "must be one address", id="a name"),
        pytest.param({"IDJAG_MAIL_FROM": "a@b\nBcc: x@y"}, "must be one address", id="two lines"),
        pytest.param({"IDJAG_MAIL_REPORTS": "the desk"}, "must be one address", id="reports to a name"),
        pytest.param({"IDJAG_MAIL_USER": "idjag"}, "belong together", id="a user without password"),
        pytest.param({"IDJAG_MAIL_PASSWORD": SECRET}, "belong together", id="a password without user"),
        pytest.param(
            {"IDJAG_MAIL_USER": "u", "IDJAG_MAIL_PASSWORD": SECRET, "IDJAG_MAIL_PASSWORD_FILE": "/f"},
            "keep the file", id="two passwords",
        ),
        pytest.param({"IDJAG_MAIL_SERVR": "x"}, "did you mean IDJAG_MAIL_SERVER", id="a typing mistake"),
    ],
)  # fmt: skip
def test_settings_of_mail_that_cannot_be_meant_stop_the_start(
    tmp_path: Path, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(SettingsWrong, match=words) as wrong:
        settings(tmp_path, **{**SERVER, **changes})
    assert SECRET not in str(wrong.value)
    assert "u:pw" not in str(wrong.value)


@pytest.mark.parametrize("missing", list(SERVER))
def test_half_of_the_settings_of_mail_stop_the_start(tmp_path: Path, missing: str) -> None:
    with pytest.raises(SettingsWrong, match=f"{missing} is missing"):
        settings(tmp_path, **{name: value for name, value in SERVER.items() if name != missing})


def test_reports_go_to_one_address_and_not_without_a_server(tmp_path: Path) -> None:
    named = {"IDJAG_MAIL_REPORTS": "soc@acme.example"}
    assert settings(tmp_path, **SERVER, **named).mail_reports == "soc@acme.example"
    assert settings(tmp_path, **SERVER).mail_reports is None
    with pytest.raises(SettingsWrong, match="IDJAG_MAIL_SERVER is missing"):
        settings(tmp_path, **named)


def test_the_password_comes_from_a_file_that_only_we_can_read(tmp_path: Path) -> None:
    file = tmp_path / "mail-password"
    file.write_text(SECRET + "\n", encoding="utf-8")
    file.chmod(0o600)
    named = {**SERVER, "IDJAG_MAIL_USER": "idjag", "IDJAG_MAIL_PASSWORD_FILE": str(file)}
    assert settings(tmp_path, **named).mail.secret() == SECRET
    assert outbox_of(settings(tmp_path, **named), lambda: NOW) is not None
    file.unlink()
    with pytest.raises(SettingsWrong, match="IDJAG_MAIL_PASSWORD_FILE"):
        outbox_of(settings(tmp_path, **named), lambda: NOW)


def test_a_password_in_the_environment_works_and_warns(tmp_path: Path) -> None:
    found = settings(tmp_path, **SERVER, IDJAG_MAIL_USER="idjag", IDJAG_MAIL_PASSWORD=SECRET)
    assert found.mail.secret() == SECRET
    assert any("IDJAG_MAIL_PASSWORD" in warning for warning in found.warnings)
    assert SECRET not in repr(found)


@pytest.mark.parametrize("language", ["en", "de", "ja", "fr"])
def test_letters_are_in_the_language_of_whoever_asked(language: str) -> None:
    letter = reset_letter(
        TO, "idp.acme.example", "https://idp.acme.example/password/set/x", language, minutes=30
    )
    assert "https://idp.acme.example/password/set/x\n" in letter.text
    assert "30" in letter.text
    assert letter.subject != "" and letter.to == TO  # noqa: PT018
    assert "idp.acme.example" in changed_letter(TO, "idp.acme.example", language).text
    assert {"fr": "Set a new password", "de": "Neues Passwort festlegen"}.get(
        language, letter.subject
    ) == letter.subject
