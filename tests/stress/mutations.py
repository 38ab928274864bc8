"""The small changes that `mutants.py` makes: each is one wrong operator, number, argument or
statement, as a tired programmer would write it.

Not changed, because no test should notice: docstrings, comments, annotations, imports, the words
of errors and all other text, and how Numba is asked to compile.
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARISONS: dict[type[ast.cmpop], tuple[str, ...]] = {
    ast.Lt: ("<=", ">"),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<"),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
_ARITHMETIC: dict[type[ast.operator], str] = {
    ast.Add: "-",
    ast.Sub: "+",
    ast.Mult: "/",
    ast.Div: "*",
    ast.FloorDiv: "/",
    ast.Mod: "//",
    ast.Pow: "*",
    ast.BitAnd: "|",
    ast.BitOr: "&",
    ast.LShift: ">>",
    ast.RShift: "<<",
}
_NAMES = {
    "min": "max",
    "minimum": "maximum",
    "argmin": "argmax",
    "floor": "ceil",
    "any": "all",
    "zeros": "ones",
    "float32": "float64",
    "int64": "int32",
    "sum": "max",
    "height": "width",
    "h": "w",
    "top": "left",
    "bottom": "right",
    "rows": "columns",
}
_NAMES |= {after: before for before, after in _NAMES.items() if before != "sum"}
_NAMES |= {"uint8": "int8", "uint16": "uint8", "uint32": "uint8"}
_UNWRAPPED = {"abs", "list", "tuple", "ascontiguousarray", "copy"}  # f(x) -> x, x.f() -> x
_COMMUTATIVE = {"min", "max", "minimum", "maximum", "isclose", "allclose", "shares_memory"}
# Arguments of errors, of Numba, and of zip, whose lengths agree unless something else is wrong.
_NOT_MEANT = {"fix", "stacklevel", "strict", "cache", "nogil", "fastmath", "inline", "error_model"}


@dataclass(frozen=True)
class Mutant:
    """One change of one file: the characters from `start` to `end` become `after`."""

    path: str  # of the file, from the root of the repository
    scope: str  # Class.function
    statement: str  # the first line of the statement that is changed, for its key
    line: int
    start: int
    end: int
    before: str
    after: str

    @property
    def key(self) -> str:
        """Names the change by what it says, not by where it stands: lines may move."""
        before, after = (" ".join(text.split()) for text in (self.before, self.after))
        return f"{self.path} {self.scope} | {self.statement} | {before} -> {after}"

    def apply(self, source: str) -> str:
        return source[: self.start] + self.after + source[self.end :]


def mutants(path: str, source: str) -> list[Mutant]:
    """All changes of one file that still compile, each once."""
    found: dict[str, Mutant] = {}
    for mutant in _Walk(path, source).all():
        if mutant.before == mutant.after or mutant.key in found:
            continue
        try:
            compile(mutant.apply(source), path, "exec")
        except SyntaxError:
            continue
        found[mutant.key] = mutant
    return list(found.values())


class _Walk:
    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.source = source
        self.line_starts = [0]
        for line in source.splitlines(keepends=True):
            self.line_starts.append(self.line_starts[-1] + len(line))
        self.scope: list[str] = []
        self.statement: ast.stmt | None = None
        self.names: set[str] = set()  # that the function uses
        self.indexed = False  # inside of [...]

    def all(self) -> Iterator[Mutant]:
        yield from self._body(ast.parse(self.source).body)

    # From statement to statement

    def _body(self, body: list[ast.stmt]) -> Iterator[Mutant]:
        for statement in body:
            yield from self._of_statement(statement)

    def _of_statement(self, node: ast.stmt) -> Iterator[Mutant]:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass, ast.Global, ast.Nonlocal)) or _is_text(node):
            return
        if _is_for_types(node):
            return
        outer, self.statement = self.statement, node
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield from self._of_definition(node)
        else:
            yield from self._without(node)
            yield from self._of_parts(node)
        self.statement = outer

    def _of_definition(self, node: ast.FunctionDef | ast.ClassDef) -> Iterator[Mutant]:
        self.scope.append(node.name)
        names, self.names = self.names, {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        compiled = any("njit" in ast.unparse(each) or "intrinsic" in ast.unparse(each) for each in node.decorator_list)
        for decorator in [] if compiled else node.decorator_list:
            start, end = self._span(decorator)
            if ast.unparse(decorator) not in ("overload", "staticmethod"):
                yield self._change(start - 1, end, "", decorator.lineno)
            yield from self._of_expression(decorator)
        if isinstance(node, ast.FunctionDef):
            for default in [*node.args.defaults, *filter(None, node.args.kw_defaults)]:
                yield from self._of_expression(default)
                if isinstance(default, ast.Constant) and isinstance(default.value, str):
                    yield from self._of_number_in_text(default)
        yield from self._body(node.body)
        self.names = names
        self.scope.pop()

    def _without(self, node: ast.stmt) -> Iterator[Mutant]:
        """The statement left out, where the program still has all its names without it."""
        parts = [part for each in getattr(node, "targets", []) for part in ast.walk(each)]
        named = any(isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store) for part in parts)
        if (
            isinstance(node, (ast.Expr, ast.AugAssign, ast.Raise, ast.Delete, ast.Break, ast.Continue))
            or (isinstance(node, ast.Assign) and not named)
            or (isinstance(node, ast.AnnAssign) and node.value and not isinstance(node.target, ast.Name))
        ):
            if ast.unparse(node) == "raise NotImplementedError":  # what a subclass must define
                return
            yield self._replace(node, "pass")
        if isinstance(node, ast.Return) and node.value and ast.unparse(node.value) != "None":
            yield self._replace(node, "return None")
        if isinstance(node, ast.With) and all(item.optional_vars is None for item in node.items):
            yield self._change(self._span(node)[0], self._span(node.items[-1].context_expr)[1], "if True", node.lineno)
        if isinstance(node, ast.If):
            yield self._replace(node.test, f"not ({ast.unparse(node.test)})")

    def _of_parts(self, node: ast.AST) -> Iterator[Mutant]:
        """The statements and expressions inside a node, in order."""
        if isinstance(node, ast.Raise):
            return  # the words of an error
        for field, value in ast.iter_fields(node):
            if field in ("annotation", "returns", "ctx", "op", "ops"):
                continue
            outer, self.indexed = self.indexed, field == "slice" or (self.indexed and not isinstance(node, ast.Call))
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, ast.stmt):
                    yield from self._of_statement(part)
                elif isinstance(part, ast.expr):
                    yield from self._of_expression(part)
                elif isinstance(part, ast.ExceptHandler):
                    yield from self._of_handler(part)
                elif isinstance(part, ast.AST) and getattr(part, "arg", None) not in _NOT_MEANT:
                    yield from self._of_parts(part)
            self.indexed = outer

    def _of_handler(self, node: ast.ExceptHandler) -> Iterator[Mutant]:
        if isinstance(node.type, ast.Tuple):
            for left_out in node.type.elts:
                rest = [ast.unparse(each) for each in node.type.elts if each is not left_out]
                yield self._replace(node.type, f"({', '.join(rest)},)")
        yield from self._body(node.body)

    # One expression

    def _of_expression(self, node: ast.expr) -> Iterator[Mutant]:
        if isinstance(node, ast.JoinedStr):
            return
        change = getattr(self, f"_{type(node).__name__}", None)
        if change is not None:
            for after in change(node):
                yield self._replace(node, after)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("cast", "TypeVar", "njit"):
            return
        if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant) and not self.indexed:
            return  # of reshape(-1), which takes any negative number
        yield from self._of_parts(node)

    def _Compare(self, node: ast.Compare) -> Iterator[str]:
        if len(node.ops) == 1:
            for operator in _COMPARISONS[type(node.ops[0])]:
                yield f"({ast.unparse(node.left)} {operator} {ast.unparse(node.comparators[0])})"
        else:
            parts = [node.left, *node.comparators]
            for left, operator, right in zip(parts, node.ops, parts[1:], strict=False):  # a < b < c: each alone
                yield ast.unparse(ast.Compare(left, [operator], [right]))

    def _BinOp(self, node: ast.BinOp) -> Iterator[str]:
        operator = _ARITHMETIC.get(type(node.op))
        if operator and not isinstance(node.left, (ast.JoinedStr, ast.List)):
            yield f"(({ast.unparse(node.left)}) {operator} ({ast.unparse(node.right)}))"
        if isinstance(node.op, (ast.Mult, ast.Add, ast.Sub, ast.FloorDiv)):
            yield f"({ast.unparse(node.left)})"

    def _BoolOp(self, node: ast.BoolOp) -> Iterator[str]:
        other = ast.And() if isinstance(node.op, ast.Or) else ast.Or()
        yield f"({ast.unparse(ast.BoolOp(other, node.values))})"
        for left_out in node.values:
            rest = [each for each in node.values if each is not left_out]
            yield f"({ast.unparse(ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0])})"

    def _UnaryOp(self, node: ast.UnaryOp) -> Iterator[str]:
        if isinstance(node.op, (ast.Not, ast.USub)) and not isinstance(node.operand, ast.Constant):
            yield f"({ast.unparse(node.operand)})"

    def _IfExp(self, node: ast.IfExp) -> Iterator[str]:
        yield f"({ast.unparse(node.body)})"
        yield f"({ast.unparse(node.orelse)})"

    def _Constant(self, node: ast.Constant) -> Iterator[str]:
        value = node.value
        if isinstance(value, bool):
            yield repr(not value)
        elif isinstance(value, int):
            yield from (repr(value + 1), f"({value - 1})")
        elif isinstance(value, float):
            yield repr(value * 2 if value else 1.0)

    def _Call(self, node: ast.Call) -> Iterator[str]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        plain = [each for each in node.args if not isinstance(each, ast.Starred)]
        if name in _COMMUTATIVE:
            plain = []
        if len(plain) == len(node.args) >= 2 and not (_is_string(plain[0]) and _is_string(plain[1])):
            yield ast.unparse(ast.Call(node.func, [plain[1], plain[0], *plain[2:]], node.keywords))
        for left_out in node.keywords:
            if left_out.arg and left_out.arg not in _NOT_MEANT:
                rest = [each for each in node.keywords if each is not left_out]
                yield ast.unparse(ast.Call(node.func, node.args, rest))
        if name in _UNWRAPPED:
            inner = node.args[0] if node.args else getattr(node.func, "value", None)
            if inner is not None:
                yield f"({ast.unparse(inner)})"

    def _Name(self, node: ast.Name) -> Iterator[str]:
        if isinstance(node.ctx, ast.Load):
            known = self.names | set(dir(builtins))
            yield from (other for other in _exchanged(node.id) if other in known)

    def _Attribute(self, node: ast.Attribute) -> Iterator[str]:
        if isinstance(node.ctx, ast.Load):
            yield from (f"{ast.unparse(node.value)}.{other}" for other in _exchanged(node.attr))

    def _Tuple(self, node: ast.Tuple) -> Iterator[str]:
        if len(node.elts) == 2 and isinstance(node.ctx, ast.Load) and not all(map(_is_string, node.elts)):
            first, second = map(ast.unparse, node.elts)
            if first != second:
                yield f"({second}, {first})"

    def _Subscript(self, node: ast.Subscript) -> Iterator[str]:
        if isinstance(node.slice, ast.Slice):
            lower, upper, step = node.slice.lower, node.slice.upper, node.slice.step
            for part in {(lower, None), (None, upper), (upper, lower)} - {(lower, upper)}:
                yield f"{ast.unparse(node.value)}[{ast.unparse(ast.Slice(*part, step))}]"

    # Positions in the text

    def _of_number_in_text(self, node: ast.Constant) -> Iterator[Mutant]:
        number = re.search(r"\d+", str(node.value))
        if number:
            yield self._replace(node, repr(node.value.replace(number[0], str(int(number[0]) + 1), 1)))

    def _span(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        return self._at(node.lineno, node.col_offset), self._at(node.end_lineno or 0, node.end_col_offset or 0)

    def _at(self, line: int, column: int) -> int:
        start, end = self.line_starts[line - 1 : line + 1]
        return start + len(self.source[start:end].encode()[:column].decode())

    def _replace(self, node: ast.expr | ast.stmt, after: str) -> Mutant:
        return self._change(*self._span(node), after, node.lineno)

    def _change(self, start: int, end: int, after: str, line: int) -> Mutant:
        assert self.statement is not None
        statement = ast.unparse(self.statement).splitlines()[0]
        if isinstance(self.statement, (ast.FunctionDef, ast.ClassDef)):
            statement = f"def {self.statement.name}"
        return Mutant(
            self.path, ".".join(self.scope) or "-", statement, line, start, end, self.source[start:end], after
        )


def _exchanged(name: str) -> Iterator[str]:
    """height -> width, k_h -> k_w, minimum -> maximum."""
    parts = [] if name.startswith("__") else name.split("_")
    for i, part in enumerate(parts):
        if part in _NAMES:
            yield "_".join([*parts[:i], _NAMES[part], *parts[i + 1 :]])


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_for_types(node: ast.stmt) -> bool:
    """`if TYPE_CHECKING:`, and aliases such as `Augment = Callable[...]`."""
    if isinstance(node, ast.If):
        return ast.unparse(node.test) == "TYPE_CHECKING"
    if isinstance(node, ast.AnnAssign):
        return node.value is None
    value = getattr(node, "value", None)
    return isinstance(node, ast.Assign) and isinstance(value, ast.Subscript) and ast.unparse(value.value) == "Callable"
