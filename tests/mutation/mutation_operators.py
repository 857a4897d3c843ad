"""Small changes of a program's source, one at a time, each of which a test should notice.

`mutants(source, file)` finds the places; a `Mutant` knows where it is and makes its change in the
syntax tree for the length of a with-block. Left alone is what is no behaviour: annotations,
docstrings, names that are exported, and everything that only makes the text of a message.
"""

import ast
import contextlib
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

# --- What is left alone ------------------------------------------------------------------------

TEXTS = {
    "__repr__",
    "__str__",
    "_repr_html_",
    "_advice",
    "_formula",
    "where",
}  # functions that only describe
UNCHANGED_CALLS = {"TypeVar", "ParamSpec", "add_note", "warn", "isinstance", "getattr", "hasattr"}
UNCHANGED_KEYWORDS = {"strict", "stacklevel"}


def is_skipped(node: ast.AST) -> bool:
    """Return whether a node and everything in it is left alone."""
    match node:
        case ast.Raise() | ast.Assert() | ast.Import() | ast.ImportFrom() | ast.JoinedStr():
            return True
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            returns = ast.unparse(node.returns) if node.returns else ""
            return node.name in TEXTS or "Error" in returns or returns == "NoReturn"
        case ast.ClassDef(bases=bases):
            return any(ast.unparse(base) == "Protocol" for base in bases)
        case ast.If(test=test):
            return ast.unparse(test) == "TYPE_CHECKING"
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Call(func=func):
            name = ast.unparse(func).rpartition(".")[2]
            return name.endswith(("Error", "Warning")) or name in {"TypeVar", "ParamSpec"}
        case ast.keyword(arg=arg):
            return arg in UNCHANGED_KEYWORDS
        case ast.AnnAssign(annotation=annotation, value=value):
            return value is None or ast.unparse(annotation) == "TypeAlias"
        case ast.Assign(targets=[ast.Name(id=name), *_], value=value):
            is_type = name[0].isupper() and not name.isupper() and not isinstance(value, ast.Call)
            return name.startswith("__") or is_type
    return False


