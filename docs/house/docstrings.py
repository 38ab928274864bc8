"""The house's docstrings as reStructuredText, for Sphinx; none needs to be written for it.

What is told apart, by its indentation and its first signs

    Forward, with h' = ...       a line above an indented block: a heading
        y = max(x, 0)            in it, or in an indented block below a sentence: a formula
        p : the share to drop    a definition; continued by what is indented further
    lines behind >>>             an example
        order <- ...             any other indented block: as it is, every blank kept
    Cost: ..., Source: ...       a sentence behind a bold word
    everything else              a sentence

What stands in `backticks` becomes a literal; links.py makes it a link where it names something.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from house.formulas import math

_DEFINITION = re.compile(r"^([*\w][\w.*'-]*(?:, (?:and )?[\w.*'-]+(?: of an? \w+)?)*)\s+: (\S.*)$")
_SECOND_DEFINITION = re.compile(r";?\s{2,}(?=[*\w][\w.*'-]*(?:, [\w.*'-]+)* : )")
_LABEL = re.compile(r"^(Cost[\w ]*|Sources?|Why|Returns|Rule|Measured[^:]{0,80}|Memory): ?(?=\S)|^(Returns) (?=\S)")
_CONDITION = re.compile(r"^([a-z]\w*(?: [<>]=? \w+)?) ?:\s+(?=\S)")  # "training:  y = ...", "x > 0: ..."
_LEFT_SIDE = re.compile(r"^[^\W\d]\w*'*(?:\[[\w',]*\])?(?:/d\w+(?:\[[\w',]*\])?)?\s*(?:=|<-)\s")
_RELATION = re.compile(r"(?<![<>=!+*-])(?:=|<-|->)\s")
_LOOP = re.compile(r"^(?:for|while) .*:$")
_MAP = re.compile(r"^ *([\w/]+(?:\.py|\.md|/)) +(\S.*)$")  # a line of a map of files
_LIST = re.compile(r"^(?:\d+\.|-) \S")


def to_rst(docstring: str) -> list[str]:
    """The lines of reStructuredText for a docstring whose common indentation is gone.

    >>> to_rst("Passes positive numbers.\\n\\nRaises\\n    ValueError : NaN")
    ['Passes positive numbers.', '', '.. rubric:: Raises', '', '``ValueError``', '    NaN', '']
    """
    return list(_body(docstring.rstrip().splitlines(), top=True))


def _body(lines: list[str], top: bool = False, formulas: bool = False) -> Iterator[str]:
    """A block whose first column is 0.

    formulas : any relation makes one, as below the heading "Formula"
    """
    place = 0
    while place < len(lines):
        if not lines[place].strip():
            place += 1
        elif lines[place].startswith(">>>"):
            end = _end(lines, place, lambda line: bool(line.strip()))
            yield from [*lines[place:end], ""]
            place = end
        elif lines[place].startswith(" "):
            end = _end_of_indented(lines, place)
            yield from _block(lines[place:end])
            place = end
        elif _is_heading(lines, place) and top:
            end = _end_of_indented(lines, place + 1)
            heading = lines[place]
            below = _dedented(lines[place + 1 : end])
            yield from [f".. rubric:: {prose(heading)}", ""]
            if any(_LOOP.match(line) for line in below):
                yield from _literal(below)
            else:
                yield from _body(below, formulas=heading.startswith("Formula"))
            place = end
        elif _DEFINITION.match(lines[place]):
            end = _end(lines, place, lambda line: bool(_DEFINITION.match(line)) or line.startswith(" "))
            yield from _definitions(lines[place:end])
            place = end
        elif _LIST.match(lines[place]):
            end = _end(lines, place, lambda line: bool(_LIST.match(line)) or line.startswith(" "))
            yield from [*map(prose, lines[place:end]), ""]
            place = end
        else:
            place, made = _paragraph(lines, place, formulas)
            yield from made


def _end(lines: list[str], place: int, belongs: Callable[[str], bool]) -> int:
    end = place + 1
    while end < len(lines) and belongs(lines[end]):
        end += 1
    return end


def _end_of_indented(lines: list[str], place: int) -> int:
    """Behind an indented block; blank lines inside it belong to it."""
    end = place
    while end < len(lines) and (lines[end].startswith(" ") or not lines[end].strip()):
        end += 1
    while end > place and not lines[end - 1].strip():
        end -= 1
    return end


def _is_heading(lines: list[str], place: int) -> bool:
    """A single line right above an indented block, which is no sentence and no definition."""
    alone = place == 0 or not lines[place - 1].strip() or lines[place - 1].startswith(" ")
    below = place + 1 < len(lines) and lines[place + 1].startswith("    ")
    line = lines[place]
    return alone and below and line[0].isupper() and not line.endswith((":", ".")) and not _DEFINITION.match(line)


def _dedented(lines: list[str]) -> list[str]:
    least = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return [line[least:] for line in lines]


def _paragraph(lines: list[str], place: int, formulas: bool) -> tuple[int, list[str]]:
    """Sentences, or formulas, or columns, up to what is something else."""

    def is_formula(line: str) -> bool:
        if line.endswith(".") and "[" not in line:  # "y = x weight + bias, for each row of x."
            return False
        return bool(_LEFT_SIDE.match(_CONDITION.sub("", line))) or (formulas and bool(_RELATION.search(line)))

    end = place + 1
    first = is_formula(lines[place]) and not _wraps(lines[place - 1] if place else "")
    while end < len(lines):
        line = lines[end]
        continued = first and _continues(lines[end - 1], line)
        if not line.strip() or (line.startswith(" ") and not continued) or line.startswith(">>>"):
            break
        starts = is_formula(line) and (first or not _wraps(lines[end - 1]))
        if _DEFINITION.match(line) or (starts != first and not continued):
            break
        end += 1
    part = lines[place:end]
    if first and (table := formula_table(part)):
        return end, table
    if all(_MAP.match(line) for line in part):
        return end, _map(part)
    columns = [line for line in part if re.search(r"\S {2,}\S", line)]
    if first or len(columns) > 1 or any(re.search(r"\S {3,}\S", line) for line in columns):
        return end, _literal(part)
    if len(part) > 1 and all(_ends(line, below) for line, below in pairwise(part)):
        return end, [*(f"| {prose(line)}" for line in part), ""]
    text = _LABEL.sub(lambda match: f"**{match[1] or match[2]}{':' if match[1] else ''}** ", part[0])
    label = text != part[0]
    first_line = text if not label else text.partition("** ")[0] + "** " + prose(text.partition("** ")[2])
    return end, [first_line if label else prose(part[0]), *map(prose, part[1:]), ""]


def _ends(line: str, below: str) -> bool:
    """Whether a line ends where it does on purpose: the next word would have fitted."""
    return not below.startswith(" ") and len(line) + 1 + len(below.partition(" ")[0]) <= 84


def _wraps(before: str) -> bool:
    """Whether a sentence goes on in the next line, which may then well begin with "x = 1"."""
    return len(before) > 70 and not before.startswith(" ") and not before.endswith((":", "."))


def _block(lines: list[str]) -> list[str]:
    """An indented block without a heading: formulas if all of it can be, otherwise as it is."""
    lines = _dedented(lines)
    if all(_MAP.match(line) for line in lines if line.strip()):
        return _map(lines)
    return formula_table(lines) or _literal(lines)


def _map(lines: list[str]) -> list[str]:
    """Files and what they are, side by side: definitions."""
    made: list[str] = []
    for line in lines:
        if match := _MAP.match(line):
            made += [f"``{match[1]}``", f"    {prose(match[2])}"]
    return [*made, ""]


def _literal(lines: list[str]) -> list[str]:
    return [".. code-block:: text", "", *("    " + line for line in lines), ""]


def _definitions(lines: list[str]) -> list[str]:
    made: list[str] = []
    for line in lines:
        match = _DEFINITION.match(line)
        if match is None:
            made.append("    " + prose(line.strip()))
            continue
        for each in _SECOND_DEFINITION.split(line):
            names, text = _DEFINITION.match(each).groups()  # type: ignore[union-attr]
            made += [", ".join(f"``{name}``" for name in names.split(", ")), "    " + _meaning(text)]
    return [*made, ""]


def _meaning(text: str) -> str:
    """The text of a definition; a shape at its beginning is code."""
    shape = re.match(r"\((?:N|M|k|n_\w+|c_\w+|units)\b[^()]*\)", text)
    if shape is None:
        return prose(text)
    rest = text[shape.end() :]
    return f"``{shape[0]}``" + ("\\ " if rest[:1].strip() else "") + prose(rest)


def prose(text: str) -> str:
    """A line of sentences: `code` becomes ``code``, *stress* stays, other signs stay signs."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # an odd number of backticks: the code goes on in the next line
        parts = [text]
    made = []
    for i, part in enumerate(parts):
        if i % 2:
            made.append(f"``{part}``" + ("\\ " if re.match(r"\w", parts[i + 1]) else ""))
        else:
            stressed = re.split(r"(?<![\w)\]])\*(\w[\w -]*)\*(?![\w(\[])", part)
            made += [f"*{piece}*" if j % 2 else _escaped(piece) for j, piece in enumerate(stressed)]
    return "".join(made)


