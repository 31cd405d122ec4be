"""`idjag ask` as people and pipelines call it: what is printed, the exit code, and no trace in the log."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.deployment import STATE, Deployment, deployed

QUESTION = (
    "ask",
    "--user",
    "alice",
    "--from",
    "wiki",
    "--to",
    "chat",
    "--scope",
    "chat.read",
    "--amr",
    "pwd",
)


@pytest.fixture
def acme(tmp_path: Path) -> Deployment:
    return deployed(tmp_path)


def but(*changes: str) -> tuple[str, ...]:
    """The question that is allowed, with some options given another value or added."""
    asked = dict(zip(QUESTION[1::2], QUESTION[2::2], strict=True))
    asked |= dict(zip(changes[::2], changes[1::2], strict=True))
    return ("ask", *(word for pair in asked.items() for word in pair))


def test_an_allowed_question_is_exit_0_with_the_grant_and_the_rule(acme: Deployment) -> None:
    said = acme.run(*QUESTION)
    assert (said.code, said.err) == (0, "")
    assert said.out == (
        "Allowed: Wiki gets chat.read at all of Chat for alice, in an ID-JAG that lives 5 minutes\n"
        "  [ ] guardrail contractors-never does not apply:"
        " it is for people in contractors, and alice is not meant\n"
        "  [x] rule engineers-read: Wiki may read chat.read for people in engineering"
        " who signed in with a password in the last 8 hours\n"
    )


def test_a_denied_question_is_exit_1_with_the_smallest_change(acme: Deployment) -> None:
    said = acme.run(*but("--user", "bob"))
    assert (said.code, said.err) == (1, "")
    assert said.out.splitlines() == [
        "Denied: no rule of the connection wiki-chat allows bob anything",
        "  [ ] guardrail contractors-never does not apply:"
        " it is for people in contractors, and bob is not meant",
        "  [ ] rule engineers-read does not apply: it is for people in engineering, and bob is not meant",
        "The smallest change that would allow it:",
        "  add bob to the group engineering",
    ]


def test_the_answer_for_scripts(acme: Deployment) -> None:
    answer = acme.run(*QUESTION, "--json").json
    assert answer["policy_seq"] > 0
    del answer["policy_seq"]
    assert answer == {
        "decision": "allow",
        "reason": None,
        "error": None,
        "headline": "Allowed: Wiki gets chat.read at all of Chat for alice,"
        " in an ID-JAG that lives 5 minutes",
        "scopes": ["chat.read"],
        "resources": [],
        "lifetime": 300,
        "rules": ["engineers-read"],
        "guardrails": [],
        "step_up": None,
        "pairs": [["chat.read", "https://api.chat.example/"]],
        "trace": [
            {
                "kind": "guardrail",
                "key": "contractors-never",
                "matched": False,
                "text": "does not apply: it is for people in contractors, and alice is not meant",
            },
            {
                "kind": "rule",
                "key": "engineers-read",
                "matched": True,
                "text": "Wiki may read chat.read for people in engineering"
                " who signed in with a password in the last 8 hours",
            },
        ],
        "obstacles": [],
        "options": [],
        "claims": [],
        "notes": [],
    }


def test_it_says_by_name_what_the_resource_app_would_be_told(acme: Deployment) -> None:
    """JAG-27, JAG-26: what this person has, and never what it is."""
    told = "    release: [email, name]\n    aud_sub: {attribute: chat_id}\n    claims:\n"
    told += "      department: {attribute: dept}\n      rank: {attribute: rank}\n"
    text = STATE.replace('    aliases: ["urn:acme:chat"]\n', f'    aliases: ["urn:acme:chat"]\n{told}')
    text = text.replace(
        "{username: alice, groups: [engineering]}",
        "{username: alice, groups: [engineering], name: Alice, attributes: {dept: sales, chat_id: U1}}",
    )
    assert acme.apply(text).code == 0
    said = acme.run(*QUESTION)
    assert "The resource app would be told: name, aud_sub, department\n" in said.out
    assert "sales" not in said.out
    assert acme.run(*QUESTION, "--json").json["claims"] == ["name", "aud_sub", "department"]


def test_a_denial_for_scripts_says_what_the_client_would_read(acme: Deployment) -> None:
    said = acme.run(*but("--scope", "chat.write"), "--json")
    assert said.code == 1
    answer = said.json
    assert (answer["decision"], answer["reason"], answer["error"]) == (
        "deny",
        "scope_not_allowed",
        "invalid_scope",
    )
    assert answer["options"][0] == [{"of": "request", "text": "ask for the scope chat.read"}]


def test_a_step_up_is_a_denial_that_a_sign_in_turns(acme: Deployment) -> None:
    """XCH-60: as RFC 9470 names it."""
    said = acme.run(*but("--auth-age", "9h"), "--json")
    assert said.code == 1
    assert said.json["decision"] == "step_up"
    assert said.json["step_up"] == {"acr_values": [], "max_age": 8 * 3600}
    assert acme.run(*but("--auth-age", "8h")).code == 0


def test_what_is_not_said_is_missing_and_fails_a_condition(acme: Deployment) -> None:
    """The sign-in is just now, and says neither how nor at which level."""
    assert acme.run(*QUESTION[:-2]).code == 1
    assert acme.run(*QUESTION).code == 0


def test_several_scopes_and_resources(acme: Deployment) -> None:
    """Once with several values, several times, or as the parameter is written."""
    base = but("--from", "notes")[:-4]
    for scopes in (
        ("--scope", "chat.read", "chat.write"),
        ("--scope", "chat.read", "--scope", "chat.write"),
        ("--scope", "chat.read chat.write"),
    ):
        assert acme.run(*base, *scopes, "--json").json["scopes"] == ["chat.read", "chat.write"]
    resource = "https://API.chat.example"
    answer = acme.run(*QUESTION, "--resource", resource, "--json").json
    assert answer["resources"] == ["https://api.chat.example/"]


def test_addresses_and_time_are_facts_of_the_question(acme: Deployment) -> None:
    narrowed = STATE.replace(
        "conditions: {amr: [pwd], max_auth_age: 8h}",
        "conditions: {networks: [192.0.2.0/24], signin_networks: ['2001:db8::/32'],"
        " hours: {tz: Europe/Berlin, days: [fri], from: '08:00', to: '18:00'}}",
    )
    assert acme.apply(narrowed).code == 0
    inside = ("--ip", "192.0.2.7", "--signin-ip", "2001:db8::7", "--at", "2027-01-15T08:00:00Z")
    assert acme.run(*QUESTION, *inside).code == 0
    for number, wrong in ((1, "198.51.100.1"), (3, "2001:db9::1"), (5, "2027-01-16T08:00:00Z")):
        assert acme.run(*QUESTION, *inside[:number], wrong, *inside[number + 1 :]).code == 1


def test_a_proof_of_the_key_is_a_fact_of_the_question(acme: Deployment) -> None:
    bound = STATE.replace("conditions: {amr: [pwd], max_auth_age: 8h}", "conditions: {key_bound: true}")
    assert acme.apply(bound).code == 0
    assert acme.run(*QUESTION).code == 1
    assert acme.run(*QUESTION, "--key-bound").code == 0


def test_a_change_is_seen_by_the_next_question(acme: Deployment) -> None:
    """XCH-21, attack case 67: facts are fresh."""
    assert acme.run(*QUESTION).code == 0
    assert (
        acme.apply(STATE.replace("{username: alice, groups: [engineering]}", "{username: alice}")).code == 0
    )
    assert acme.run(*QUESTION).code == 1


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (("--user", "mallory"), "unknown user: mallory"),
        (("--from", "wikki"), "unknown app: wikki; did you mean wiki?"),
        (("--from", "wiki-client"), "unknown app: wiki-client; its id is wiki"),
        (("--from", "Wiki"), "unknown app: Wiki; its id is wiki"),
        (("--to", "mail"), "unknown resource app: mail"),
        (("--to", "Chat"), "unknown resource app: Chat; its id is chat"),
        (("--to", "urn:acme:chat"), "unknown resource app: urn:acme:chat; its id is chat"),
        (
            ("--to", "https://ACME.chat.example"),
            "unknown resource app: https://ACME.chat.example; its id is chat",
        ),
        (("--scope", "a  b"), "--scope: The scope is not a list of scope tokens separated by single spaces."),
        (("--resource", "api.chat.example"), "--resource: A resource is an absolute URI without a fragment."),
    ],
)
def test_what_cannot_be_asked_is_exit_2_in_one_line(
    acme: Deployment, changes: tuple[str, str], message: str
) -> None:
    said = acme.run(*but(*changes))
    assert (said.code, said.out, said.err) == (2, "", f"idjag: {message}\n")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--auth-age", "2", "a duration is a whole number and s, m, h or d, such as 5m"),
        ("--auth-age", "0s", "a duration is a whole number and s, m, h or d, such as 5m"),
        ("--ip", "192.0.2", "an address is written like 192.0.2.7 or 2001:db8::7"),
        ("--at", "tomorrow", "a time is written like 2027-06-30T00:00:00Z, with its zone"),
        ("--at", "2027-01-15T08:00:00", "a time is written like 2027-06-30T00:00:00Z, with its zone"),
        ("--at", "2027-02-30T08:00:00Z", "there is no such time"),
    ],
)
def test_a_malformed_option_is_exit_2_and_says_how_to_write_it(
    acme: Deployment, capsys: pytest.CaptureFixture[str], option: str, value: str, message: str
) -> None:
    assert acme.run(*but(option, value)).code == 2
    assert f"argument {option}: {message}" in capsys.readouterr().err


def test_asking_records_nothing(acme: Deployment) -> None:
    before = acme.events()
    acme.run(*QUESTION)
    acme.run(*but("--user", "bob"))
    assert acme.events() == before


def test_what_the_token_endpoint_refuses_before_the_policy_is_a_note(acme: Deployment) -> None:
    """Credentials and grants are not decide()'s; whoever asks should know all the same."""
    said = acme.run(*but("--from", "notes"))
    assert said.code == 0
    assert said.out.splitlines()[-2:] == [
        "Note: Notes may not exchange tokens: token_exchange is not among its grants",
        "Note: Notes may not exchange tokens: it does not authenticate",
    ]


def test_people_in_rules_are_named_and_not_numbered(acme: Deployment) -> None:
    said = acme.run(*but("--from", "notes", "--user", "bob"))
    assert "rule alice-writes does not apply: it is for alice, and bob is not meant" in said.out


def test_a_hold_stops_and_is_named_and_no_change_is_advised(acme: Deployment) -> None:
    acme.run("hold", "connection", "wiki-chat", "--reason", "investigating")
    said = acme.run(*QUESTION)
    assert said.code == 1
    assert said.out.startswith(
        "Denied: a hold stops this\n  [x] hold: the connection wiki-chat is stopped by operator "
    )
    assert "In the way, and not for a small change to remove:\n  - A hold: the connection" in said.out
    assert "The smallest change" not in said.out


def test_a_question_without_a_connection_can_be_asked(acme: Deployment) -> None:
    gone = STATE[: STATE.index("  - id: wiki-chat")] + STATE[STATE.index("  - id: notes-chat") :]
    assert acme.apply(gone, "--prune").code == 0
    said = acme.run(*QUESTION)
    assert said.code == 1
    assert said.out.startswith("Denied: there is no connection from Wiki to Chat\n")
