"""Python source of a template into syntax trees that carry the template's lines; idioms of Python 2 are rewritten."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import warnings
from types import CodeType
from typing import Any

from raa.kid.errors import TemplateSyntaxError, TemplateWarning

#: what the parser and compiler of Python raise
REFUSALS = (SyntaxError, ValueError, MemoryError, RecursionError)
_METHODS = {"iteritems": "items", "iterkeys": "keys", "itervalues": "values"}
_PRINT = re.compile(r"^((?:[^\n#'\"]*[:;])?[ \t]*)print[ \t]+(?!>>)([^\n;]+?)(,?)[ \t]*(?=;|$)", re.MULTILINE)
_EXCEPT = re.compile(r"^([ \t]*except[ \t]+(?:[\w.]+|\([^()\n]*\)))[ \t]*,[ \t]*(\w+)[ \t]*:", re.MULTILINE)
_KEYWORD = re.compile(r"([A-Za-z_][\w.:-]*)\s*$")
_LEADING = re.compile(r"^[ \t]+")
#: what else Python 2 wrote, and what to write instead
_REFUSED = {
    r"`": "repr(x) for `x`", r"<>": "!= for <>",
    r"\braise\s+[\w.]+\s*,": "raise E(text) for raise E, text", r"\bexec\s+[^(\s]": "exec(code) for exec code",
    r"\b0\d+\b": "0o17 for 017", r"\b\d+[lL]\b": "10 for 10L", r"\b[uU][rR]['\"]": "r'' for ur''",
}  # fmt: skip


def decode(value: Any, *arguments: Any, **named: Any) -> Any:
    """Decode bytes, and a text as Python 2 had it: one character a byte."""
    if isinstance(value, str):
        try:
            value = value.encode("latin-1")
        except UnicodeEncodeError:
            return value  # it was decoded long ago
    return value.decode(*arguments, **named)


def _unicode(value: Any = "", *arguments: Any) -> str:
    return str(decode(value, *arguments)) if arguments and isinstance(value, str) else str(value, *arguments)


#: names of Python 2 that templates find among the builtins
NAMES: dict[str, Any] = {"unicode": _unicode, "basestring": str, "unichr": chr, "xrange": range, "long": int}


def expression(source: str, path: str, line: int) -> CodeType:
    """Compile an expression; raises `TemplateSyntaxError`."""
    stripped = source.lstrip()
    line += source.count("\n", 0, len(source) - len(stripped))
    found = parsed(f"({stripped}\n)" if "#" in stripped else f"({stripped})", path, line)
    if len(found) != 1 or not isinstance(found[0], ast.Expr):
        raise TemplateSyntaxError(f"not one expression: {stripped}", path, line)
    return code(ast.Expression(found[0].value), path)


def is_expression(source: str) -> bool:
    """Tell whether a text is a Python expression, of Python 3 alone."""
    try:
        ast.parse(f"({source.strip()}\n)", mode="eval")
    except REFUSALS:
        return False
    return True


def mapping(text: str, path: str, line: int) -> CodeType:
    """Compile `py:attrs`: a mapping or pairs, a mapping's inside, or keywords of any name: `class=x, xml:lang=y`."""
    try:
        return expression(text, path, line)
    except TemplateSyntaxError as error:
        try:
            return expression(f"{{{_keywords(text.strip())}}}", path, line)
        except (*REFUSALS, tokenize.TokenError):
            what = f"py:attrs takes a dict, pairs or keywords, not {text}: {error.__cause__}"
            raise TemplateSyntaxError(what, path, line) from error


def block(source: str, path: str, line: int) -> list[ast.stmt]:
    """Parse the code of a `<?python ?>` instruction, however it is indented."""
    first, *others = [_LEADING.sub(lambda found: found[0].expandtabs(), row) for row in source.rstrip().split("\n")]
    rows = [row for row in others if row.strip() and row.lstrip()[0] != "#"]
    margin = min((len(row) - len(row.lstrip()) for row in rows), default=0)
    others = [row[:margin].lstrip() + row[margin:].rstrip() for row in others]
    try:
        return parsed("\n".join([first, *others]), path, line)
    except TemplateSyntaxError as error:
        if not isinstance(error.__cause__, IndentationError):
            raise
        try:  # the first line opens a block, and the others are its body
            return parsed("\n    ".join([first, *others]), path, line)
        except TemplateSyntaxError:
            raise error from None


