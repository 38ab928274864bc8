"""Checks that the sdist holds the whole project, and the wheel all of nnscratch: no file more.

python .ci/package_contents.py SOURCE DIST    the project's folder; that of sdist and wheel
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

# What a build adds.
SDIST_OWN = {"PKG-INFO", "setup.cfg"}
WHEEL_OWN = {"METADATA", "WHEEL", "RECORD", "entry_points.txt", "top_level.txt", "licenses/LICENSE"}


def files(source: Path) -> set[str]:
    """The project's files, without what a build leaves there."""
    paths = (path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file())
    return {path for path in paths if ".egg-info/" not in path and not path.startswith("build/")}


def in_sdist(path: Path) -> set[str]:
    """The members of an sdist, without its one folder and what the build adds."""
    with tarfile.open(path) as sdist:
        names = {PurePosixPath(*PurePosixPath(member.name).parts[1:]) for member in sdist if member.isfile()}
    return {str(name) for name in names if not name.parts[0].endswith(".egg-info")} - SDIST_OWN


def in_wheel(path: Path) -> set[str]:
    """The members of a wheel; what the build adds as dist-info/NAME."""
    with zipfile.ZipFile(path) as wheel:
        names = (PurePosixPath(name) for name in wheel.namelist() if not name.endswith("/"))
        return {
            f"dist-info/{PurePosixPath(*name.parts[1:])}" if name.parts[0].endswith(".dist-info") else str(name)
            for name in names
        }


def differences(what: str, expected: set[str], found: set[str]) -> list[str]:
    lines = [f"{what}: got no {name}, expected it; add it to MANIFEST.in" for name in sorted(expected - found)]
    return lines + [f"{what}: got {name}, expected it left out" for name in sorted(found - expected)]


def main(source: Path, dist: Path) -> int:
    (sdist,), (wheel,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    expected = files(source)
    library = {name for name in expected if name.startswith("nnscratch/")}
    lines = differences(sdist.name, expected, in_sdist(sdist))
    lines += differences(wheel.name, library | {f"dist-info/{name}" for name in WHEEL_OWN}, in_wheel(wheel))
    print("\n".join(lines) or f"{sdist.name}: {len(expected)} files; {wheel.name}: {len(library)}")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
