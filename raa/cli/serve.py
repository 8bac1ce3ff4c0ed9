"""`raa serve`: run the console in this process until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import ipaddress
import logging
import signal
import threading
from pathlib import Path
from typing import Any

from raa.app import build_console, load_settings
from raa.host.memory import few_arenas

HELP = "run the console"
log = logging.getLogger("raa")


def arguments(command: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    command.add_argument("--state", type=Path, required=True, metavar="DIR", help="folder for databases and backups")
    command.add_argument("--host", metavar="H", help="address to listen on (default 127.0.0.1)")
    command.add_argument("--port", type=int, metavar="N", help="port to listen on (default 8004)")
    command.add_argument("--config", type=Path, metavar="FILE", help="a further configuration file, read last")


def run(options: argparse.Namespace) -> None:
    """Serve until told to stop; the first start prints the set-up link."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    over: dict[str, Any] = {}
    if options.host is not None:
        over["server.socket_host"] = options.host
    if options.port is not None:
        over["server.socket_port"] = options.port
    few_arenas()
    settings = load_settings(options.state, options.config, over)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, frame: stop.set())
    app = build_console(settings)
    app.start()
    try:
        host = settings.config.typed("server.socket_host", str, "127.0.0.1")
        if not _loopback(host):
            log.warning(
                "raa listens on %s over plain HTTP: passwords cross the network unencrypted. "
                "Put a TLS proxy in front, or leave out --host.", host,
            )  # fmt: skip
        print(f"raa is at {app.url}", flush=True)
        link = app.setup_link()
        if link:
            print(f"Set the administrator's password (this link works once): {link}", flush=True)
        stop.wait()
        log.info("stopping")
    finally:
        app.stop()


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