def fields(node: ast.AST) -> Iterator[str]:
    """Yield the names of the fields of a node that hold behaviour."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from ("args", "body")
        case ast.arguments():
            yield from ("defaults", "kw_defaults")
        case ast.ClassDef() | ast.ExceptHandler():
            yield "body"
        case ast.AnnAssign():
            yield "value"
        case ast.Call(func=ast.Name(id="cast")):
            yield "args"
        case _:
            yield from node._fields


def children(node: ast.AST) -> Iterator[tuple[str, int | None, ast.AST]]:
    for field in fields(node):
        value = getattr(node, field)
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST) and not is_skipped(child):
                yield field, index, child


# --- The changes ---------------------------------------------------------------------------------

OPERATORS = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.Pow: ast.Mult, ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift,
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
COMMUTATIVE = (ast.Add, ast.Mult, ast.BitAnd, ast.BitOr)

PAIRS = [
    ("sin", "cos"), ("sinh", "cosh"), ("maximum", "minimum"), ("max", "min"), ("floor", "ceil"),
    ("zeros_like", "ones_like"), ("zeros", "ones"), ("exp", "expm1"), ("log", "log1p"),
    ("argmax", "argmin"), ("triu", "tril"), ("any", "all"), ("sqrt", "square"), ("sum", "mean"),
    ("deg2rad", "rad2deg"), ("radians", "degrees"), ("isfinite", "isnan"), ("add", "subtract"),
]  # fmt: skip
NEIGHBOURS = {a: b for pair in PAIRS for a, b in (pair, pair[::-1])} | {
    "floor_divide": "true_divide",
    "exp2": "exp",
}
# In the first two arguments.
SYMMETRIC = {"min", "max", "minimum", "maximum", "add", "multiply", "logaddexp", "result_type"}
LIBRARIES = {"np", "math"}
BUILTINS = {"min", "max", "any", "all"}
# Calls that may be left out, so that what they are applied to stays.
METHODS = {
    "sum", "mean", "max", "min", "prod", "any", "all", "reshape", "ravel", "copy", "astype",
    "squeeze", "clip",
}  # fmt: skip
FUNCTIONS = METHODS | {
    "expand_dims", "swapaxes", "moveaxis", "transpose", "flip", "cumsum", "broadcast_to", "abs",
    "absolute", "sign", "sqrt", "square", "exp", "log", "negative", "reduce", "reversed", "sorted",
    "roll", "triu", "tril", "ascontiguousarray",
}  # fmt: skip


def changed(node: Any, **values: Any) -> Any:
    """Return a copy of a node with other fields."""
    new = copy.copy(node)
    for name, value in values.items():
        setattr(new, name, value)
    return new


def without(items: list[Any], index: int) -> list[Any]:
    return items[:index] + items[index + 1 :]


def of_constant(node: ast.Constant) -> Iterator[ast.AST]:
    match node.value:
        case bool():
            yield changed(node, value=not node.value)
        case int():
            yield changed(node, value=node.value + 1)
        case float():
            yield changed(node, value=node.value * 2 if node.value else 1.0)


def of_binary(node: ast.BinOp) -> Iterator[ast.AST]:
    if any(isinstance(side, ast.JoinedStr) for side in (node.left, node.right)):
        return
    operator = type(node.op)
    if operator in OPERATORS:
        yield changed(node, op=OPERATORS[operator]())
    yield node.left
    yield node.right
    if operator not in COMMUTATIVE:
        yield changed(node, left=node.right, right=node.left)


def of_comparison(node: ast.Compare) -> Iterator[ast.AST]:
    for index, operator in enumerate(node.ops):
        if type(operator) in OPERATORS:
            ops = list(node.ops)
            ops[index] = OPERATORS[type(operator)]()
            yield changed(node, ops=ops)


def of_boolean(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield changed(node, op=OPERATORS[type(node.op)]())
    for index in range(len(node.values)):
        rest = without(node.values, index)
        yield rest[0] if len(rest) == 1 else changed(node, values=rest)


def of_call(node: ast.Call) -> Iterator[ast.AST]:
    name = ast.unparse(node.func).rpartition(".")[2]
    if name in UNCHANGED_CALLS or name == "cast":
        return
    starred = any(isinstance(arg, ast.Starred) for arg in node.args)
    if not starred:
        for i in range(name in SYMMETRIC, len(node.args) - 1):
            args = list(node.args)
            args[i], args[i + 1] = args[i + 1], args[i]
            if ast.dump(args[i]) != ast.dump(args[i + 1]):
                yield changed(node, args=args)
    for index, keyword in enumerate(node.keywords):
        if keyword.arg not in UNCHANGED_KEYWORDS:
            yield changed(node, keywords=without(node.keywords, index))
    if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) not in LIBRARIES:
        if name in METHODS:
            yield node.func.value  # x.sum(...) -> x
    elif name in FUNCTIONS and node.args and not starred:
        yield node.args[0]  # np.sum(x, ...) -> x


def of_name(node: ast.Attribute | ast.Name) -> Iterator[ast.AST]:
    match node:
        case ast.Attribute(value=ast.Name(id=library), attr=name) if library in LIBRARIES:
            if name in NEIGHBOURS:
                yield changed(node, attr=NEIGHBOURS[name])
        case ast.Attribute(value=value, attr="T" | "mT"):
            yield value
        case ast.Name(id=name, ctx=ast.Load()) if name in BUILTINS:
            yield changed(node, id=NEIGHBOURS[name])


def of_subscript(node: ast.Subscript) -> Iterator[ast.AST]:
    if isinstance(node.slice, ast.Name):  # x[i] -> x[i + 1]
        shifted = ast.BinOp(node.slice, ast.Add(), ast.Constant(1))
        yield changed(node, slice=shifted)


def of_slice(node: ast.Slice) -> Iterator[ast.AST]:
    for bound in ("lower", "upper", "step"):
        if getattr(node, bound) is not None:
            yield changed(node, **{bound: None})


def of_condition(node: ast.If | ast.IfExp | ast.While) -> Iterator[ast.AST]:
    for value in (False, True):
        if not (value and isinstance(node, ast.While)):  # which would never end
            yield changed(node, test=ast.Constant(value))


def of_comprehension(node: ast.comprehension) -> Iterator[ast.AST]:
    for index in range(len(node.ifs)):
        yield changed(node, ifs=without(node.ifs, index))


def of_return(node: ast.Return) -> Iterator[ast.AST]:
    match node.value:
        case None:
            yield ast.Pass()
        case ast.Constant(value=None):
            pass
        case _:
            yield changed(node, value=ast.Constant(None))


def of_assignment(node: ast.AugAssign) -> Iterator[ast.AST]:
    if type(node.op) in OPERATORS:
        yield changed(node, op=OPERATORS[type(node.op)]())


def of_negation(node: ast.UnaryOp) -> Iterator[ast.AST]:
    yield node.operand


CHANGES: dict[type[ast.AST], Any] = {
    ast.Constant: of_constant, ast.BinOp: of_binary, ast.Compare: of_comparison,
    ast.BoolOp: of_boolean, ast.Call: of_call, ast.Attribute: of_name, ast.Name: of_name,
    ast.Subscript: of_subscript, ast.Slice: of_slice, ast.If: of_condition,
    ast.IfExp: of_condition, ast.While: of_condition, ast.comprehension: of_comprehension,
    ast.Return: of_return, ast.AugAssign: of_assignment, ast.UnaryOp: of_negation,
}  # fmt: skip
REMOVED = (
    ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete, ast.For, ast.Continue, ast.Break,
)  # fmt: skip


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node."""
    if type(node) in CHANGES:
        yield from CHANGES[type(node)](node)
    is_call = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Await)
    if is_call or isinstance(node, REMOVED):
        yield ast.Pass()


