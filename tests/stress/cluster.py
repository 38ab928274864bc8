"""Whether the program for a cluster in docs/scikit_learn.md does what the page says.

    python tests/stress/cluster.py

Runs it in a process of its own, as a reader would, with its two worker processes and with warnings
as errors. Exit status 1 if it prints anything else than the page shows. (The suite has the workers
in its own process, which is faster.)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = re.compile(r"<!-- program -->\n```python\n(.*?)```\n\n<!-- printed -->\n```\n(.*?)```", re.DOTALL)


def main() -> int:
    shown = PROGRAM.search((ROOT / "docs" / "scikit_learn.md").read_text(encoding="utf-8"))
    assert shown, "the page has no program"
    code, printed = shown.groups()
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "search.py").write_text(code, encoding="utf-8")
        command = [sys.executable, "-W", "error", "search.py"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
    print(done.stdout + done.stderr, end="")
    return int((done.returncode, done.stdout, done.stderr) != (0, printed, ""))


if __name__ == "__main__":
    sys.exit(main())
