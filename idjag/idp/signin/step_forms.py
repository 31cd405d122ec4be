"""What the forms of the later pages bring, as answers to be checked; nothing is proven here."""

from __future__ import annotations

from typing import Final

from idjag.idp.audit import Source
from idjag.idp.factors import passkeys, responses, totp
from idjag.idp.factors.ceremony import Ceremony
from idjag.idp.factors.enrolled import Enrolment, NewFactor
from idjag.idp.factors.proof import Wrong
from idjag.idp.factors.relying_party import relying_party
from idjag.idp.facts import PersonFacts
from idjag.idp.services import Services
from idjag.idp.signin import answers
from idjag.idp.signin.answers import Answer
from idjag.idp.signin.steps import Step
from idjag.idp.tenancy import organisation
from idjag.protocol.errors import Refused
from idjag.protocol.form import Form

__all__ = ["PURPOSE", "StepForms"]

PURPOSE: Final = "sign-in step"
"""What the tokens of these forms are for."""

_ENROLLING: Final = "sign-in step, new passkey"


class StepForms:
    """Reads the forms of one tenant, whose name authenticators show."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def answer(self, sent: Form, use: str, step: Step, *, source: Source) -> Answer | None:
        """What the form brings; None for what can be no answer."""
        code, now, remember = sent.one("code") or "", source.now, sent.one("remember") is not None
        match use:
            case "totp":
                return answers.by_app(step, code, sealer=self._services.sealer, remember=remember, now=now)
            case "recovery":
                return answers.by_recovery(step, code, now=now)
            case "passkey":
                return self._passkey(sent, step, remember=remember, now=now)
            case "enrol_totp" | "enrol_passkey":
                enrolment = self._enrolment(sent, use, step, source)
                return answers.setting_up(enrolment) if enrolment else None
            case "decline":
                return answers.DECLINED
            case "go_on":
                return answers.GO_ON
        return None

    def ceremony(self, step: Step, *, enrolling: bool = False) -> Ceremony | None:
        """The ceremony of this step; None where passkeys cannot work."""
        rp = relying_party(self._services.issuer, organisation(self._services))
        return Ceremony(rp, step.secret, _ENROLLING if enrolling else PURPOSE) if rp else None

    def seed(self, person: PersonFacts, pending: str | None, *, now: int) -> totp.Pending:
        """The seed to show: the one that was shown before, if it still is good."""
        services, who = self._services, person.person
        shown = organisation(self._services)
        before = None
        if pending:
            before = totp.reopen(
                services.sealer,
                pending,
                tenant=services.tenant,
                person_id=who.id,
                organisation=shown,
                username=who.username,
                now=now,
            )
        return before or totp.begin(
            services.sealer,
            tenant=services.tenant,
            person_id=who.id,
            organisation=shown,
            username=who.username,
            now=now,
        )

    def _passkey(self, sent: Form, step: Step, *, remember: bool, now: int) -> Answer | None:
        ceremony, tenant = self.ceremony(step), self._services.tenant
        try:
            assertion = responses.assertion(sent.one("credential") or "")
        except Refused:
            return None
        if ceremony is None:
            return None
        return answers.by_passkey(
            step, assertion, ceremony=ceremony, tenant=tenant, remember=remember, now=now
        )

    def _enrolment(self, sent: Form, use: str, step: Step, source: Source) -> Enrolment | None:
        """The new factor, as far as its owner has shown to have it."""
        services = self._services
        new = NewFactor(services.new_id(), services.tenant, step.person_id, sent.one("label") or "", source)
        made: Enrolment | Wrong
        if use == "enrol_totp":
            pending, code = sent.one("pending") or "", sent.one("code") or ""
            made = totp.enrolment(services.sealer, pending, code, new=new)
        else:
            ceremony = self.ceremony(step, enrolling=True)
            try:
                attestation = responses.attestation(sent.one("credential") or "")
            except Refused:
                return None
            if ceremony is None:
                return None
            made = passkeys.enrolment(attestation, ceremony=ceremony, new=new)
        return None if isinstance(made, Wrong) else made
