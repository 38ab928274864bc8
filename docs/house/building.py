"""The hooks of Sphinx: when what is brought in, converted, linked and checked."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_for_filename
from pygments.util import ClassNotFound
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util import logging

from house.docstrings import to_rst
from house.documents import DOCS, ROOT, bring_in, documents, with_page_links, write_changed
from house.links import Names, outside_resources, source_of, source_page
from house.reference import missing, page_of, pages, rooms

_log = logging.getLogger(__name__)
_GENERATED = ["api", "lessons", "project"]


class _Build:
    """One build: the rooms, the documents, and the files whose source some page links to."""

    def __init__(self) -> None:
        self.rooms = rooms()
        self.names = Names.of(self.rooms)
        self.modules = page_of(self.rooms)
        self.documents = documents()

    def bring_in(self, app: Sphinx) -> None:
        """Writes the pages that come from elsewhere, before Sphinx looks for pages."""
        reference = {f"api/{name}": text.encode() for name, text in pages(self.rooms).items()}
        write_changed(DOCS, reference | bring_in(DOCS, self.documents), _GENERATED)

    def read_source(self, app: Sphinx, page: str, content: list[str]) -> None:
        if page in self.documents:
            content[0] = with_page_links(content[0], page, self.documents)

    def read_docstring(
        self, app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]
    ) -> None:
        lines[:] = to_rst("\n".join(lines))

    def link(self, app: Sphinx, tree: nodes.document) -> None:
        """Links in a page that was read: `names` in backticks, and `source:` addresses."""
        page = app.env.docname
        for reference in tree.findall(nodes.reference):
            if reference.get("refuri", "").startswith("source:"):
                path, _, line = reference["refuri"].removeprefix("source:").partition("#")
                reference["refuri"] = self._source(app, page, path) + (f"#{line}" if line else "")
                reference["internal"] = True
        for literal in list(tree.findall(nodes.literal)):
            if not isinstance(literal.parent, nodes.reference | addnodes.pending_xref | nodes.title):
                self._link_literal(app, page, literal)

    def _link_literal(self, app: Sphinx, page: str, literal: nodes.literal) -> None:
        text = literal.astext()
        if (path := source_of(text, page)) is not None:
            paths = {each.relative_to(ROOT).as_posix(): name for name, each in self.documents.items()}
            uri = app.builder.get_relative_uri(page, paths[path]) if path in paths else self._source(app, page, path)
            literal.replace_self(nodes.reference("", "", literal.deepcopy(), refuri=uri, internal=True))
            return
        if (module := text.replace("nn.", "nnscratch.", 1) if text.startswith("nn.") else text) in self.modules:
            uri = app.builder.get_relative_uri(page, self.modules[module])
            literal.replace_self(nodes.reference("", "", literal.deepcopy(), refuri=uri, internal=True))
            return
        context = _context(literal)
        target = self.names.target(text)
        if target is None and context and text.partition("(")[0].isidentifier():
            target = text.partition("(")[0]  # a method of the class that is spoken of
        if target is not None:
            link = addnodes.pending_xref("", refdomain="py", reftype="obj", reftarget=target, refwarn=False, **context)
            link["refdoc"], link["refexplicit"] = page, True
            link += literal.deepcopy()
            literal.replace_self(link)

    def _source(self, app: Sphinx, page: str, path: str) -> str:
        _wanted(app).add(path)
        return app.builder.get_relative_uri(page, source_page(path))

    def source_pages(self, app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
        """A page for each file that is linked, its lines numbered and with an anchor each."""
        form = HtmlFormatter(linenos="inline", lineanchors="line", wrapcode=True)
        for path in sorted(_wanted(app)):
            if not (ROOT / path).is_file():
                continue
            try:
                lexer = get_lexer_for_filename(path)
            except ClassNotFound:
                lexer = get_lexer_for_filename("x.txt")
            code = highlight((ROOT / path).read_text(encoding="utf-8"), lexer, form)
            # The whole tree beside each of these pages would take a third of the build's time.
            yield (
                source_page(path),
                {"title": path, "body": f"<h1>{path}</h1>\n{code}", "toctree": _no_tree},
                "page.html",
            )

    def check_names(self, app: Sphinx, env: object) -> None:
        """A warning for each public name that no page describes."""
        described = {*app.env.get_domain("py").objects, *self.modules}  # type: ignore[attr-defined]
        for name in missing(described):
            _log.warning("nnscratch.%s is public, and no page of the reference describes it", name)


def _skip_member(app: Sphinx, what: str, name: str, value: object, skip: bool, options: object) -> bool | None:
    """Leaves out methods that another library puts into a class: their text has another layout."""
    module = getattr(value, "__module__", None)
    foreign = callable(value) and isinstance(module, str) and module.partition(".")[0] != "nnscratch"
    return True if foreign else None


def _merge(app: Sphinx, env: Any, docnames: object, other: Any) -> None:
    """What another process has read, with `-j`."""
    _wanted(app).update(getattr(other, "house_sources", ()))


def _no_tree(**options: object) -> str:
    return ""


def _wanted(app: Sphinx) -> set[str]:
    """The files whose source some page links to; kept from build to build."""
    if not hasattr(app.env, "house_sources"):
        app.env.house_sources = set()  # type: ignore[attr-defined]
    wanted: set[str] = app.env.house_sources  # type: ignore[attr-defined]
    return wanted


def _visit_math(translator: Any, node: nodes.math | nodes.math_block) -> None:
    """LaTeX in a Markdown page as MathML: docutils knows how, and no script is needed."""
    translator.body.append(tex2mathml(node.astext(), as_block=isinstance(node, nodes.math_block)))
    raise nodes.SkipNode


def _context(node: nodes.Node) -> dict[str, str]:
    """Module and class of the object in whose description a node stands; empty outside of one."""
    while node is not None:
        if isinstance(node, addnodes.desc):
            signature = node[0]
            module, full = signature.get("module", ""), signature.get("fullname", "")
            of = signature.get("class") or (full if node.get("objtype") in ("class", "exception") else "")
            return {"py:module": module, "py:class": of}
        node = node.parent
    return {}


def _check_resources(app: Sphinx, failure: Exception | None) -> None:
    """Fails if a page would load anything from elsewhere."""
    if failure is not None or app.builder.format != "html":
        return
    found = []
    for path in Path(app.outdir).rglob("*"):
        if path.suffix in (".html", ".css"):
            found += [f"{path.relative_to(app.outdir)}: {each}" for each in outside_resources(path.read_text("utf-8"))]
    if found:
        raise ExtensionError("pages that load something from elsewhere:\n" + "\n".join(found))


def connect(app: Sphinx) -> None:
    """Tells Sphinx when to call what."""
    build = _Build()
    app.add_html_math_renderer("mathml", (_visit_math, None), (_visit_math, None))
    app.connect("config-inited", lambda app, config: build.bring_in(app))
    app.connect("source-read", build.read_source)
    app.connect("autodoc-process-docstring", build.read_docstring)
    app.connect("autodoc-skip-member", _skip_member)
    app.connect("doctree-read", build.link)
    app.connect("env-merge-info", _merge)
    app.connect("env-check-consistency", lambda app, env: build.check_names(app, env))
    app.connect("html-collect-pages", build.source_pages)
    app.connect("build-finished", _check_resources)
