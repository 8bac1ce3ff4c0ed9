"""The XML-RPC door: `/xmlrpc/` with dotted names, or `/xmlrpc/<plugin>/<Class>/` with plain ones."""

from __future__ import annotations

import dataclasses
import logging
import re
import xmlrpc.client
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers.expat import ExpatError, ParserCreate

from raa import values
from raa.identity import Acting
from raa.rpath_error import InvalidInput, NotAllowed, NotAuthenticated, RaaError, TooManyAttempts
from raa.web.answers import Answer
from raa.web.door import Door, status_of
from raa.web.gate import Gate
from raa.web.mounting import Route
from raa.web.request import Request

log = logging.getLogger("raa.web")


class XmlRpc:
    """Answers XML-RPC requests: basic authentication only, a cookie never opens it."""

    def __init__(self, door: Door, gate: Gate, routes: Mapping[str, Route], open_plugins: Sequence[str]) -> None:
        self._door = door
        self._gate = gate
        self._routes = routes
        self._open = frozenset(open_plugins)

    def serve(self, request: Request, prefix: Sequence[str], body: bytes) -> Answer:
        """Answer one call; refusals are HTTP statuses, a failing method is the classic `{"errors": [...]}`."""
        if request.method != "POST":
            return _plain(405, "XML-RPC calls are sent as POST.", {"Allow": "POST"})
        try:
            visitor = self._gate.visitor(_without_cookies(request))
            args, name = _parse(body)
            path = "/" + "/".join([*prefix, *name.split(".")])
            route = self._routes.get(path)
            acting = Acting(self._local(visitor.identity, route, request), address=request.address)
            if route is None or not route.exposure.xmlrpc:
                if acting.identity.anonymous:
                    raise NotAuthenticated("Log in with HTTP basic authentication.")
                return _answer({"errors": [f'The method "{name}" is not supported.']})
            return _answer(self._door.call(route, acting, args, {}))
        except NotAuthenticated as error:
            return _plain(401, str(error), {"WWW-Authenticate": 'Basic realm="raa", charset="UTF-8"'})
        except NotAllowed as error:
            return _plain(403, str(error), {})
        except TooManyAttempts as error:
            return _plain(429, str(error), {"Retry-After": str(error.retry_after)})
        except _NotXmlRpc as error:
            return _plain(400, str(error), {})
        except RaaError as error:
            reply: dict[str, Any] = {"errors": [str(error)], "status": status_of(error)}
            if isinstance(error, InvalidInput) and error.problems:
                reply["problems"] = error.problems
            return _answer(reply)
        except Exception:
            log.exception("XML-RPC call failed")
            return _answer({"errors": ["Something went wrong that raa did not expect; the log says what."]})

    def _local(self, identity: Any, route: Route | None, request: Request) -> Any:
        """Give local callers of an opened plugin the local identity, as the classic product did."""
        if route is not None and route.plugin in self._open and identity.anonymous and request.header("Origin") is None:
            return self._gate.local_identity(request.address) or identity
        return identity


class _NotXmlRpc(Exception):
    pass


def _parse(body: bytes) -> tuple[list[Any], str]:
    try:
        _refuse_dtd(body)
        params, name = xmlrpc.client.loads(body, use_builtin_types=False)
    except (
        ExpatError, xmlrpc.client.Error, ValueError, TypeError, LookupError, ArithmeticError, AttributeError,
        RecursionError,
    ):  # fmt: skip
        raise _NotXmlRpc("That is not an XML-RPC call.") from None
    if not name or not re.fullmatch(r"[A-Za-z_][\w.]*", name) or "__" in name:
        raise _NotXmlRpc("The call names no method.")
    return [values.check(_plainly(param), f"argument {n + 1}") for n, param in enumerate(params)], name


def _refuse_dtd(body: bytes) -> None:
    """Let the parser itself look for a document type: in the body's own encoding, no search in bytes would find it."""

    def refuse(*what: object) -> None:
        raise _NotXmlRpc("Document types and entities are not accepted.")

    parser = ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.Parse(body, True)


def _plainly(value: Any) -> Any:
    """Turn the library's own types for dates and binary data into what crosses."""
    if isinstance(value, xmlrpc.client.DateTime):
        return str(value)
    if isinstance(value, xmlrpc.client.Binary):
        return value.data.decode("utf-8", "surrogateescape")
    if isinstance(value, (list, tuple)):
        return [_plainly(item) for item in value]
    if isinstance(value, dict):
        return {name: _plainly(item) for name, item in value.items()}
    return value


def _answer(value: Any) -> Answer:
    return Answer(values.to_xmlrpc(value), "text/xml; charset=utf-8")


def _plain(status: int, text: str, headers: Mapping[str, str]) -> Answer:
    return Answer(text.encode(), "text/plain; charset=utf-8", status, headers)


def _without_cookies(request: Request) -> Request:
    return dataclasses.replace(request, cookies={})
