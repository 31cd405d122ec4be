"""What docs/operating.md says about notices is true: its code is executed on what is sent."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from idjag.idp.webhook import delivery, queue, watch
from idjag.idp.webhook.queue import Notice
from tests.idp.signin.seeds import NOW
from tests.idp.webhook.conftest import World
from tests.idp.webhook.receiver import SECRET


def section(root: Path) -> str:
    page = (root / "docs" / "operating.md").read_text(encoding="utf-8")
    return page.partition("\n## Notices\n")[2].partition("\n## ")[0]


def test_a_receiver_that_does_as_the_page_says_knows_what_is_ours(root: Path, world: World) -> None:
    [code] = re.findall(r"```python\n(.*?)```", section(root), re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - our own page
    queue.order(world.site.services, [Notice("a", "webhook.test", NOW + 100)])
    world.node.send()
    [request] = world.receiver.came
    header, secret = request.headers["idjag-signature"], SECRET.encode()
    assert names["genuine"](header, request.body, secret, NOW)
    assert not names["genuine"](header, request.body + b" ", secret, NOW)
    assert not names["genuine"](header.replace(str(NOW), str(NOW + 1)), request.body, secret, NOW)
    assert not names["genuine"](header, request.body, secret, NOW + 301)


def test_the_numbers_of_the_page_are_those_of_the_code(root: Path) -> None:
    text = section(root)
    assert [delivery.wait_after(tries) for tries in range(1, 8)] == [10, 30, 120, 300, 900, 3600, 3600]
    assert "after 10 s, 30 s, 2, 5 and 15 min, then every hour, for three days" in text
    assert (queue.GIVEN_UP, queue.MOST, sorted(watch.BEFORE)) == (3 * 86_400, 1000, [1, 3, 14])
    assert "within 14 days, within 3, within a day" in text
    assert "At most 1,000 lines wait" in text