def parsed(source: str, path: str, line: int) -> list[ast.stmt]:
    """Parse statements that begin on this line of the template; raises `TemplateSyntaxError`."""
    modern = _EXCEPT.sub(r"\1 as \2:", source)
    found = [("except A, e is now except A as e", place.start(1)) for place in _EXCEPT.finditer(source)]
    try:
        try:
            tree = ast.parse(modern)
        except SyntaxError:
            tree = ast.parse(_PRINT.sub(_print, modern))
            found += [("print x is now print(x)", place.start(1)) for place in _PRINT.finditer(source)]
        for text, offset in found:
            _warn(text, path, line + source.count("\n", 0, offset))
        return _Idioms(path).visit(_moved(tree, line)).body  # type: ignore[no-any-return]
    except TemplateSyntaxError:
        raise
    except REFUSALS as error:
        hint = next((f" (Python 2: write {text})" for sign, text in _REFUSED.items() if re.search(sign, source)), "")
        row = min(getattr(error, "lineno", None) or 1, source.count("\n") + 1) - 1
        text = getattr(error, "msg", None) or str(error) or type(error).__name__
        shown = source.split("\n")[row].strip()
        raise TemplateSyntaxError(f"{text}: {shown}{hint}", path, line + row) from error


def code(tree: ast.Module | ast.Expression, path: str) -> CodeType:
    """Compile what was parsed; raises `TemplateSyntaxError`."""
    try:
        return compile(tree, path, "eval" if isinstance(tree, ast.Expression) else "exec", dont_inherit=True)
    except REFUSALS as error:
        line = getattr(error, "lineno", None) or 1
        raise TemplateSyntaxError(str(getattr(error, "msg", error)), path, line) from error


def _moved(tree: Any, line: int) -> Any:
    for node in [node for node in ast.walk(tree) if hasattr(node, "lineno")]:
        columns = {"col_offset": -1, "end_col_offset": -1}  # they are not those of the template
        vars(node).update(lineno=node.lineno + line - 1, end_lineno=node.lineno + line - 1, **columns)
    return tree


def inside(statements: list[ast.stmt]) -> ast.Module:
    """Fit code that stands inside the outermost element: `return` ends the function, `global` means the module."""
    tree = ast.Module(statements, [])
    shared = {name for node in ast.walk(tree) if isinstance(node, ast.Global) for name in node.names}
    return ast.fix_missing_locations(_Inside(shared).visit(tree))  # type: ignore[no-any-return]


def _keywords(text: str) -> str:
    """Quote what stands before each outer `=`, and write a colon for it."""
    flat, depth, done, start = text.replace("\n", " "), 0, "", 0
    for token in tokenize.generate_tokens(io.StringIO(flat).readline):
        depth += (token.string in ("(", "[", "{")) - (token.string in (")", "]", "}"))
        if token.type == tokenize.OP and token.string == "=" and depth == 0:
            name = _KEYWORD.search(flat[start : token.start[1]])
            if not name:
                raise ValueError("a name belongs before =")
            done += flat[start : start + name.start()] + f"{name[1]!r}:"
            start = token.end[1]
    return done + flat[start:]


def _print(found: re.Match[str]) -> str:
    return f"{found[1]}print({found[2]}{', end=' + repr(' ') if found[3] else ''})"


def _warn(text: str, path: str, line: int) -> None:
    warnings.warn_explicit(f"{path}, line {line}: {text}", TemplateWarning, path, line)


class _Idioms(ast.NodeTransformer):
    """Rewrites what Python 3 reads and does not run."""

    def __init__(self, path: str) -> None:
        self.path = path

    def visit_Call(self, node: ast.Call) -> ast.expr:
        self.generic_visit(node)
        match node:
            case ast.Call(func=ast.Attribute(attr=old) as method, args=[], keywords=[]) if old in _METHODS:
                _warn(f"{old}() is now {_METHODS[old]}()", self.path, node.lineno)
                method.attr = _METHODS[old]
            case ast.Call(func=ast.Attribute(attr="has_key", value=owner), args=[key], keywords=[]):
                _warn("has_key(k) is now k in", self.path, node.lineno)
                return ast.copy_location(ast.Compare(key, [ast.In()], [owner]), node)
            case ast.Call(func=ast.Attribute(attr="decode", value=owner)):
                node.func, node.args = ast.copy_location(ast.Name("_kid_decode", ast.Load()), node), [owner, *node.args]
            case ast.Call(func=ast.Name("locals" | "vars"), args=[], keywords=[]):  # also in a comprehension
                return _moved(ast.parse("{**globals(), **locals()}", mode="eval"), node.lineno).body  # type: ignore[no-any-return]
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


class _Inside(ast.NodeTransformer):
    def __init__(self, shared: set[str]) -> None:
        self.shared, self.depth = shared, 0

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.depth += 1
        self.generic_visit(node)
        self.depth -= 1
        return node

    def visit_Return(self, node: ast.Return) -> ast.stmt:
        return node if self.depth else ast.copy_location(ast.Raise(ast.Name("_kid_return", ast.Load())), node)

    def visit_Global(self, node: ast.Global) -> ast.Pass:
        return ast.Pass()

    def visit_Name(self, node: ast.Name) -> ast.expr:
        module = ast.Name("_kid_scope", ast.Load())
        return ast.Subscript(module, ast.Constant(node.id), node.ctx) if node.id in self.shared else node
