"""A scratch root for real apt, with a local repository that the test fills; the machine's own apt is not touched."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from pathlib import Path


class AptRoot:
    """`root` is the scratch root, `repository` a folder of packages that its sources.list names."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.repository = folder / "repo"
        self._build = folder / "build"
        (self.repository / "pool").mkdir(parents=True)
        for name in (
            "etc/apt/apt.conf.d", "etc/apt/sources.list.d", "etc/apt/preferences.d", "etc/apt/trusted.gpg.d",
            "var/lib/apt/lists/partial", "var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers",
            "var/cache/apt/archives/partial", "var/log/apt", "run", "tmp",
        ):  # fmt: skip
            (self.root / name).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        (self.root / "var/lib/dpkg/available").touch()
        self.sources(f"deb [trusted=yes] file:{self.repository} ./")

    def sources(self, text: str) -> None:
        (self.root / "etc/apt/sources.list").write_text(text + "\n")

    def package(self, name: str, version: str, *, script: str = "", depends: str = "", size: int = 0) -> None:
        """Put a package into the repository; `script` is its postinst."""
        folder = self._build / f"{name}_{version}"
        (folder / "DEBIAN").mkdir(parents=True)
        (folder / "usr/share" / name).mkdir(parents=True)
        (folder / "usr/share" / name / "version").write_text(version + "x" * size)
        control = f"Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@example.invalid>\n"
        control += f"Depends: {depends}\n" if depends else ""
        (folder / "DEBIAN/control").write_text(control + "Description: made for a test\n")
        if script:
            (folder / "DEBIAN/postinst").write_text("#!/bin/sh\n" + script + "\n")
            (folder / "DEBIAN/postinst").chmod(0o755)
        target = self.repository / "pool" / f"{name}_{version}_all.deb"
        subprocess.run(["dpkg-deb", "-b", "--root-owner-group", folder, target], check=True, capture_output=True)

    def publish(self, suite: str = "", *, release: bool = False) -> None:
        """Write the repository's index; with `release` an unsigned Release file that names its suite."""
        entries = []
        for path in sorted((self.repository / "pool").glob("*.deb")):
            control = subprocess.run(["dpkg-deb", "-f", path], check=True, capture_output=True, text=True).stdout
            data = path.read_bytes()
            entries.append(
                control
                + f"Filename: ./pool/{path.name}\nSize: {len(data)}\nSHA256: {hashlib.sha256(data).hexdigest()}\n"
            )
        text = "\n".join(entries).encode()
        (self.repository / "Packages").write_bytes(text)
        (self.repository / "Packages.gz").write_bytes(gzip.compress(text, mtime=0))
        (self.repository / "Release").unlink(missing_ok=True)
        if release or suite:
            digests = "".join(
                f" {hashlib.sha256(data).hexdigest()} {len(data)} {name}\n"
                for name in ("Packages", "Packages.gz")
                for data in [(self.repository / name).read_bytes()]
            )
            head = f"Origin: Test\nLabel: Test\nSuite: {suite or 'stable'}\nDate: Tue, 24 Nov 2026 00:00:00 UTC\n"
            (self.repository / "Release").write_text(head + "SHA256:\n" + digests)

    def installed(self, name: str) -> str:
        """Return the version of a package in the scratch root, "" if it is not whole there."""
        found = subprocess.run(
            ["dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${Version} ${db:Status-Abbrev}", name],
            capture_output=True, text=True, check=False,
        ).stdout  # fmt: skip
        return found.split(" ")[0] if found.rstrip().endswith(("ii", "hi")) else ""