# --- Mutants -----------------------------------------------------------------------------------

SHOWN = 40  # characters to both sides of a change, enough to recognise the place


class Mutant(NamedTuple):
    """One change; without the line it is the same for as long as the changed lines are."""

    file: str
    function: str
    line: int
    before: str
    after: str
    number: int  # from 1 on, where a function has the same change several times
    lines: range  # of the statement around it
    place: tuple[ast.AST, str, int | None, ast.AST]

    @property
    def change(self) -> str:
        again = f"  #{self.number}" if self.number > 1 else ""
        return f"{self.before}  ->  {self.after}{again}"

    @property
    def key(self) -> tuple[str, str, str]:
        return self.file, self.function, self.change

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Make the change in the tree for the length of a with-block."""
        parent, field, index, new = self.place
        with replaced(parent, field, index, new):
            yield


@contextlib.contextmanager
def replaced(parent: ast.AST, field: str, index: int | None, new: ast.AST) -> Iterator[None]:
    if index is None:
        old = getattr(parent, field)
        setattr(parent, field, new)
        yield
        setattr(parent, field, old)
    else:
        items = getattr(parent, field)
        old, items[index] = items[index], new
        yield
        items[index] = old


def alike(a: str, b: str) -> int:
    """Return how many characters two texts have in common at their start."""
    shorter = min(len(a), len(b))
    return next((i for i in range(shorter) if a[i] != b[i]), shorter)


def difference(before: str, after: str) -> tuple[str, str]:
    """Return what differs between two texts, with some of what is around it."""
    same = alike(before, after)
    same_end = alike(before[same:][::-1], after[same:][::-1])
    start, end = max(0, same - SHOWN), max(0, same_end - SHOWN)

    def shown(text: str) -> str:
        window = text[start : len(text) - end]
        return ("…" if start else "") + window + ("…" if end else "")

    return shown(before), shown(after)


class Place(NamedTuple):
    """Where a walk through the tree has come to."""

    function: str
    unit: ast.AST  # the smallest statement or lambda around a node
    lines: range


def header(node: ast.stmt) -> range:
    """Return the lines of a statement without those of the statements in it."""
    last = node.end_lineno or node.lineno
    if isinstance(body := getattr(node, "body", None), list) and body:
        last = max(node.lineno, body[0].lineno - 1)
    return range(node.lineno, last + 1)


def text(node: ast.AST) -> str:
    """Return a node's source; of a compound statement, the first line."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return f"def {node.name}({ast.unparse(node.args)})"
    source = ast.unparse(node)
    return (
        source.partition("\n")[0]
        if isinstance(node, ast.stmt) and hasattr(node, "body")
        else source
    )


def entered(node: ast.AST, place: Place) -> Place:
    """Return the place of what is in a node."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            name = f"{place.function}.{node.name}" if place.function else node.name
            return Place(name, node, header(node))
        case ast.Lambda():
            return place._replace(unit=node, lines=range(node.lineno, node.end_lineno + 1))
        case ast.Expr(value=ast.Call(func=func, args=[first, *_])) if not place.function:
            return Place(f"{ast.unparse(func)}({ast.unparse(first)})", node, header(node))
        case ast.stmt():
            return place._replace(unit=node, lines=header(node))
    return place


def walk(node: ast.AST, place: Place) -> Iterator[tuple[ast.AST, str, int | None, ast.AST, Place]]:
    for field, index, child in children(node):
        inner = entered(child, place)
        yield node, field, index, child, inner
        yield from walk(child, inner)


def described(place: Place, slot: tuple[ast.AST, str, int | None], new: ast.AST, old: ast.AST):
    """Return the source around a change, before and after."""
    if isinstance(new, ast.Pass):
        return " ".join(text(old).split())[: 2 * SHOWN], "(removed)"
    if old is place.unit:
        return difference(text(old), text(new))
    before = text(place.unit)
    with replaced(*slot, new):
        after = text(place.unit)
    return difference(before, after)


def mutants(tree: ast.Module, file: str) -> list[Mutant]:
    """Return every change of a module, in the order of its source."""
    found: list[Mutant] = []
    seen: dict[tuple[str, str, str], int] = {}
    for parent, field, index, child, place in walk(tree, Place("", tree, range(0))):
        for new in changes(child):
            if not hasattr(new, "lineno"):  # and so it is not a part of the tree already
                ast.copy_location(new, child)
            ast.fix_missing_locations(new)
            before, after = described(place, (parent, field, index), new, child)
            function = place.function or "module"
            number = seen[function, before, after] = seen.get((function, before, after), 0) + 1
            line = getattr(child, "lineno", place.lines.start)
            slot = (parent, field, index, new)
            found.append(Mutant(file, function, line, before, after, number, place.lines, slot))
    return found
