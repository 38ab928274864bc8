"""What the table and the race say of results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from nnscratch.keypoints.experiments.ablation import report


def some_result(error: float, epochs: int = 30) -> dict[str, Any]:
    layer = {"active": 0.014, "never": 0.98, "always": 0.013}
    history = {"epoch": list(range(1, epochs + 1)), "rmse_px": np.linspace(9, error, epochs).tolist()}
    return {"rmse_px": error, "ratio": error / 4, "mean_face_rmse_px": 4.0, "spread_px": 0.03, "history": history,
            "probes": {"1": {"layers": {"a": layer, "b": {}}, "noise_px": 8.0}}}  # fmt: skip


def test_the_table_and_the_race(tmp_path: Path) -> None:
    done = {
        ("alone", "the report's CNN"): [some_result(4.1), some_result(3.9)],
        ("cure", "the cure"): [some_result(2.4), some_result(2.6)],
        ("cure", "but luck"): [some_result(2.4), some_result(4.0)],
        ("race", "the report's MLP"): [some_result(5.0)],
        ("race", "the cure"): [some_result(2.5)],
    }
    assert [report.learns(results) for results in done.values()] == ["no", "yes", "some", "no", "yes"]
    files = report.write(done, tmp_path)
    text = (tmp_path / "ablation.md").read_text()
    cells = "2 | 30 | 4.00 ± 0.10 | 1.00 | 0.030 | 1% | 98% | 1% | 8.00 | no |"
    assert f"| alone: the report's CNN | {cells}" in text
    assert "| 30 | 5.00 | 2.50 | 50% |" in text
    assert (tmp_path / files[1]).read_bytes().startswith(b"\x89PNG")
