"""The module that a template becomes, in the making: its functions, the values they name, and its class."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from types import CodeType
from typing import Any

from raa.kid.errors import TemplateSyntaxError
from raa.kid.parse import Event
from raa.kid.python import REFUSALS, expression, on_line, quoted

#: statements, and events that are known beforehand
Code = list["ast.stmt | Event"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A template as code, and the values that the code names."""

    code: CodeType
    constants: dict[str, Any]


class Assembly:
    """Takes functions and names of a template; `finished` makes code of them."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.constants: dict[str, Any] = {}
        self.functions: list[ast.FunctionDef] = []
        self.defs: list[str] = []
        self.rules: list[str] = []
        self.bases, self.layout, self.line = "", "None", 1

    def constant(self, value: Any) -> str:
        """Keep a value for the code; returns the name it has there."""
        name = f"_kid_{len(self.constants)}"
        self.constants[name] = value
        return name

    def function(self, head: Any, body: Code, line: int) -> None:
        function = quoted(head) if isinstance(head, str) else head
        function.body = [*self.joined(body), quoted("yield from ()")]
        self.functions.append(on_line(function, line))

    def joined(self, code: Code) -> list[ast.stmt]:
        """Return statements alone; events that follow one another are yielded at once."""
        found: list[ast.stmt] = []
        known: list[Event] = []
        for item in [*code, None]:
            if isinstance(item, tuple):
                known.append(item)
                continue
            if known:
                found.append(on_line(quoted(f"yield from {self.constant(tuple(known))}"), known[0][2][1]))
                known = []
            found += [item] if item else []
        return found

    def lookup(self, head: str, source: str, line: int) -> None:
        """Add a function that returns the value of an expression."""
        function = quoted(head)
        function.body = [quoted("return VALUE", VALUE=expression(source, self.path, line))]
        self.functions.append(on_line(function, line))

    def finished(self, body: Code, outside: Code) -> Compiled:
        """Return the code: what stands outside of the outermost element, the functions, the class."""
        self.function("def _kid_body(self): pass", body, 1)
        defs, rules = ", ".join(self.defs), "".join(rule + ", " for rule in self.rules)
        whole = f"_kid.assemble(_kid_scope, _kid_body, [{self.bases}], {{{defs}}}, ({rules}), {self.layout})"
        module = [*self.joined(outside), *self.functions, on_line(quoted(f"Template = {whole}"), self.line)]
        nodes = [node for found in module for node in ast.walk(found)]
        shared = {name for node in nodes if isinstance(node, ast.Global) for name in node.names}
        for function in self.functions:
            _load_names(function, shared)
        try:
            code = compile(ast.Module(module, []), self.path, "exec", dont_inherit=True)
        except REFUSALS as error:
            line = getattr(error, "lineno", None) or 1
            raise TemplateSyntaxError(str(getattr(error, "msg", error)), self.path, line) from error
        return Compiled(code, self.constants)


def _load_names(function: ast.FunctionDef, shared: set[str]) -> None:
    """Let a function begin with all names it reads or writes, from the template's variables, its module and Python.

    So they are local, and one that is assigned later begins as the variable. Names that some code declares `global`
    are looked up where they are used.
    """
    own = function.args
    known = [*own.posonlyargs, *own.args, *own.kwonlyargs, *filter(None, (own.vararg, own.kwarg))]
    used = {node.id for found in function.body for node in ast.walk(found) if isinstance(node, ast.Name)}
    names = sorted(name for name in used - shared - {arg.arg for arg in known} if not name.startswith("_kid"))
    if names:
        load = quoted(f"{', '.join(names)}, = _kid.load(self, _kid_scope, {tuple(names)!r})")
        unset = [quoted(f"if {name} is _kid.unset: del {name}") for name in names]
        function.body[:0] = [on_line(found, function.lineno) for found in (load, *unset)]
