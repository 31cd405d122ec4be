"""The words of which sentences about the policy are made: people, apps, times, sign-ins, windows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from idjag.policy.model import Conditions, Hours, Network, Person, Who

__all__ = [
    "Names",
    "ago",
    "all_of",
    "any_of",
    "conditions_words",
    "hours_words",
    "last",
    "levels",
    "local_time",
    "methods",
    "moment",
    "networks_words",
    "span",
    "who_words",
]

_METHODS = {  # RFC 8176
    "face": "face recognition",
    "fpt": "a fingerprint",
    "hwk": "a hardware key",
    "mfa": "MFA",
    "otp": "a one-time code",
    "pin": "a PIN",
    "pwd": "a password",
    "sms": "a text message",
    "swk": "a software key",
}
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OUR_LEVELS = "urn:idjag:acr:"
_UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


@dataclass(frozen=True, slots=True)
class Names:
    """What people call groups and people, by id; an id without a name is shown as it is."""

    groups: Mapping[str, str] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)

    def group(self, group: str) -> str:
        """The name of a group."""
        return self.groups.get(group, group)

    def person(self, person: str) -> str:
        """The user name of a person by id."""
        return self.people.get(person, person)

    def of(self, person: Person | None) -> str:
        """The user name of a person whose facts are at hand."""
        return (person.username or self.person(person.id)) if person else "this person"


def all_of(words: Iterable[str]) -> str:
    """One, two and three, in alphabetical order; empty for none."""
    return _joined(words, "and")


def any_of(words: Iterable[str]) -> str:
    """One, two or three, in alphabetical order; empty for none."""
    return _joined(words, "or")


def _joined(words: Iterable[str], link: str) -> str:
    *first, final = sorted(words) or [""]
    return f"{', '.join(first)} {link} {final}" if first else final


def span(seconds: int) -> str:
    """A length of time in the largest unit that says it exactly: 8 hours, 90 minutes."""
    size, unit = next((size, unit) for size, unit in _UNITS if seconds % size == 0)
    count = seconds // size
    return f"{count} {unit}" if count == 1 else f"{count} {unit}s"


def last(seconds: int) -> str:
    """The last 8 hours; the last hour."""
    return f"the last {span(seconds).removeprefix('1 ')}"


def ago(seconds: int) -> str:
    """How long ago, to the full minute from one minute on."""
    if seconds == 0:
        return "just now"
    return f"{span(seconds if seconds < 60 else seconds // 60 * 60)} ago"


def moment(at: int) -> str:
    """A NumericDate in UTC, to the minute."""
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def who_words(who: Who, names: Names) -> str:
    """Whom it means: people in engineering and alice, except people in contractors."""
    if who.everyone:
        meant = "everyone"
    elif words := _people(who.groups, who.people, names):
        meant = words
    else:
        return "nobody"
    exceptions = _people(who.except_groups, who.except_people, names)
    return f"{meant} except {exceptions}" if exceptions else meant


def _people(groups: Iterable[str], people: Iterable[str], names: Names) -> str:
    words = [f"people in {any_of(map(names.group, groups))}"] if groups else []
    words += [all_of(map(names.person, people))] if people else []
    return " and ".join(words)


def levels(acr: Iterable[str]) -> str:
    """At level A or B; ours without what all of them begin with."""
    return f"at level {any_of(one.removeprefix(_OUR_LEVELS) for one in acr)}"


def methods(amr: Iterable[str]) -> str:
    """With MFA and a password."""
    return f"with {all_of(_METHODS.get(method, method) for method in amr)}"


def networks_words(networks: Iterable[Network]) -> str:
    """From 192.0.2.0/24 or 2001:db8::/32."""
    return f"from {any_of(map(str, networks))}"


def hours_words(hours: Hours) -> str:
    """Monday to Friday from 08:00 to 18:00 (Europe/Berlin)."""
    if not hours.days:
        return f"never (the time zone {hours.zone} is not known here)"
    next_day = " the next day" if hours.end <= hours.start else ""
    window = f"from {_clock(hours.start)} to {_clock(hours.end)}{next_day}"
    return f"{_days(hours.days)} {window} ({hours.zone})"


def local_time(at: int, hours: Hours) -> str:
    """What day and time it is in the zone of a window."""
    local = datetime.fromtimestamp(at, hours.tz)
    return f"{_DAYS[local.weekday()]} {local:%H:%M}"


def _days(days: frozenset[int]) -> str:
    if len(days) == len(_DAYS):
        return "every day"
    named, first, final = sorted(days), min(days), max(days)
    if len(named) > 2 and final - first == len(named) - 1:
        return f"{_DAYS[first]} to {_DAYS[final]}"
    *others, end = (_DAYS[day] for day in named)
    return f"{', '.join(others)} and {end}" if others else end


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def conditions_words(conditions: Conditions) -> str:
    """What follows the people in the sentence of a rule; empty without conditions."""
    return _sign_in_words(conditions) + _moment_words(conditions)


def _sign_in_words(conditions: Conditions) -> str:
    words = [
        levels(conditions.acr) if conditions.acr else "",
        methods(conditions.amr) if conditions.amr else "",
        networks_words(conditions.signin_networks) if conditions.signin_networks else "",
    ]
    words = [word for word in words if word]
    if conditions.max_auth_age is not None:
        words.append(f"{'in' if words else 'during'} {last(conditions.max_auth_age)}")
    return f" who signed in {' '.join(words)}" if words else ""


def _moment_words(conditions: Conditions) -> str:
    words = [
        hours_words(conditions.hours) if conditions.hours else "",
        f"if the app calls {networks_words(conditions.networks)}" if conditions.networks else "",
        "if the app proves its key" if conditions.key_bound else "",
    ]
    return "".join(f", {word}" for word in words if word)
