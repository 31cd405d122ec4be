"""Export, then apply elsewhere: the same decisions, the same subs, and never a secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from idjag.idp.catalog import secret_hash
from idjag.idp.state.cases import person_of, policy_of
from idjag.idp.state.current import load
from idjag.idp.state.export import NotExportable, export
from idjag.idp.state.plan import Plan, Problems, plan
from idjag.ledger.entry import Delete, Insert
from idjag.policy.decide import decide
from idjag.policy.question import Question, SignIn
from idjag.yaml_file import read as read_yaml
from tests.idp.state.parts import EXAMPLE, ISSUER, NOW, SECRETS, Acme, in_memory, source

# What YAML readers disagree about, and what no reader may take for structure.
TRICKY = [
    *(
        "1e5",
        "12e3",
        "0x1f",
        "010",
        "yes",
        "no",
        "null",
        "~",
        "true",
        "-",
        "- a",
        "#",
        "a: b",
        "a #b",
        "1_000",
    ),
    *(
        "2027-06-30",
        "12:30",
        "Infinity",
        ".5",
        "+1",
        "NaN",
        "=",
        "<<",
        "&a",
        "*a",
        "!t",
        "%x",
        "@x",
        "`x",
        "?",
    ),
    *("'", '"', "\\", "{}", "[", "ü", "日本", "🙂", "a, b", "|", ">"),
]


def exported(acme: Acme) -> str:
    return export(acme.current())


def elsewhere(text: str) -> dict[str, Any]:
    """The exported file as an administrator completes it: where the secrets come from."""
    value: Any = read_yaml(text, source="export").value
    for app in value["apps"]:
        if "secret" in app["auth"]:
            app["auth"]["secret"] = "env:WIKI_SECRET"
    return value  # type: ignore[no-any-return]


def as_it_is(acme: Acme) -> Plan:
    """A plan of nothing: the state as decisions see it."""
    state = source({"version": 1}).state
    return plan(load(acme.ledger, acme.tenant, everyone=True), state, now=NOW, new_id=acme.new_id)


def answers(acme: Acme) -> Iterator[tuple[object, ...]]:
    """Every app for every person at every resource app, in words that mean the same everywhere."""
    planned = as_it_is(acme)
    policy, result = policy_of(planned), planned.result
    sign_ins = (SignIn(), SignIn(amr=frozenset({"mfa"}), auth_time=NOW))
    named = product(result.people.items(), result.apps.items(), result.resource_apps.items(), sign_ins)
    for (username, row), (app, app_row), (target, target_row), sign_in in named:
        person = person_of(planned, row)
        question = Question(str(app_row["id"]), str(target_row["id"]), person, NOW, sign_in)
        decision = decide(policy, question)
        subs = dict(planned.result.subs.get(person.id, {}))
        granted = (decision.scopes, decision.resources, decision.lifetime)
        yield username, app, target, decision.reason, *granted, subs, [rule.key for rule in decision.rules]


def test_an_export_applies_to_its_own_state_without_changes(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    assert not acme.apply(exported(acme)).applied
    assert not acme.apply(exported(acme), prune=True).applied


def test_an_export_applied_elsewhere_gives_the_same_answers_and_subs(acme: Acme) -> None:
    """Contract section 4."""
    acme.apply(EXAMPLE)
    person = acme.row("person")["id"]
    sub: Any = {"id": "s", "tenant_id": acme.tenant, "person_id": person, "sector": "a.example", "sub": "pw"}
    acme.write(Insert("subject", sub))
    with in_memory() as other:
        other.apply(elsewhere(exported(acme)))
        assert list(answers(other)) == list(answers(acme))
        assert exported(other) == exported(acme)
        assert any(answer[3] is None for answer in answers(other))


def test_no_secret_is_exported(acme: Acme) -> None:
    """Attack case 187: no secret, no hash, no reference to one."""
    acme.apply(EXAMPLE)
    text = exported(acme)
    secret = SECRETS["env:WIKI_SECRET"]
    for unwanted in (secret, secret_hash(secret), "$argon2id$", "WIKI_SECRET", "ALICE_PASSWORD"):
        assert unwanted not in text
    assert "secret: null" in text


def test_an_exported_secret_keeps_what_is_there_and_is_refused_where_nothing_is(acme: Acme) -> None:
    """docs/decisions/0010-export-of-secrets.md."""
    acme.apply(EXAMPLE)
    before = acme.row("app", key="wiki")["secrets"]
    acme.apply(exported(acme).replace("name: Wiki", "name: Wiki 2"))
    assert acme.row("app", key="wiki")["secrets"] == before
    with in_memory() as other, pytest.raises(Problems) as caught:
        other.apply(exported(acme))
    assert [str(problem) for problem in caught.value.problems] == [
        "app chat-rp: has no secret yet: say where it comes from, with env:NAME or file:PATH",
        "app wiki: has no secret yet: say where it comes from, with env:NAME or file:PATH",
    ]


def test_what_no_file_can_say_is_not_left_out_in_silence(acme: Acme) -> None:
    acme.apply(EXAMPLE)
    engineering = acme.row("person_group", name="engineering")
    acme.write(Delete("person_group", {"id": engineering["id"]}))
    with pytest.raises(NotExportable, match="connection wiki-chat names a group or person that is gone"):
        exported(acme)


def _reads(name: str) -> bool:
    try:
        source({"version": 1, "groups": [{"name": name}]})
    except Exception:  # noqa: BLE001 - any refusal will do
        return False
    return True


NAMES = st.sampled_from(TRICKY) | st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(
    _reads
)


@st.composite
def states(draw: st.DrawFn) -> dict[str, Any]:
    """Valid states with awkward names."""
    groups = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    users = [
        {
            "username": f"u{number}",
            "groups": draw(st.lists(st.sampled_from(groups), unique=True)),
            "name": draw(st.just("") | NAMES),
            "attributes": draw(st.dictionaries(st.sampled_from(["a", "b"]), NAMES)),
            "status": draw(st.sampled_from(["active", "disabled"])),
        }
        for number in range(draw(st.integers(1, 3)))
    ]
    who = st.one_of(
        st.just({"everyone": True}),
        st.fixed_dictionaries({"groups": st.lists(st.sampled_from(groups), min_size=1, unique=True)}),
        st.just({"users": ["u0"]}),
        st.just({"everyone": True, "except": {"users": ["u0"]}}),
    )
    scopes = st.lists(st.sampled_from(["a", "b", "1e5", "yes"]), min_size=1, unique=True)
    narrowed = st.one_of(st.just("any"), scopes, st.fixed_dictionaries({"except": scopes}))
    rules = [
        {
            "id": f"r{number}",
            "who": draw(who),
            "scopes": draw(narrowed),
            "conditions": draw(
                st.sampled_from(
                    [
                        {},
                        {"amr": ["mfa"]},
                        {"max_auth_age": "90s", "key_bound": True},
                        {"hours": {"tz": "UTC", "from": "08:00", "to": "24:00"}, "networks": ["10.0.0.0/8"]},
                    ]
                )
            ),
        }
        for number in range(draw(st.integers(0, 3)))
    ]
    app = {"auth": {"secret": "env:WIKI_SECRET"}, "grants": ["token_exchange"], "assigned": draw(who)}
    target = {"id": "t", "name": draw(NAMES), "issuer": "https://t.example", "scopes": draw(scopes)}
    connection = {"id": "c", "from": "1e5", "to": "t", "client_id": draw(st.sampled_from(["12e3", "x"]))}
    guardrails = [{"id": "g", "who": draw(who), "scopes": draw(scopes)}] if draw(st.booleans()) else []
    return {
        "version": 1,
        "groups": [{"name": name} for name in groups],
        "users": users,
        "apps": [{"id": "1e5", "name": draw(NAMES)} | app],
        "resource_apps": [target],
        "connections": [connection | {"reason": draw(st.just("") | NAMES), "rules": rules}],
        "guardrails": guardrails,
    }


@settings(max_examples=60)
@given(states())
def test_any_state_comes_back_as_it_was(state: dict[str, Any]) -> None:
    """Export and apply are inverse: no changes here, equal answers there, the same text again."""
    with in_memory() as acme, in_memory() as other:
        acme.apply(state)
        text = exported(acme)
        assert not acme.apply(text).applied
        other.apply(elsewhere(text))
        assert exported(other) == text
        assert list(answers(other)) == list(answers(acme))


def test_our_own_issuer_is_not_in_an_export(acme: Acme) -> None:
    """The same file goes to staging and to production."""
    acme.apply(EXAMPLE)
    assert ISSUER not in exported(acme)
    assert json.dumps(acme.tenant) not in exported(acme)
