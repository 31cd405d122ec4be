"""idjag.idp.settings: every value checked at start, everything wrong in one message, no secret in it."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from idjag.forwarded import CertificateHeaders
from idjag.idp.settings import Settings, SettingsWrong, sqlite_path
from idjag.trust.outbound import OutboundAllow
from idjag.trust.proxy import Proxy

ISSUER = "https://idp.acme.example"
KEK = "8f3b6c0de2a95714f0c17b92d46e38a5176de90b42fc8563aa1e70d93c5b28f4"
ENVIRON = {"HOME": "/home/op", "PATH": "/bin", "IDJAG_ISSUER": ISSUER}
POSTGRESQL = {
    "IDJAG_DATABASE_URL": "postgresql://idjag:s3cret@db.example/idjag",
    "IDJAG_KEK_FILE": "/run/kek",
}


def _refused(environ: dict[str, str], config: Path | None = None) -> str:
    with pytest.raises(SettingsWrong) as refused:
        Settings.load(environ, config)
    return str(refused.value)


def test_the_issuer_alone_is_enough() -> None:
    """Contract section 3: the defaults."""
    assert Settings.load(ENVIRON) == Settings(
        issuer=ISSUER,
        data_dir=Path("/home/op/.local/share/idjag"),
        database_url="sqlite:////home/op/.local/share/idjag/idjag.db",
        kek_file=Path("/home/op/.local/share/idjag/kek"),
        kek=None,
        host="127.0.0.1",
        port=8700,
        workers=1,
        drain=0,
        trusted_proxies=(),
        outbound_allow=OutboundAllow(),
        outbound_proxy=None,
        ca_file=None,
        log_format="json",
        dpop_nonce="off",
        audit_retention=None,
        audit_checkpoint=None,
        log_level="info",
    )


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("issuer", "http://localhost:8700", "http://localhost:8700"),
        ("data_dir", "/srv/idjag", Path("/srv/idjag")),
        ("database_url", "sqlite:////srv/a b%.db", "sqlite:////srv/a b%.db"),
        ("kek_file", "/run/secrets/kek", Path("/run/secrets/kek")),
        ("kek", KEK, KEK),
        ("host", "0.0.0.0", "0.0.0.0"),  # noqa: S104 - parsed, not bound
        ("host", "::", "::"),
        ("host", "idp-1.internal", "idp-1.internal"),
        ("port", "1", 1),
        ("port", "65535", 65535),
        ("workers", "1", 1),
        ("trusted_proxies", "10.0.0.1, fd00::/8", (ip_network("10.0.0.1"), ip_network("fd00::/8"))),
        ("outbound_allow", "idp.internal,10.1.0.0/16", OutboundAllow.parse("10.1.0.0/16 IDP.internal")),
        ("outbound_proxy", "http://proxy.internal:3128", Proxy.parse("http://proxy.internal:3128/")),
        ("ca_file", "/etc/ca.pem", Path("/etc/ca.pem")),
        ("logo", "/etc/logo.svg", Path("/etc/logo.svg")),
        ("log_format", "console", "console"),
        ("dpop_nonce", "required", "required"),
        ("audit_retention", "400d", 400 * 86_400),
        ("audit_checkpoint", "/var/lib/heads", Path("/var/lib/heads")),
        ("audit_checkpoint", "-", "stderr"),
        ("audit_checkpoint", "stderr", "stderr"),
        ("log_level", "debug", "debug"),
    ],
)
def test_every_setting_is_read_from_the_environment_and_from_a_file(
    tmp_path: Path, name: str, text: str, expected: object
) -> None:
    settings = Settings.load({**ENVIRON, f"IDJAG_{name.upper()}": text})
    assert getattr(settings, name) == expected
    config = tmp_path / "idjag.toml"
    config.write_text(f"{name} = '{text}'", "utf-8")
    environ = {key: value for key, value in ENVIRON.items() if key != "IDJAG_ISSUER" or name != "issuer"}
    assert getattr(Settings.load(environ, config), name) == expected


def test_a_file_may_use_numbers_and_lists(tmp_path: Path) -> None:
    config = tmp_path / "idjag.toml"
    config.write_text('port = 443\ntrusted_proxies = ["10.0.0.1", "10.0.0.2"]\n', "utf-8")
    settings = Settings.load(ENVIRON, config)
    assert settings.port == 443
    assert settings.trusted_proxies == (ip_network("10.0.0.1"), ip_network("10.0.0.2"))


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = tmp_path / "idjag.toml"
    config.write_text('port = 1\nlog_level = "debug"\n', "utf-8")
    settings = Settings.load({**ENVIRON, "IDJAG_PORT": "2"}, config)
    assert (settings.port, settings.log_level) == (2, "debug")


INVALID: list[Any] = [
    ("ISSUER", "https://user:s3cret@idp.acme.example"),
    ("ISSUER", "http://idp.acme.example"),
    ("DATA_DIR", "/srv\0"),
    ("DATABASE_URL", "/srv/idjag.db"),
    ("DATABASE_URL", "sqlite://"),
    ("DATABASE_URL", "sqlite:///"),
    ("DATABASE_URL", "sqlite:///:memory:"),
    ("DATABASE_URL", "sqlite:////srv/idjag.db?mode=ro"),
    ("DATABASE_URL", "mysql://idjag:s3cret@db.example/idjag"),
    ("DATABASE_URL", "postgresql+asyncpg://idjag:s3cret@db.example/idjag"),
    ("DATABASE_URL", "postgresql://"),
    ("KEK", "s3cret"),
    ("KEK", "00" * 32),
    ("HOST", "10.0.0.0/8"),
    ("HOST", "10.0.0.0/32"),
    ("HOST", "a b"),
    ("HOST", "http://localhost"),
    ("PORT", "0"),
    ("PORT", "65536"),
    ("PORT", "-1"),
    ("PORT", "+1"),
    ("PORT", "80.0"),
    ("PORT", "0x50"),
    ("PORT", "٣"),
    ("PORT", " 80"),
    ("PORT", "9" * 5000),
    ("WORKERS", "0"),
    ("WORKERS", "two"),
    ("WORKERS", "257"),
    ("TRUSTED_PROXIES", "proxy.internal"),
    ("TRUSTED_PROXIES", "*"),
    ("TRUSTED_PROXIES", "0.0.0.0/0"),
    ("TRUSTED_PROXIES", "::/0"),
    ("TRUSTED_PROXIES", "10.0.0.1/8"),
    ("TRUSTED_PROXIES", "10.0.0.1,"),
    ("TRUSTED_PROXIES", "127.1"),
    ("OUTBOUND_ALLOW", "*.internal"),
    ("OUTBOUND_ALLOW", "https://idp.internal"),
    ("OUTBOUND_ALLOW", "idp.internal:443"),
    ("OUTBOUND_ALLOW", "127.1"),
    ("OUTBOUND_ALLOW", "10.0.0.1/8"),
    ("OUTBOUND_ALLOW", "0.0.0.0/0"),
    ("OUTBOUND_ALLOW", "::/0"),
    ("OUTBOUND_PROXY", "proxy.internal:3128"),
    ("OUTBOUND_PROXY", "https://proxy.internal:3128"),
    ("OUTBOUND_PROXY", "http://user:s3cret@proxy.internal:3128"),
    ("OUTBOUND_PROXY", "http://proxy.internal:3128/path"),
    ("OUTBOUND_PROXY", "socks5://proxy.internal:1080"),
    ("LOG_FORMAT", "xml"),
    ("LOG_FORMAT", "JSON"),
    ("LOG_LEVEL", "trace"),
    *(
        (name, "")
        for name in [
            *("ISSUER", "DATA_DIR", "DATABASE_URL", "KEK_FILE", "KEK", "HOST", "PORT", "WORKERS"),
            *("TRUSTED_PROXIES", "OUTBOUND_ALLOW", "OUTBOUND_PROXY", "CA_FILE", "LOG_FORMAT", "LOG_LEVEL"),
        ]
    ),
]


@pytest.mark.parametrize(("name", "text"), INVALID)
def test_an_invalid_value_stops_the_start_and_is_named(name: str, text: str) -> None:
    message = _refused({**ENVIRON, f"IDJAG_{name}": text})
    assert message.startswith(f"IDJAG_{name} ")
    assert "s3cret" not in message
    assert len(message) < 250
    assert message.isprintable()


def test_everything_wrong_is_in_one_message(tmp_path: Path) -> None:
    config = tmp_path / "idjag.toml"
    config.write_text("log_level = 'loud'\nworkers = 2.5\nnest = {a = 1}\n", "utf-8")
    message = _refused(
        {"IDJAG_PORT": "x", "IDJAG_HOST": "a b", "IDJAG_PRT": "1", "IDJAG_METRICS": "on"}, config
    )
    assert message.split("; ") == [
        f"'nest' in {config} is not a setting",
        "'IDJAG_PRT' is not a setting, did you mean IDJAG_PORT?",
        "IDJAG_METRICS is not built",
        "IDJAG_HOST has 'a b', which is neither host name nor address nor network",
        "IDJAG_PORT must be 1 to 65535, got 'x'",
        f"workers in {config} must be a text, a whole number or a list of texts",
        f"log_level in {config} must be one of debug, info, warning, error, got 'loud'",
        "IDJAG_ISSUER is missing: the base URL that clients use, as https://idp.example.com",
        "IDJAG_DATA_DIR is missing, and there is no HOME to keep data under",
    ]


@pytest.mark.parametrize("name", ["IDJAG_ISSUR", "IDJAG_Port", "IDJAG_", "IDJAG_CONFIG", "IDJAG_X\nY"])
def test_an_unknown_name_stops_the_start(name: str) -> None:
    message = _refused({**ENVIRON, name: "s3cret"})
    assert message.startswith(ascii(name))
    assert "is not a setting" in message
    assert "s3cret" not in message


def test_other_programs_variables_are_none_of_our_business() -> None:
    assert Settings.load({**ENVIRON, "IDJAGUAR": "x", "idjag_port": "x"}) == Settings.load(ENVIRON)


def test_an_unknown_name_in_the_file_stops_the_start(tmp_path: Path) -> None:
    config = tmp_path / "idjag.toml"
    config.write_text("IDJAG_PORT = 1\n", "utf-8")
    assert _refused(ENVIRON, config) == f"'IDJAG_PORT' in {config} is not a setting, did you mean port?"


@pytest.mark.parametrize("name", ["METRICS"])
@pytest.mark.parametrize("text", ["x", ""])
def test_what_is_not_built_is_refused_and_never_ignored(name: str, text: str) -> None:
    assert _refused({**ENVIRON, f"IDJAG_{name}": text}) == f"IDJAG_{name} is not built"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"port = ", "is not TOML"),
        (b"port = 1\nport = 2\n", "is not TOML"),
        (b"port = " + b"9" * 5000, "is not TOML"),
        (b"\xff", "not UTF-8"),
        (None, "No such file"),
    ],
)
def test_a_file_that_is_not_toml_is_refused_by_name(tmp_path: Path, content: bytes | None, why: str) -> None:
    config = tmp_path / "idjag.toml"
    if content is not None:
        config.write_bytes(content)
    message = _refused(ENVIRON, config)
    assert message.startswith(str(config))
    assert why in message


@pytest.mark.parametrize(
    "value", ["true", "2.0", f"0x{'f' * 5000}", "2026-01-01", "[1]", '["a,b"]', "{a = 1}", "[['a']]"]
)
def test_a_value_of_another_type_is_refused(tmp_path: Path, value: str) -> None:
    config = tmp_path / "idjag.toml"
    config.write_text(f"trusted_proxies = {value}\n", "utf-8")
    assert _refused(ENVIRON, config).startswith(f"trusted_proxies in {config} must be a text")


CERTIFICATES = {"IDJAG_CLIENT_CERTIFICATE_HEADER": "Client-Cert", "IDJAG_TRUSTED_PROXIES": "10.0.0.1"}


def test_the_headers_of_client_certificates_are_named_and_believed_from_proxies_alone() -> None:
    """CAU-08: nothing is read before an operator says which header, and from whom."""
    unverified = {"IDJAG_CLIENT_CERTIFICATE_UNVERIFIED_HEADER": "X-Any-Cert"}
    both = Settings.load({**ENVIRON, **CERTIFICATES, **unverified}).certificate_headers
    assert both == CertificateHeaders("client-cert", "x-any-cert")
    assert Settings.load(ENVIRON).certificate_headers.names == ()
    for name in (*CERTIFICATES, *unverified):
        alone = {each: text for each, text in {**CERTIFICATES, **unverified}.items() if each != name}
        if name == "IDJAG_TRUSTED_PROXIES":
            assert "needs IDJAG_TRUSTED_PROXIES" in _refused({**ENVIRON, **alone})
        else:
            assert len(Settings.load({**ENVIRON, **alone}).certificate_headers.names) == 1
    same = {"IDJAG_CLIENT_CERTIFICATE_UNVERIFIED_HEADER": "client-cert"}
    assert "must be another" in _refused({**ENVIRON, **CERTIFICATES, **same})


def test_certificates_may_be_asked_for_in_another_place() -> None:
    """CAU-08: where browsers never come; only an https URL, and only where certificates are told."""
    there = {"IDJAG_MTLS_URL": "https://idp.acme.example:8443"}
    assert Settings.load({**ENVIRON, **CERTIFICATES, **there}).mtls_url == there["IDJAG_MTLS_URL"]
    assert "IDJAG_MTLS_URL needs IDJAG_CLIENT_CERTIFICATE_HEADER" in _refused({**ENVIRON, **there})
    assert "IDJAG_MTLS_URL must be https" in _refused(
        {**ENVIRON, **CERTIFICATES, "IDJAG_MTLS_URL": "http://idp.acme.example:8443"}
    )


@pytest.mark.parametrize("text", ["Authorization", "cookie", "X-Forwarded-For", "DPoP", "a b", "a:", "é"])
def test_a_header_that_clients_fill_tells_no_certificate(text: str) -> None:
    """CAU-08: refused at the start; the positive control stands above."""
    message = _refused({**ENVIRON, **CERTIFICATES, "IDJAG_CLIENT_CERTIFICATE_HEADER": text})
    assert message.startswith("IDJAG_CLIENT_CERTIFICATE_HEADER must be the name of a header")


def test_several_workers_are_refused_for_sqlite_with_the_reason() -> None:
    """Architecture section 4, 6."""
    message = _refused({**ENVIRON, "IDJAG_WORKERS": "2"})
    assert message.startswith(
        "IDJAG_WORKERS must be 1 with SQLite, got 2: one process writes to it at a time"
    )
    assert "PostgreSQL" in message
    assert Settings.load({**ENVIRON, **POSTGRESQL, "IDJAG_WORKERS": "2"}).workers == 2


def test_a_file_is_named_by_sqlite_alone() -> None:
    assert sqlite_path(Settings.load({**ENVIRON, **POSTGRESQL}).database_url) is None
    assert sqlite_path(Settings.load(ENVIRON).database_url) == Path("/home/op/.local/share/idjag/idjag.db")


def test_postgresql_needs_a_key_since_none_is_ever_made_for_it() -> None:
    """Architecture section 7."""
    environ = {**ENVIRON, "IDJAG_DATABASE_URL": POSTGRESQL["IDJAG_DATABASE_URL"]}
    assert _refused(environ).startswith("IDJAG_KEK_FILE is missing")
    assert Settings.load({**environ, "IDJAG_KEK": KEK}).kek == KEK


def test_a_key_in_the_environment_warns_and_takes_the_place_of_the_file() -> None:
    settings = Settings.load({**ENVIRON, "IDJAG_KEK": KEK})
    assert settings.kek_file is None
    assert [warning.partition(":")[0] for warning in settings.warnings] == ["IDJAG_KEK"]
    assert Settings.load(ENVIRON).warnings == ()


def test_two_keys_are_one_too_many() -> None:
    environ = {**ENVIRON, "IDJAG_KEK": KEK, "IDJAG_KEK_FILE": "/run/kek"}
    assert _refused(environ) == "IDJAG_KEK and IDJAG_KEK_FILE are both set: keep the file"


@pytest.mark.parametrize(
    ("issuer", "loopback"),
    [(ISSUER, False), ("http://localhost:8700", True), ("https://127.0.0.1:8700", True)],
)
def test_loopback_may_be_fetched_only_while_the_issuer_is_there(issuer: str, *, loopback: bool) -> None:
    """Contract section 3."""
    environ = {**ENVIRON, "IDJAG_ISSUER": issuer, "IDJAG_OUTBOUND_ALLOW": "idp.internal"}
    allowed = OutboundAllow(frozenset({"idp.internal"}), loopback=loopback)
    assert Settings.load(environ).outbound == allowed


def test_no_secret_shows() -> None:
    settings = Settings.load({**ENVIRON, **POSTGRESQL, "IDJAG_LOG_LEVEL": "debug"})
    assert "s3cret" not in repr(settings)
    assert KEK not in repr(Settings.load({**ENVIRON, "IDJAG_KEK": KEK}))
    assert "debug" in repr(settings)


def test_paths_are_made_absolute_at_once() -> None:
    settings = Settings.load(
        {**ENVIRON, "IDJAG_DATA_DIR": "data", "IDJAG_DATABASE_URL": "sqlite:///idjag.db"}
    )
    assert settings.data_dir == Path.cwd() / "data"
    assert sqlite_path(settings.database_url) == Path.cwd() / "idjag.db"


def test_the_data_are_kept_where_the_system_says() -> None:
    home = {**ENVIRON, "XDG_DATA_HOME": "/data/home"}
    assert Settings.load(home).data_dir == Path("/data/home/idjag")
    assert Settings.load({**home, "XDG_DATA_HOME": "relative"}).data_dir == Settings.load(ENVIRON).data_dir
