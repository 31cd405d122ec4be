"""Two addresses held against each other: equal byte for byte, a near miss, or alike to the eye alone."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["difference", "foreign_letters", "look_alike", "written_in_ascii"]

_PORTS: Final = {"https": "443", "http": "80"}
_MOST_NAMED = 3
# Letters that most fonts draw like a Latin one, and pairs of Latin letters that are read as one.
_DRAWN_LIKE: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u04bb\u0501\u051b\u0432\u043d\u043a\u043c\u0442"
    "\u03b1\u03bf\u03c1\u03bd\u03b9\u03ba\u03c5\u0131\u0261\u026501|",
    "aeopcyxijshdqbhkmtaopvikuigholl",
)
_READ_AS_ONE: Final = (("rn", "m"), ("vv", "w"), ("cl", "d"))


def difference(typed: str, said: str) -> str:
    """In what two addresses differ that probably mean one thing; "" when they are equal or mean two."""
    one, other = _parts(typed), _parts(said)
    if typed == said or one.loose != other.loose:
        return ""
    found = {
        "http and https": one.scheme.lower() != other.scheme.lower(),
        "upper and lower case": one.cased != other.cased,
        "a port that is written although it is the usual one": one.port != other.port,
        "a final slash": one.path.endswith("/") != other.path.endswith("/"),
    }
    return " and ".join(what for what, differs in found.items() if differs)


def look_alike(one: str, other: str) -> bool:
    """Whether two hosts are different and look the same."""
    return one != other and _drawn(one) == _drawn(other)


def foreign_letters(host: str) -> str:
    """The names of the letters of an international host name; "" when it is a plain one."""
    letters = dict.fromkeys(each for each in _unicode(host) if not each.isascii())
    return ", ".join(unicodedata.name(each, "a letter without a name") for each in [*letters][:_MOST_NAMED])


def written_in_ascii(address: str) -> str:
    """An address with an international host name, as it goes over the wire; "" when there is no such form."""
    try:
        host = urlsplit(address).hostname or ""
        written = host.encode("idna").decode()
    except (UnicodeError, ValueError):
        return ""
    scheme, separator, rest = address.partition("://")
    tail = rest[len(host) :]
    return f"{scheme}://{written}{tail}" if separator and tail.isascii() else ""


@dataclass(frozen=True, slots=True)
class _Parts:
    scheme: str
    host: str
    port: str
    path: str

    @property
    def loose(self) -> tuple[str, str, str]:
        """Without all that people mistake: scheme, case, the usual port, a final slash."""
        usual = self.port in ("", _PORTS.get(self.scheme.lower(), ""))
        return self.host.lower(), "" if usual else self.port, self.path.lower().removesuffix("/")

    @property
    def cased(self) -> tuple[str, str]:
        """What may differ in case alone, once the rest is equal."""
        return self.host, self.path.removesuffix("/")


def _parts(address: str) -> _Parts:
    scheme, _, rest = address.partition("://")
    authority, slash, path = rest.partition("/")
    host, colon, port = authority.rpartition(":")
    if not colon or not port.isdigit():
        host, port = authority, ""
    return _Parts(scheme, host, port, slash + path)


def _unicode(host: str) -> str:
    labels = []
    for label in host.lower().split("."):
        try:
            labels.append(label[4:].encode("ascii").decode("punycode") if label.startswith("xn--") else label)
        except (UnicodeError, OverflowError):
            labels.append(label)
    return ".".join(labels)


def _drawn(host: str) -> str:
    # accents are looked over easily, so they do not tell two names apart
    plain = unicodedata.normalize("NFKD", _unicode(host))
    drawn = "".join(each for each in plain if not unicodedata.combining(each)).translate(_DRAWN_LIKE)
    for pair, read in _READ_AS_ONE:
        drawn = drawn.replace(pair, read)
    return drawn
