"""What the README tells people to do is there, and works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def run_example(number: int, folder: Path) -> str:
    """What the README's example with this number prints."""
    found = re.findall(r"<!-- example -->\n```python\n(.*?)```", README, re.DOTALL)
    (folder / "example.py").write_text(found[number])
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-W", "error", "example.py"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_example_runs(tmp_path: Path) -> None:
    product = re.search(r"\[\[(-?[\d.]+)\]\]", run_example(0, tmp_path))
    assert product
    assert float(product[1]) == pytest.approx(-0.25, abs=0.05)


def test_the_doctor_says_what_the_readme_says(tmp_path: Path) -> None:
    found = re.search(r"<!-- printed -->\n```\n(.*?)```", README, re.DOTALL)
    assert found
    assert found[1] in run_example(1, tmp_path)


def test_links_lead_somewhere() -> None:
    targets = [target for target in re.findall(r"\]\(([^)]+)\)", README) if not target.startswith("https://")]
    assert len(targets) > 5
    for target in targets:
        assert (ROOT / target).exists(), target


def test_scripts_and_options_exist() -> None:
    for script in re.findall(r"(?:examples|benchmarks)/[\w/]+\.py", README):
        assert (ROOT / script).exists(), script
    both = "".join(path.read_text() for path in (ROOT / "nnscratch" / "keypoints").rglob("*.py"))
    both += "".join(path.read_text() for folder in ("examples", "benchmarks") for path in (ROOT / folder).rglob("*.py"))
    for option in set(re.findall(r"(?<=\s)--[a-z][a-z-]+", README)) - {"--help"}:
        assert f'"{option}"' in both, option


@pytest.mark.parametrize("name", ["train", "tests"])
def test_commands_are_one_line_under_their_marker(name: str) -> None:
    found = re.search(rf"<!-- command: {name} -->\n```sh\n(.*?)```", README, re.DOTALL)
    assert found
    assert found[1].count("\n") == 1
    assert found[1].startswith("python3 -m venv .venv && ")
