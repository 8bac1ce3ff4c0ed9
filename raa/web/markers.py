"""The decorators that mark a method for the web: they only write down what the mounting reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from raa.authorization import Predicate

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Exposure:
    """How a method is shown: its page template, and which machine forms it answers in."""

    template: str | None = None
    json: bool = False
    xmlrpc: bool = False
    #: after a form was sent by a browser: the page of the same plugin to go on to
    redirect: str | None = None
    #: the page of the same plugin that holds the form sent here, password field included
    form: str | None = None
    #: the form field whose file the method takes as a `raa.web.uploads.Upload`; the limit on bodies is not for it
    upload: str | None = None


def expose(
    template: str | None = None,
    allow_json: bool = False,
    allow_xmlrpc: bool = False,
    *,
    html: str | None = None,
    redirect: str | None = None,
    form: str | None = None,
    upload: str | None = None,
) -> Callable[[F], F]:
    """Expose a method at `/<plugin>/<Class>/<method>`.

    With `template` a browser gets that page, rendered from the returned dict; with `allow_json` and `allow_xmlrpc`
    programs get the same dict. With neither the return value is the body. `html` is the older spelling of `template`.
    `redirect` names the plugin's page that a browser goes to after sending a form here; refused input is shown there
    again. `form` names the page that holds the form, where that is another one or asks for `currentpw` itself.
    `upload` names the form's file field: the method gets a `raa.web.uploads.Upload`, which is read off the connection
    only when it is saved, and bounds its size by itself.
    """
    exposure = Exposure(template or html, allow_json, allow_xmlrpc, redirect, form, upload)

    def mark(function: F) -> F:
        function.raa_exposure = exposure  # type: ignore[attr-defined]
        return function

    return mark


def require(predicate: Predicate) -> Callable[[F], F]:
    """State who may call an exposed method; without it only the role admin may."""

    def mark(function: F) -> F:
        function.raa_require = predicate  # type: ignore[attr-defined]
        return function

    return mark


def reauthorize(function: F) -> F:
    """Ask for the acting user's own password (`currentpw`) at every call; the method itself does not see it."""
    function.raa_reauthorize = True  # type: ignore[attr-defined]
    return function
