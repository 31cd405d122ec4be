"""Every noun that administrators speak about, one file each: its shape, its row, its policy value.

The same validation serves the state file, the console and the admin API.  For each noun:
``XEntry`` is the shape in the file, ``x_columns`` what the row says of it, ``x_entry`` the way back,
``x_model`` the policy's value, ``x_problems`` the references that lead nowhere.
"""

from idjag.idp.catalog.app import AppEntry, app_columns, app_entry, app_model, app_problems
from idjag.idp.catalog.client_auth import AuthEntry, secret_hash, secret_problem
from idjag.idp.catalog.connection import (
    ConnectionEntry,
    connection_columns,
    connection_entry,
    connection_model,
    connection_problems,
)
from idjag.idp.catalog.group import LOCAL, GroupEntry, group_columns, group_entry
from idjag.idp.catalog.guardrail import (
    GuardrailEntry,
    guardrail_columns,
    guardrail_entry,
    guardrail_model,
    guardrail_problems,
)
from idjag.idp.catalog.not_built import NOT_BUILT
from idjag.idp.catalog.references import Path, Problem, References
from idjag.idp.catalog.resource_app import (
    ResourceAppEntry,
    resource_app_columns,
    resource_app_entry,
    resource_app_model,
    resource_app_problems,
)
from idjag.idp.catalog.rule import RuleEntry, rule_entry, rule_model
from idjag.idp.catalog.sign_in import (
    SignInEntry,
    SignInPolicy,
    sign_in_columns,
    sign_in_entry,
    sign_in_policy,
)
from idjag.idp.catalog.user import UserEntry, user_columns, user_entry, user_problems

__all__ = [
    "LOCAL",
    "NOT_BUILT",
    "AppEntry",
    "AuthEntry",
    "ConnectionEntry",
    "GroupEntry",
    "GuardrailEntry",
    "Path",
    "Problem",
    "References",
    "ResourceAppEntry",
    "RuleEntry",
    "SignInEntry",
    "SignInPolicy",
    "UserEntry",
    "app_columns",
    "app_entry",
    "app_model",
    "app_problems",
    "connection_columns",
    "connection_entry",
    "connection_model",
    "connection_problems",
    "group_columns",
    "group_entry",
    "guardrail_columns",
    "guardrail_entry",
    "guardrail_model",
    "guardrail_problems",
    "resource_app_columns",
    "resource_app_entry",
    "resource_app_model",
    "resource_app_problems",
    "rule_entry",
    "rule_model",
    "secret_hash",
    "secret_problem",
    "sign_in_columns",
    "sign_in_entry",
    "sign_in_policy",
    "user_columns",
    "user_entry",
    "user_problems",
]