def _escaped(text: str) -> str:
    return re.sub(r"_(?!\w)", r"\_", re.sub(r"([\\*|`])", r"\\\1", text))


def _continues(before: str, line: str) -> bool:
    """Whether a line goes on with the formula above it."""
    if line.startswith(" "):
        return before.rstrip().endswith((",", "+", "*", "=")) or bool(re.match(r" +(of|\+|-|\*) ", line))
    return (
        line[:1].islower()
        and before[-1:].isalnum()
        and not any(each.match(line) for each in (_LEFT_SIDE, _DEFINITION, _CONDITION))
    )


def formula_table(lines: list[str]) -> list[str]:
    """The lines as typeset formulas, a row each, signs below each other; [] if they are none."""
    joined: list[str] = []
    for line in lines:
        if not line.strip():
            continue
        if joined and _continues(joined[-1], line):
            joined[-1] += " " + line.strip()
        else:
            joined.append(line.rstrip())
    rows = []
    for line in joined:
        if (row := _row(line)) is None:
            return []
        rows.append(row)
    if not any("<math" in row for row in rows):
        return []
    return [".. raw:: html", "", '    <div class="formulas"><table>' + "".join(rows) + "</table></div>", ""]


def _row(line: str) -> str | None:
    """A row: condition, left side, relation and right side, remark; None if it is no formula."""
    text = re.sub(r"(?<=\S)\s{2,}(?=(?:=|<-)\s)", " ", line)
    formula, *remarks = re.split(r"\s{3,}", text.strip())
    if (text.startswith(" ") or formula.startswith("(")) and not _RELATION.match(formula):
        # Words between formulas; in columns, it is a table.
        return None if remarks else f'<tr><td></td><td class="remark" colspan="3">{html.escape(formula)}</td></tr>'
    condition = _CONDITION.match(formula)
    if condition:
        formula = formula[condition.end() :]
    relation = _RELATION.search(formula)
    if relation is None:
        return None
    if behind := _words_behind(formula[relation.end() :]):
        formula, remarks = formula[: -len(behind)], [behind.lstrip(",;: "), *remarks]
    left, right = math(formula[: relation.start()]), math(formula[relation.start() :])
    if left is None or right is None or (re.search(r",\s", formula[: relation.start()]) and not condition):
        return None
    words = "" if condition is None else html.escape(condition[1])
    remark = "<br>".join(_remark(each) for each in remarks)
    return (
        f'<tr><td class="condition">{words}</td><td class="left">{left}</td><td class="right">{right}</td>'
        f'<td class="remark">{remark}</td></tr>'
    )


def _words_behind(right: str) -> str:
    """What stands behind a formula on its line and is a sentence: some words, no relation.

    >>> _words_behind("max(x, 0), each number by itself")
    ', each number by itself'
    """
    for place in range(len(right)):
        behind = right[place:]
        outside = right[:place].count("(") == right[:place].count(")")
        if not (outside and re.match(r"[,:;] ", behind)) or _RELATION.search(behind) or "*" in behind:
            continue
        if len(re.findall(r"[A-Za-z]{2,}", behind)) > 1:
            return "" if re.match(r", (?:and )?over ", behind) else behind
    return ""


def _remark(text: str) -> str:
    """What stands behind a formula on its line: another formula, or words."""
    formula = _CONDITION.sub("", text)
    return (math(text) if _LEFT_SIDE.match(formula) else None) or html.escape(text)
