"""The machine's packages, by apt: what can be upgraded, refreshing the lists, upgrading, and what stands in the way.

Only `apt-get`, `apt-mark` and `dpkg` are called, since their output for programs is stable; no library is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from raa.host.commands import Result, run
from raa.rpath_error import OperationFailed

Line = Callable[[str], None]
#: seconds: lists and simulation, and a whole upgrade
SHORT, LONG = 600.0, 6 * 3600.0

_INST = re.compile(r"Inst (?P<name>\S+) (?:\[(?P<old>[^\]]+)\] )?\((?P<new>\S+) (?P<origin>.*?) \[(?P<arch>[^\]]+)\]\)")
_URI = re.compile(r"'[^']+' (?P<file>\S+) (?P<size>\d+)")


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A package that would change: from which version to which, from where, and how much is fetched."""

    package: str
    installed: str
    candidate: str
    origin: str
    security: bool
    bytes: int


class Apt:
    """apt on the running system, or on a scratch root with its own configuration file.

    A scratch root is reached by APT_CONFIG: with `-o Dir=` apt would read the running system's apt.conf.d first and run
    its hooks.
    """

    def __init__(self, root: Path = Path("/"), work: Path | None = None, runner: Callable[..., Result] = run) -> None:
        self.root = root
        self._work = work
        self._run = runner

    # -- calling

    def _environment(self) -> dict[str, str]:
        environment = {
            "DEBIAN_FRONTEND": "noninteractive",
            "APT_LISTCHANGES_FRONTEND": "none",
            "UCF_FORCE_CONFFOLD": "1",
        }
        if self.root != Path("/"):
            environment["APT_CONFIG"] = str(self._configuration())
        return environment

    def _configuration(self) -> Path:
        if self._work is None:
            raise OperationFailed("apt on a scratch root needs a work folder for its configuration")
        self._work.mkdir(parents=True, exist_ok=True)
        path = self._work / "apt.conf"
        root = self.root
        text = (
            f'Dir "{root}/";\nDir::Bin::dpkg "/usr/bin/dpkg";\n'
            f'DPkg::Options {{ "--root={root}"; "--force-not-root"; "--force-script-chrootless"; '
            f'"--log={root}/var/log/dpkg.log"; }};\n'
            'APT::Sandbox::User "root";\nDPkg::Use-Pty "false";\nAcquire::Languages "none";\n'
        )
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return path

    def _apt(self, *arguments: str, seconds: float = SHORT, line: Line | None = None, quiet: bool = False) -> Result:
        options = ("-o", "DPkg::Use-Pty=false", "-o", "APT::Color=0", "-o", "DPkg::Lock::Timeout=30")
        command = ["apt-get", *options, *arguments]
        return self._run(command, seconds=seconds, environment=self._environment(), line=line, quiet=quiet)

    def _dpkg(self, *arguments: str, seconds: float = SHORT, line: Line | None = None, quiet: bool = False) -> Result:
        where = () if self.root == Path("/") else (
            f"--root={self.root}", "--force-not-root", "--force-script-chrootless",
        )  # fmt: skip
        command = ["dpkg", *where, *arguments]
        return self._run(command, seconds=seconds, environment=self._environment(), line=line, quiet=quiet)

    # -- asking

    def pending(self) -> list[Upgrade]:
        """Return what an upgrade would change, security first, then by name; raises `OperationFailed`."""
        simulated = self._apt("--simulate", "--quiet", "dist-upgrade", quiet=True)
        if not simulated.ok:
            raise OperationFailed(explain(simulated.output))
        sizes = self._sizes()
        found = []
        for match in map(_INST.match, simulated.output.splitlines()):
            if match:
                origin = match["origin"]
                found.append(
                    Upgrade(
                        package=match["name"], installed=match["old"] or "", candidate=match["new"], origin=origin,
                        security="security" in origin.lower(), bytes=sizes.get(match["name"], 0),
                    )
                )  # fmt: skip
        return sorted(found, key=lambda one: (not one.security, one.package))

    def _sizes(self) -> dict[str, int]:
        listed = self._apt("--print-uris", "-qq", "-y", "dist-upgrade", quiet=True)
        sizes: dict[str, int] = {}
        for match in map(_URI.match, listed.output.splitlines()):
            if match:
                sizes[unquote(match["file"]).partition("_")[0]] = int(match["size"])
        return sizes

    def held(self) -> list[str]:
        """Return the packages that an administrator holds at their version."""
        result = self._run(["apt-mark", "showhold"], seconds=SHORT, environment=self._environment(), quiet=True)
        return sorted(result.output.split()) if result.ok else []

    def broken(self) -> str:
        """Return what dpkg says of packages that are half installed, "" if all are whole."""
        journal = any((self.root / "var/lib/dpkg/updates").glob("[0-9]*"))
        audit = self._dpkg("--audit", quiet=True).output.strip()
        if journal and not audit:
            return "An installation was interrupted before it was done."
        return audit

    def reboot_needed(self) -> list[str]:
        """Return which packages want a restart of the machine; ["the system"] where they are not named."""
        for folder in ("run", "var/run"):
            flag = self.root / folder / "reboot-required"
            if flag.exists():
                names = flag.with_name("reboot-required.pkgs")
                found = sorted(set(names.read_text("utf-8", "replace").split())) if names.exists() else []
                return found or ["the system"]
        return []

    def changelog(self, package: str) -> str:
        """Return the newest entries of a package's changelog, "" where none can be had."""
        if not re.fullmatch(r"[a-z0-9][a-z0-9+.:-]+", package):
            return ""
        try:  # a page waits for this, so it has seconds, not minutes
            result = self._apt("changelog", "--quiet", package, seconds=4.0, quiet=True)
        except OperationFailed:
            return ""
        return result.output[:20_000] if result.ok else ""

    def stamp(self) -> tuple[float, ...]:
        """Return a value that changes whenever what apt knows or dpkg has installed changes."""
        paths = ("var/lib/dpkg/status", "var/lib/apt/lists", "var/lib/apt/extended_states", "var/lib/dpkg/updates")
        return tuple(path.stat().st_mtime if (path := self.root / name).exists() else 0.0 for name in paths)

    # -- changing

    def refresh(self, line: Line | None = None) -> None:
        """Fetch the package lists; raises `OperationFailed` with a sentence that says what is wrong and what to do."""
        result = self._apt("update", seconds=SHORT, line=line)
        # apt ends with 0 when a repository could not be reached but an old list is there
        if not result.ok or re.search(r"^(Err:|W: Failed to fetch|E: )", result.output, re.MULTILINE):
            raise OperationFailed(explain(result.output))

    def upgrade(self, line: Line | None = None) -> None:
        """Upgrade everything that is not held, keeping changed configuration files; raises `OperationFailed`."""
        keep = ("-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold")
        result = self._apt("-y", "-q", *keep, "dist-upgrade", seconds=LONG, line=line)
        if not result.ok:
            raise OperationFailed(explain(result.output))

    def repair(self, line: Line | None = None) -> None:
        """Finish interrupted installations (`dpkg --configure -a`, then apt's own fix); raises `OperationFailed`."""
        result = self._dpkg("--configure", "-a", seconds=LONG, line=line)
        if result.ok:
            result = self._apt("-y", "-q", "-f", "install", seconds=LONG, line=line)
        if not result.ok:
            raise OperationFailed(explain(result.output))


