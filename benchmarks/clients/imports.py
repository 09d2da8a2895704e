"""Time to import the program's dependencies alone, in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence

from benchmarks.processes import ENVIRONMENT, ROOT

LIST = """
import json, sys
import scripts.serve, app
root = sys.argv[1]
print(json.dumps([name for name, module in sys.modules.items()
  if not (getattr(module, "__file__", None) or "").startswith(root) or "site-packages" in
  module.__file__]))
"""
IMPORT = """
import importlib, json, sys
for name in json.load(sys.stdin):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
"""


def dependencies() -> Sequence[str]:
    """Modules outside this repository that the program imports, in order of their import."""
    done = _python(LIST, str(ROOT))
    found: list[str] = json.loads(done)
    return found


def import_seconds(names: Sequence[str]) -> float:
    """Seconds from the start of a process to its end, if it only imports these modules."""
    started = time.perf_counter()
    _python(IMPORT, content=json.dumps(names))
    return time.perf_counter() - started


def _python(program: str, *arguments: str, content: str = "") -> str:
    return subprocess.run(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=ENVIRONMENT,
        input=content,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
