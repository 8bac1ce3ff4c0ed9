"""Routes: which method of which object answers at which path, and who may call it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from raa.authorization import DEFAULT, Predicate
from raa.rpath_error import InvalidInput
from raa.web.markers import Exposure
from raa.web.request import Repeated


@dataclass(frozen=True, slots=True)
class Route:
    """An exposed method: `plugin` is "/plugin/Class" ("/" for the root's own), `name` the method."""

    plugin: str
    name: str
    target: Any
    exposure: Exposure
    predicate: Predicate
    #: no role was stated, so the classic default holds
    by_default: bool
    reauthorize: bool

    @property
    def path(self) -> str:
        return f"{self.plugin.rstrip('/')}/{self.name}"

    @property
    def acts(self) -> bool:
        """Whether it is an action by its declaration, so that a GET never carries it out."""
        return self.reauthorize or bool(self.exposure.redirect or self.exposure.form)

    def method(self) -> Any:
        """Return the bound method; looked up at each call, since tests replace methods on the instance."""
        return getattr(self.target, self.name)

    def named(self, args: Sequence[Any], params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters with the positional arguments among them, each under its name."""
        return {**dict(zip(inspect.signature(self.method()).parameters, args, strict=False)), **params}

    def bind(self, args: Sequence[Any], params: Mapping[str, Any]) -> inspect.BoundArguments:
        """Fit arguments to the method; raises `InvalidInput` naming what is missing, unknown or repeated."""
        signature = inspect.signature(self.method())
        given = dict(params)
        for name, parameter in signature.parameters.items():
            if name not in given:
                continue
            many = isinstance(parameter.default, (list, tuple))
            if many and not isinstance(given[name], (list, tuple)):
                given[name] = [given[name]]
            elif not many and isinstance(given[name], Repeated) and "list" not in str(parameter.annotation):
                raise InvalidInput(f"{name} was sent {len(given[name])} times.", {name: "Send this once."})
        try:
            return signature.bind(*args, **given)
        except TypeError as error:
            raise InvalidInput(f"{self.path}: {error}.") from None


def routes(plugin: str, target: Any) -> list[Route]:
    """List the exposed methods of an object, by name."""
    found = []
    for name in sorted(dir(type(target))):
        function = inspect.getattr_static(type(target), name)
        exposure = getattr(function, "raa_exposure", None)
        if exposure is None or name.startswith("__"):
            continue
        predicate = getattr(function, "raa_require", None)
        found.append(
            Route(
                plugin=plugin,
                name=name,
                target=target,
                exposure=exposure,
                predicate=predicate or DEFAULT,
                by_default=predicate is None,
                reauthorize=bool(getattr(function, "raa_reauthorize", False)),
            )
        )
    return found
