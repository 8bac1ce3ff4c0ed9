"""The reference pages name everything there is, and nothing that there is not."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import re
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from reading import DOCS, ROOT, codes, first_codes, rows, section

import raa.web
from raa import authorization, cli, constants, rpath_error
from raa import config as configuration
from raa.db import schedule
from raa.modules.raasrvplugin import rAASrvPlugin
from raa.modules.raawebplugin import rAAWebPlugin
from raa.plugin.discovery import discover
from raa.plugin.loading import classes
from raa.web.chrome import Ui
from raa.web.mounting import Route, routes
from raa.web.rootmethods import RootMethods

REFERENCE = DOCS / "reference"


def signature(name: str, function: Callable[..., object]) -> str:
    """Write a signature as the pages do: without `self`, annotations and spaces around defaults."""
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    plain = inspect.Signature([p.replace(annotation=inspect.Parameter.empty) for p in parameters])
    return (name + str(plain)).replace("'", '"')


# -- directives


def default_sections() -> dict[str, dict[str, object]]:
    return configuration.parse((ROOT / "config" / "prod.cfg").read_text("utf-8"), "prod.cfg")


def listed_directives(heading: str) -> dict[str, object]:
    text = section(REFERENCE / "directives.md", heading)
    return {codes(name)[0]: ast.literal_eval(codes(default)[0]) for name, default, _ in rows(text)}


@pytest.mark.parametrize("name", default_sections())
def test_directives_of_a_section_are_listed_with_their_defaults(name: str) -> None:
    assert listed_directives(f"[{name}]") == default_sections()[name]


def test_no_section_of_directives_is_listed_that_is_not_there() -> None:
    headings = re.findall(r"^## \[(.+)\]$", (REFERENCE / "directives.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(headings) == sorted(default_sections())


# -- command line


def commands() -> dict[str, argparse.ArgumentParser]:
    top = cli.parser()
    return {"raa": top, **_below("raa", top)}


def _below(path: str, command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found: dict[str, argparse.ArgumentParser] = {}
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, verb in action.choices.items():
                found |= {f"{path} {name}": verb, **_below(f"{path} {name}", verb)}
    return found


@pytest.mark.parametrize("name", commands())
def test_options_of_a_command_are_listed(name: str) -> None:
    given = {option for action in commands()[name]._actions for option in action.option_strings}
    listed = {code for code in first_codes(section(REFERENCE / "cli.md", name)) if code.startswith("-")}

    assert listed == (given if name == "raa" else given - {"-h", "--help"})


def test_no_command_is_listed_that_is_not_there() -> None:
    headings = re.findall(r"^## (raa.*)$", (REFERENCE / "cli.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(headings) == sorted(commands())


# -- plugin API


def members(cls: type) -> set[str]:
    """Name what a class offers: methods with their signature, attributes by name alone."""
    found = {name for name in inspect.get_annotations(cls) if not name.startswith("_")}
    for name, member in vars(cls).items():
        if not name.startswith("_"):
            found.discard(name)
            found.add(signature(name, member) if inspect.isfunction(member) else name)
    return found


@pytest.mark.parametrize("cls", [rAAWebPlugin, rAASrvPlugin])
def test_members_of_a_base_class_are_listed(cls: type) -> None:
    listed = first_codes(section(REFERENCE / "plugin-api.md", cls.__name__))

    assert sorted(listed) == sorted(members(cls))


@pytest.mark.parametrize(
    ("heading", "cls"), [("Declared on the class", rAAWebPlugin), ("Declared on the service class", rAASrvPlugin)]
)
def test_defaults_of_class_attributes_are_listed(heading: str, cls: type) -> None:
    for name, default, _ in rows(section(REFERENCE / "plugin-api.md", heading)):
        assert ast.literal_eval(codes(default)[0]) == getattr(cls, codes(name)[0])


def test_names_of_raa_web_are_listed_with_their_signatures() -> None:
    listed = first_codes(section(REFERENCE / "plugin-api.md", "raa.web"))

    assert sorted(listed) == sorted(signature(name, getattr(raa.web, name)) for name in raa.web.__all__)


def test_schedule_classes_are_listed() -> None:
    listed = first_codes(section(REFERENCE / "plugin-api.md", "Schedule classes"))
    kinds = {cls.__name__ for cls in schedule.Schedule.__subclasses__()}

    assert {code.partition("(")[0] for code in listed} == kinds
    for code in listed:
        name, _, arguments = code.rstrip(")").partition("(")
        shown = [part.strip() for part in arguments.split(",") if part]
        known = list(inspect.signature(getattr(schedule, name)).parameters)
        assert shown in (known, []), f"{code} takes {known}"


def test_errors_are_listed_with_the_status_they_are_answered_with() -> None:
    from raa.web.door import status_of

    for name, _, status in rows(section(REFERENCE / "plugin-api.md", "Errors")):
        cls = getattr(rpath_error, codes(name)[0].partition("(")[0])
        assert status_of(cls("text")) == int(status), name


# -- templates


def test_functions_of_the_widgets_are_listed() -> None:
    defined = re.findall(r'<py:def function="([^"]+)"', (ROOT / "templates" / "widgets.html").read_text("utf-8"))

    assert sorted(first_codes(section(REFERENCE / "templates.md", "Functions of widgets.html"))) == sorted(defined)


def test_fields_of_ui_are_listed() -> None:
    methods = [name for name, member in vars(Ui).items() if inspect.isfunction(member) and not name.startswith("_")]
    fields = [field.name for field in dataclasses.fields(Ui)]

    assert sorted(first_codes(section(REFERENCE / "templates.md", "ui"))) == sorted(fields + methods)


# -- wire


def exposed() -> list[Route]:
    """Every route of the root and of every shipped plugin; the objects are never called."""
    found = routes("/", object.__new__(RootMethods))
    for folder in discover([]):
        if folder.has("web"):
            for name, cls in classes(folder, "web", rAAWebPlugin).items():
                found += routes(f"/{folder.name}/{name}", object.__new__(cls))
    return found


def parameters(route: Route) -> str:
    function = inspect.getattr_static(type(route.target), route.name)
    text = signature("", function).partition(" ->")[0]
    return text[1:-1].replace('"', "'")


def answers(route: Route) -> str:
    shown = route.exposure
    forms = {"page": shown.template, "JSON": shown.json, "XML-RPC": shown.xmlrpc, "redirect": shown.redirect}
    return ", ".join(name for name, given in forms.items() if given) or "body"


def who(route: Route) -> str:
    predicate = route.predicate
    words = {
        authorization.LocalhostOnly: "local",
        authorization.LocalhostOK: "local or admin",
        authorization.NotAnonymous: "logged in",
    }
    roles = ", ".join(getattr(predicate, "roles", ())) or "admin"
    return words.get(type(predicate), roles) + (", password" if route.reauthorize else "")


def test_every_exposed_method_is_listed_as_it_is_declared() -> None:
    text = section(REFERENCE / "wire.md", "The root's own methods") + section(REFERENCE / "wire.md", "Plugins")
    listed = {codes(path)[0]: ("".join(codes(given)), forms, caller) for path, given, forms, caller in rows(text)}

    declared = {route.path: (parameters(route), answers(route), who(route)) for route in exposed()}

    lacking = "\n".join(
        f"| `{path}` | {f'`{given}`' if given else ''} | {forms} | {caller} |"
        for path, (given, forms, caller) in declared.items()
        if listed.get(path) != (given, forms, caller)
    )
    assert not lacking, f"wire.md lacks these rows:\n{lacking}"
    assert sorted(listed) == sorted(declared)


def test_a_method_that_is_not_listed_would_be_noticed() -> None:
    class Extra(rAAWebPlugin):
        @raa.web.expose(allow_json=True)
        @raa.web.reauthorize
        def act(self, name: str, count: int = 1) -> None: ...

    (route,) = routes("/extra/Extra", object.__new__(Extra))

    assert (route.path, parameters(route), answers(route), who(route)) == (
        "/extra/Extra/act", "name, count=1", "JSON", "admin, password",
    )  # fmt: skip
    assert f"`{route.path}`" not in (REFERENCE / "wire.md").read_text("utf-8")


# -- states, roles


def test_states_are_listed_with_number_and_word() -> None:
    listed = {
        codes(state)[0]: (codes(name)[0], int(number), word)
        for state, name, number, word, _ in rows((REFERENCE / "states.md").read_text("utf-8"))
    }
    numbers = SimpleNamespace(**vars(constants))

    assert {state: (number, word) for state, (_, number, word) in listed.items()} == constants.STATES
    assert all(getattr(numbers, name) == number for name, number, _ in listed.values())


def test_predicates_are_listed() -> None:
    kinds = {
        name for name, member in vars(authorization).items()
        if inspect.isclass(member) and issubclass(member, authorization.Predicate) and name != "Predicate"
    }  # fmt: skip
    listed = first_codes((REFERENCE / "roles.md").read_text("utf-8"))

    assert {code.partition("(")[0] for code in listed} == kinds
