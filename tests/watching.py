"""Watching a job as a browser's EventSource does, over a plain connection that a test may cut."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from typing import Any

from raa.testing.client import Client


class Stream:
    """An open event stream: `status`, and its events with their ids; `close` cuts it off."""

    def __init__(self, client: Client, exec_id: int, after: int = 0, seconds: float = 30.0, **headers: str) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", client.port, timeout=seconds)
        cookie = "; ".join(f"{name}={value}" for name, value in client.cookies.items())
        headers = {"Accept": "text/event-stream", "Sec-Fetch-Site": "same-origin", "Cookie": cookie, **headers}
        self._connection.request("GET", f"/jobs/{exec_id}/events?after={after}", headers=headers)
        self._answer = self._connection.getresponse()
        self.status = self._answer.status
        self.headers = self._answer.headers

    def events(self) -> Iterator[tuple[int, Any]]:
        """Yield (id, job) for each event until the stream ends."""
        number = 0
        while line := self._answer.readline():
            name, _, text = line.decode().rstrip("\n").partition(": ")
            if name == "id":
                number = int(text)
            elif name == "data":
                yield number, json.loads(text)

    def close(self) -> None:
        # the socket at once: the answer's own close would read on to its end
        if self._connection.sock is not None:
            self._connection.sock.close()
        self._answer.close()
        self._connection.close()


def lines_of(job: Any) -> list[str]:
    return [text for _, _, text in job["log"]]
