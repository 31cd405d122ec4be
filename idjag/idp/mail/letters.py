"""The letters that we write: to people in the language of whoever asked, to administrators in English."""

from __future__ import annotations

from typing import Final

from idjag.idp.mail.letter import Letter

__all__ = ["changed_letter", "report_letter", "reset_letter"]

_RESET: Final = {
    "en": (
        "Set a new password",
        (
            "Somebody asked for a new password for your account at {place}.\n\n"
            "To choose one, open this link within {minutes} minutes. It works once:\n\n{link}\n\n"
            "If it was not you, do nothing: your password stays as it is. Nobody who asks you for this link "
            "needs it.\n"
        ),
    ),
    "de": (
        "Neues Passwort festlegen",
        (
            "Jemand hat für Ihr Konto bei {place} ein neues Passwort angefordert.\n\n"
            "Um eines zu wählen, öffnen Sie innerhalb von {minutes} Minuten diesen Link. Er gilt einmal:\n\n"
            "{link}\n\n"
            "Wenn Sie das nicht waren, tun Sie nichts: Ihr Passwort bleibt, wie es ist. Niemand, der Sie "
            "nach diesem Link fragt, braucht ihn.\n"
        ),
    ),
    "ja": (
        "新しいパスワードの設定",
        (
            "{place} のあなたのアカウントについて、新しいパスワードの設定が求められました。\n\n"
            "設定するには、{minutes} 分以内に次のリンクを開いてください。使えるのは一度だけです。\n\n"
            "{link}\n\n"
            "心当たりがない場合は、何もしないでください。パスワードは変わりません。"
            "このリンクを誰かに教える必要はありません。\n"
        ),
    ),
}
_CHANGED: Final = {
    "en": (
        "Your password was changed",
        (
            "The password of your account at {place} has just been changed. "
            "All other browsers and apps were signed out.\n\n"
            "If it was not you, tell your administrator at once.\n"
        ),
    ),
    "de": (
        "Ihr Passwort wurde geändert",
        (
            "Das Passwort Ihres Kontos bei {place} wurde soeben geändert. "
            "Alle anderen Browser und Apps wurden abgemeldet.\n\n"
            "Wenn Sie das nicht waren, sagen Sie es sofort Ihrer Administration.\n"
        ),
    ),
    "ja": (
        "パスワードが変更されました",
        (
            "{place} のあなたのアカウントのパスワードが変更されました。"
            "ほかのブラウザーとアプリはすべてサインアウトされました。\n\n"
            "心当たりがない場合は、すぐに管理者に連絡してください。\n"
        ),
    ),
}
_REPORT: Final = (
    "{who} has reported the app {app}",
    (
        "{who} says at My access at {place} that the app {app} did something in their name which they did "
        "not do or do not want:\n\n{reason}\n\n"
        "{then} The report is in the audit log as app.reported (ref {ref}); what the "
        "app was given stands there as id_jag.issued.\n"
    ),
)


def reset_letter(to: str, place: str, link: str, language: str, *, minutes: int) -> Letter:
    """The link to a new password."""
    subject, body = _RESET.get(language, _RESET["en"])
    return Letter(to, subject, body.format(place=place, link=link, minutes=minutes))


def changed_letter(to: str, place: str, language: str) -> Letter:
    """The news that the password is another one."""
    subject, body = _CHANGED.get(language, _CHANGED["en"])
    return Letter(to, subject, body.format(place=place))


def report_letter(to: str, place: str, who: str, app: str, reason: str, *, ref: str, stopped: bool) -> Letter:
    """What a person says about an app; ``reason`` is one line of theirs."""
    then = (
        "They have stopped it for themselves."
        if stopped
        else "Nothing was stopped by this: to stop it for this person at once, place a hold."
    )
    subject, body = (
        each.format(who=who, app=app, place=place, reason=reason, ref=ref, then=then) for each in _REPORT
    )
    return Letter(to, subject, body)
