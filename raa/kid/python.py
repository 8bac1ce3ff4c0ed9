"""Python source of a template into syntax trees that carry the template's lines; idioms of Python 2 are rewritten."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

from raa.kid.errors import TemplateSyntaxError, TemplateWarning

#: what the parser and compiler of Python raise
REFUSALS = (SyntaxError, ValueError, MemoryError, RecursionError)
#: names of Python 2 that templates find among the builtins
NAMES = ("unicode", "basestring", "unichr", "xrange", "long")
_METHODS = {"iteritems": "items", "iterkeys": "keys", "itervalues": "values"}
_PRINT = re.compile(r"^((?:[^\n#'\"]*[:;])?[ \t]*)print[ \t]+(?!>>)([^\n;]+?)(,?)[ \t]*(?=;|$)", re.MULTILINE)
_EXCEPT = re.compile(r"^([ \t]*except[ \t]+(?:[\w.]+|\([^()\n]*\)))[ \t]*,[ \t]*(\w+)[ \t]*:", re.MULTILINE)
_LEADING = re.compile(r"^[ \t]+")
#: what else Python 2 wrote, and what to write instead
_REFUSED = {
    r"`": "repr(x) for `x`", r"<>": "!= for <>",
    r"\braise\s+[\w.]+\s*,": "raise E(text) for raise E, text", r"\bexec\s+[^(\s]": "exec(code) for exec code",
    r"\b0\d+\b": "0o17 for 017", r"\b\d+[lL]\b": "10 for 10L", r"\b[uU][rR]['\"]": "r'' for ur''",
}  # fmt: skip


def expression(source: str, path: str, line: int) -> ast.expr:
    """Parse an expression; raises `TemplateSyntaxError`."""
    stripped = source.lstrip()
    line += source.count("\n", 0, len(source) - len(stripped))
    tree = _parsed(f"({stripped}\n)" if "#" in stripped else f"({stripped})", path, line)
    if len(tree) != 1 or not isinstance(tree[0], ast.Expr):
        raise TemplateSyntaxError(f"not one expression: {stripped}", path, line)
    return tree[0].value


def is_expression(source: str) -> bool:
    """Tell whether a text is a Python expression, of Python 3 alone."""
    try:
        ast.parse(f"({source.strip()}\n)", mode="eval")
    except REFUSALS:
        return False
    return True


def statement(source: str, path: str, line: int) -> Any:
    """Parse the head of a statement, to which a body is given later: `for x in y`."""
    found = _parsed(source + ": pass", path, line)
    if len(found) != 1 or getattr(found[0], "orelse", None) or len(getattr(found[0], "body", ())) != 1:
        raise TemplateSyntaxError(f"not one statement: {source}", path, line)
    return found[0]


def block(source: str, path: str, line: int) -> list[ast.stmt]:
    """Parse the code of a `<?python ?>` instruction, however it is indented."""
    line += source.count("\n", 0, len(source) - len(source.lstrip()))
    first, *lines = [_LEADING.sub(lambda found: found[0].expandtabs(), text) for text in source.strip().split("\n")]
    margin = min((_margin(text) for text in lines if text.strip() and text.lstrip()[0] != "#"), default=0)
    lines = [text[:margin].lstrip() + text[margin:].rstrip() for text in lines]
    try:
        return _parsed("\n".join([first, *lines]), path, line)
    except TemplateSyntaxError as error:
        if not isinstance(error.__cause__, IndentationError):
            raise
        try:  # the first line opens a block, and the others are its body
            return _parsed("\n    ".join([first, *lines]), path, line)
        except TemplateSyntaxError:
            raise error from None


def _margin(text: str) -> int:
    return len(text) - len(text.lstrip())


def _parsed(source: str, path: str, line: int) -> list[ast.stmt]:
    modern = _EXCEPT.sub(r"\1 as \2:", source)
    found = [("except A, e is now except A as e", place.start(1)) for place in _EXCEPT.finditer(source)]
    try:
        try:
            tree = ast.parse(modern)
        except SyntaxError:
            tree = ast.parse(_PRINT.sub(_print, modern))
            found += [("print x is now print(x)", place.end(1)) for place in _PRINT.finditer(source)]
    except REFUSALS as error:
        hint = next((f" (Python 2: write {text})" for sign, text in _REFUSED.items() if re.search(sign, source)), "")
        row = min(getattr(error, "lineno", None) or 1, source.count("\n") + 1)
        text = getattr(error, "msg", None) or str(error) or type(error).__name__
        shown = source.split("\n")[row - 1].strip()
        raise TemplateSyntaxError(f"{text}: {shown}{hint}", path, line + row - 1) from error
    for text, offset in found:
        _warn(text, path, line + source.count("\n", 0, offset))
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):  # the columns are not those of the template
            node.lineno = node.end_lineno = node.lineno + line - 1  # type: ignore[attr-defined]
            node.col_offset = node.end_col_offset = -1  # type: ignore[attr-defined]
    try:
        return [on_line(_Idioms(path).visit(node), node.lineno) for node in tree.body]
    except RecursionError:
        raise TemplateSyntaxError(f"nested too deep: {source[:60]}", path, line) from None


def _print(found: re.Match[str]) -> str:
    return f"{found[1]}print({found[2]}{', end=' + repr(' ') if found[3] else ''})"


def _warn(text: str, path: str, line: int) -> None:
    warnings.warn_explicit(f"{path}, line {line}: {text}", TemplateWarning, path, line)


class _Idioms(ast.NodeTransformer):
    """Rewrites what Python 3 reads and does not run, and calls that look at the caller's own names."""

    def __init__(self, path: str) -> None:
        self.path = path

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        here = "_kid.locals(self, locals())"
        match node:
            case ast.Call(func=ast.Attribute(attr=old) as method, args=[], keywords=[]) if old in _METHODS:
                _warn(f"{old}() is now {_METHODS[old]}()", self.path, node.lineno)
                method.attr = _METHODS[old]
            case ast.Call(func=ast.Attribute(attr="has_key", value=owner), args=[key], keywords=[]):
                _warn("has_key(k) is now k in", self.path, node.lineno)
                return ast.Compare(key, [ast.In()], [owner])
            case ast.Call(func=ast.Attribute(attr="decode", value=owner)):
                node.func, node.args = quoted("_kid.decode").value, [owner, *node.args]
            case ast.Call(func=ast.Name("locals" | "vars" | "dir" as kind), args=[], keywords=[]):
                return quoted(f"sorted({here})" if kind == "dir" else here).value  # type: ignore[no-any-return]
            case ast.Call(func=ast.Name("eval"), args=[source], keywords=[]):
                node.args = [source, *quoted(f"(_kid_scope, {here})").value.elts]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.BinOp:
        if isinstance(node.op, ast.RShift) and isinstance(node.left, ast.Name) and node.left.id == "print":
            raise TemplateSyntaxError("Python 2: write print(x, file=f) for print >>f, x", self.path, node.lineno)
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        if node.id in NAMES and isinstance(node.ctx, ast.Load):
            _warn(f"{node.id} is a name of Python 2", self.path, node.lineno)
        return node


def on_line(tree: Any, line: int) -> Any:
    """Give the nodes that have no line this one."""
    for node in ast.walk(tree):
        if "lineno" in node._attributes and not hasattr(node, "lineno"):
            node.lineno = node.end_lineno = line  # type: ignore[attr-defined]
            node.col_offset = node.end_col_offset = -1  # type: ignore[attr-defined]
    return tree


def quoted(source: str, **parts: ast.expr) -> Any:
    """Return a statement of ours without lines, other trees in place of some of its names."""
    tree = ast.parse(source).body[0]
    for node in ast.walk(tree):
        for name in ("lineno", "end_lineno", "col_offset", "end_col_offset"):
            node.__dict__.pop(name, None)
    return _Fill(parts).visit(tree)


class _Fill(ast.NodeTransformer):
    def __init__(self, parts: dict[str, ast.expr]) -> None:
        self.parts = parts

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.parts.get(node.id, node)
