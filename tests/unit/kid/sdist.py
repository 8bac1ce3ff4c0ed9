"""Kid's source package of 2007, fetched at a pinned hash: its own pages and what they have to give."""

from __future__ import annotations

import copy
import hashlib
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

SHA256 = "ed664d66b221021f1e31c60c2914d28439ddf4d38770ac8a3e9c230542847cdc"
#: .gitignore covers it
CACHE = Path(__file__).parents[2] / "out"
#: pip wants metadata even of what it only downloads, and Kid's setup.py is Python 2: this back end gives it
BACK_END = """
import os

class BackEnd:
    def get_requires_for_build_wheel(self, config_settings=None):
        return []

    def prepare_metadata_for_build_wheel(self, folder, config_settings=None):
        name = "kid-0.9.6.dist-info"
        os.makedirs(os.path.join(folder, name))
        with open(os.path.join(folder, name, "METADATA"), "w") as file:
            file.write("Metadata-Version: 2.1\\nName: kid\\nVersion: 0.9.6\\n")
        return name

__legacy__ = BackEnd()
"""


def kid_sdist(folder: Path) -> Path:
    """Unpack Kid 0.9.6 into a folder and return its top; pip's own index is asked once, then a copy is kept."""
    kept = CACHE / "kid-0.9.6.tar.gz"
    if not kept.is_file() or hashlib.sha256(kept.read_bytes()).hexdigest() != SHA256:
        CACHE.mkdir(exist_ok=True)
        fetched = _download(folder)
        fetched.replace(kept)  # one rename, whoever else fetches it at the same time
        fetched.parent.rmdir()
    with tarfile.open(kept) as archive:
        archive.extractall(folder, filter="data")
    return folder / "kid-0.9.6"


def _download(folder: Path) -> Path:
    stand_in = folder / "stand-in" / "setuptools"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").touch()
    (stand_in / "build_meta.py").write_text(BACK_END)
    (folder / "wanted.txt").write_text(f"kid==0.9.6 --hash=sha256:{SHA256}\n")
    target = CACHE / f"download-{os.getpid()}"
    done = subprocess.run(
        [
            sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
            "--no-binary", ":all:", "--no-build-isolation", "--require-hashes", "-d", str(target),
            "-r", str(folder / "wanted.txt"),
        ],
        env={**os.environ, "PYTHONPATH": str(stand_in.parent)}, capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    found = list(target.glob("kid-0.9.6.tar.gz"))
    assert found, (
        f"Kid's source package could not be fetched from pip's index; put kid-0.9.6.tar.gz into {CACHE}:\n{done.stderr}"
    )
    return found[0]


def pairs(document: str) -> Iterator[tuple[ElementTree.Element, ElementTree.Element]]:
    """Yield what a page of Kid's tests made, and what it had to make."""
    for test in ElementTree.fromstring(document).findall("test"):
        attempt, expect = copy.deepcopy(test.find("attempt")), copy.deepcopy(test.find("expect"))
        assert attempt is not None
        assert expect is not None
        if expect.get("type") == "text":  # the markup stands there as text
            expect.append(ElementTree.fromstring(expect.text or ""))
            expect.text = ""
        yield attempt, expect


def alike(one: ElementTree.Element, other: ElementTree.Element, *, top: bool = True) -> bool:
    """Compare as Kid's own test did, attributes too: but for white space around texts, and the outermost names."""
    own = top or (one.tag == other.tag and one.attrib == other.attrib and _bare(one.tail) == _bare(other.tail))
    same = own and _bare(one.text) == _bare(other.text) and len(one) == len(other)
    return same and all(alike(a, b, top=False) for a, b in zip(one, other, strict=True))


def _bare(text: str | None) -> str:
    return (text or "").strip()
