"""Thousands of bent token requests against the whole application: attack cases 200 and 234."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any

import pytest

from idjag.ledger import trail
from idjag.protocol import names
from idjag.protocol.jose import jws
from tests.asgi_parts import Exchange
from tests.attacks.bend import bent
from tests.attacks.target import Target, Wire, target
from tests.idp.grants.acme import API, CHAT, CHAIN_KEY, FILES, ISSUER, SECRETS, TENANT
