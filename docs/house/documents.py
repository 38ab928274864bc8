"""What lies elsewhere in the repository and belongs into the pages, and where links lead.

Markdown stays as it is on disk, with links that work in an editor or on a code site: to other
documents, to code, to folders. Here they become links between pages; `source:` stands for the page
of a code file.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from house.notebooks import to_markdown

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_PLACES = ("", "nnscratch", "nnscratch/keypoints", "examples", "docs", "tests", "benchmarks")


def documents(root: Path = ROOT) -> dict[str, Path]:
    """Page, without its suffix, below docs/ -> the Markdown file or notebook that it shows."""
    docs, lessons = root / "docs", root / "examples" / "lessons"
    own = [*docs.glob("*.md"), *docs.glob("begin/*.md")]
    found = {path.relative_to(docs).with_suffix("").as_posix(): path for path in own}
    for path in [*lessons.glob("*.md"), *lessons.glob("*.ipynb")]:
        found["lessons/index" if path.stem == "README" else f"lessons/{path.stem}"] = path
    found["project/kernels"] = root / "nnscratch" / "kernels" / "README.md"
    found["project/contributing"] = root / "CONTRIBUTING.md"
    return found


def bring_in(target: Path, found: dict[str, Path]) -> dict[str, bytes]:
    """The files to write below `target` for documents outside of it; notebooks become Markdown."""
    made: dict[str, bytes] = {}
    for page, path in found.items():
        if path.is_relative_to(target):
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            shown = to_markdown(text, path.stem)
            text = shown.text
            made |= {f"{page.rpartition('/')[0]}/{name}": data for name, data in shown.pictures.items()}
        made[f"{page}.md"] = text.encode()
    made.setdefault("lessons/index.md", b"# Lessons\n\nWhat was found out, told with the code that shows it.\n")
    return made


def with_page_links(text: str, page: str, found: dict[str, Path], root: Path = ROOT) -> str:
    """The Markdown of `page` with links to pages in place of links to files.

    Links to other sites, and to what is not there, stay as they are.
    """
    pages = {path.resolve(): name for name, path in found.items()}
    folder = found[page].parent

    def link(match: re.Match[str]) -> str:
        words, target = match.groups()
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        name, _, anchor = target.partition("#")
        path = (folder / name).resolve()
        if path in pages or path == root / "examples" / "lessons":
            relative = os.path.relpath(f"/{pages.get(path, 'lessons/index')}", Path(f"/{page}").parent)
            return f"[{words}]({relative}.md{'#' + anchor if anchor else ''})"
        path = path / "__init__.py" if (path / "__init__.py").is_file() else path
        if path.is_file() and path.is_relative_to(root) and path.suffix in (".py", ".sh", ".toml", ".md", ".txt"):
            return f"[{words}](source:{path.relative_to(root).as_posix()})"
        if path.is_dir():
            return words
        return match[0]

    parts = re.split(r"(^```.*?^```$)", text, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if i % 2 else _LINK.sub(link, part) for i, part in enumerate(parts))


def file_named(text: str, root: Path = ROOT, room: str = "") -> str | None:
    """The file that a text such as `kernels/loops.py` names, from the root; None if there is none.

    room : the folder below nnscratch that is spoken of, whose files need no folder

    >>> file_named("layers/dense.py"), file_named("dense")
    ('nnscratch/layers/dense.py', None)
    """
    if not re.fullmatch(r"\w[\w.]*(?:/\w[\w.]*)*\.(?:py|md)", text):
        return None
    for place in [*([f"nnscratch/{room}"] if room else []), *_PLACES]:
        path = root / place / text
        if path.is_file():
            return path.relative_to(root).as_posix()
    return None


def write_changed(target: Path, files: dict[str, bytes], folders: list[str]) -> None:
    """Writes `files` below `target`, if they changed; removes what else lies in its `folders`."""
    for name, data in files.items():
        path = target / name
        if not path.exists() or path.read_bytes() != data:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    for folder in folders:
        for path in (target / folder).rglob("*"):
            if path.is_file() and path.relative_to(target).as_posix() not in files:
                path.unlink()
