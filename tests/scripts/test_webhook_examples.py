"""The examples in docs/integrations.md that verify signatures accept what Restow sends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from integrations.signed_webhooks import WebhookSecrets

PAGE = (Path(__file__).parents[2] / "docs" / "integrations.md").read_text()
SECRET, OTHER = "whsec_" + "A" * 43 + "=", "whsec_" + "B" * 43 + "="
BODY = '{"type":"order.placed","name":"Zoë"}'.encode()

# (secret of the receiver, secrets that sign, age of the message, what is changed, verdict)
CASES = [
    (SECRET, [SECRET], 0, {}, True),
    (SECRET, [OTHER, SECRET], 60, {}, True),
    (OTHER, [SECRET], 0, {}, False),
    (SECRET, [SECRET], 400, {}, False),
    (SECRET, [SECRET], 0, {"webhook-id": "another"}, False),
    (SECRET, [SECRET], 0, {"webhook-signature": "v1,"}, False),
]


def example(language: str) -> str:
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def signed(secrets: list[str], age: int, changes: dict[str, str]) -> dict[str, str]:
    sent_at = datetime.now(UTC) - timedelta(seconds=age)
    return {**WebhookSecrets(secrets).sign("id-1", sent_at, BODY), **changes}


@pytest.mark.parametrize("case", CASES)
def test_the_example_in_python(case: Any) -> None:
    secret, secrets, age, changes, verdict = case
    names: dict[str, Any] = {}
    exec(example("python"), names)
    headers = signed(secrets, age, changes)
    assert names["verify"](secret, headers, BODY) is verdict
    assert names["verify"](secret, headers, BODY + b" ") is False


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")
def test_the_example_in_javascript() -> None:
    cases = [
        [secret, signed(secrets, age, changes), BODY.decode()]
        for secret, secrets, age, changes, _ in CASES
    ]
    program = example("javascript") + (
        "\nconst cases = JSON.parse(process.argv[1]);"
        "\nconst found = cases.map(([s, h, b]) => verify(s, h, Buffer.from(b)));"
        "\nprocess.stdout.write(JSON.stringify(found));\n"
    )
    done = subprocess.run(
        ["node", "-e", program, json.dumps(cases)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [verdict for *_, verdict in CASES]
