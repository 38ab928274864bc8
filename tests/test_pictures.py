"""Pictures: a PNG is written whole or not at all, and matplotlib is loaded late, without pyplot."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nnscratch import pictures
from nnscratch.pictures import BLACK, GREY, PALETTE, new_figure, save


def test_a_png_has_the_size_of_its_figure(tmp_path: Path) -> None:
    save(new_figure(4, 2), tmp_path / "a.PNG")
    head = (tmp_path / "a.PNG").read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    assert [int.from_bytes(head[at : at + 4], "big") for at in (16, 20)] == [440, 220]


@pytest.mark.parametrize("name", ["a.pdf", "a", "png", "a.png.txt"])
def test_only_png(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"save: got the path '.*{name}', expected a name that ends in .png; rename"):
        save(new_figure(1, 1), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        save(new_figure(1, 1), tmp_path / "nowhere" / "a.png")


def test_a_failed_write_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = new_figure(1, 1)

    def half(path: Path, **_: object) -> None:
        path.write_bytes(b"\x89PNG half")
        raise OSError("disk full")

    monkeypatch.setattr(figure, "savefig", half)
    (tmp_path / "old.png").write_bytes(b"old")
    with pytest.raises(OSError, match="disk full"):
        save(figure, tmp_path / "old.png")
    assert (tmp_path / "old.png").read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["old.png"]


def test_colours_differ() -> None:
    assert len({*PALETTE, BLACK, GREY}) == len(PALETTE) + 2


def test_matplotlib_comes_late_and_pyplot_never(tmp_path: Path) -> None:
    program = f"""
import sys
from nnscratch import pictures
assert "matplotlib" not in sys.modules
pictures.save(pictures.new_figure(1, 1), {str(tmp_path / "a.png")!r})
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(pictures.__file__).parents[1])