_SENTENCES = (
    (r"dpkg was interrupted", "An earlier installation was interrupted. Use “Repair” to finish it, then try again."),
    (r"No space left on device|not have enough free space|ENOSPC",
     "There is not enough room on the disk. Free some space, then try again; nothing that was not started is changed."),
    (r"Could not get lock|Unable to (acquire|lock)|is another process using it",
     "Another program is installing packages at this moment. Try again when it is done."),
    (r"NO_PUBKEY|BADSIG|EXPKEYSIG|is not signed|signatures? (couldn't|were invalid|could not)",
     "A repository’s signature is missing or wrong, so it was not trusted. Check its address and its key; nothing was "
     "taken from it."),
    (r"File not found|404 +Not Found|does not have a Release file|no longer has a Release file",
     "A repository is no longer there. Correct or remove it in /etc/apt/sources.list or sources.list.d."),
    (r"Could not resolve|Temporary failure resolving|Could not connect|Connection (refused|timed out|failed)|"
     r"Network is unreachable|Unable to connect",
     "A repository could not be reached. Check the network and the repository’s address, then try again."),
    (r"Hash Sum mismatch|Size mismatch", "What a repository delivered was damaged. Check again in a while."),
    (r"unmet dependencies|held broken packages|Broken packages",
     "Packages need others that are not there. Use “Repair”; if that does not help, look at the log."),
)  # fmt: skip


def explain(output: str) -> str:
    """Turn apt's words into one sentence that says what is wrong and what to do next."""
    script = re.search(
        r"(?:error processing (?:package|archive) (?P<one>[^\s(]+)|"
        r"installed (?P<two>\S+) package (?:post|pre)-\w+ script)"
        r".*?(?:subprocess|returned error)", output, re.DOTALL,
    )  # fmt: skip
    for pattern, sentence in _SENTENCES[:2]:
        if re.search(pattern, output):
            return sentence
    if script:
        name = Path(script["one"] or script["two"]).name
        return (
            f"The package {name} could not be set up: its own script failed. The log says why. "
            "The other packages are as they were or upgraded; use “Repair” once the cause is gone."
        )
    for pattern, sentence in _SENTENCES[2:]:
        if re.search(pattern, output):
            return sentence
    errors = [text[3:] for text in output.splitlines() if text.startswith("E: ")]
    return (
        f"apt failed: {errors[-1] if errors else output.strip().splitlines()[-1] if output.strip() else 'no word why'}"
    )
