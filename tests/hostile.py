"""Archives that somebody evil, careless or unlucky made, built byte by byte, each with the right judgement.

Names of outside places point below the folder that is given, never at a real file: whoever follows a hard link also
changes the mode and owner of its target.
"""

# The cases are a table: one to a line, however long.
# ruff: noqa: E501

from __future__ import annotations

import gzip
import hashlib
import io
import random
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

BLOCK = 512
GNU, USTAR, V7 = b"ustar  \0", b"ustar\00000", bytes(8)
END = bytes(10_240)
ABOUT = b"format=raa-backup 1\nhost=elsewhere\n"


@dataclass(frozen=True)
class Case:
    """An archive and whether restoring it is right."""

    name: str
    data: bytes
    good: bool = False


def octal(number: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, number)


def base256(number: int, width: int) -> bytes:
    data = number.to_bytes(width, "big", signed=True)
    return data if number < 0 else b"\x80" + data[1:]


def member(
    name: bytes, data: bytes = b"", *, kind: bytes = b"0", mode: int = 0o644, link: bytes = b"", magic: bytes = GNU,
    size: int | bytes | None = None, uid: bytes | None = None, mtime: bytes | None = None, prefix: bytes = b"",
    broken: bool = False,
) -> bytes:  # fmt: skip
    """Return a member's header and content; `size` may lie."""
    told = len(data) if size is None else size
    head = bytearray(BLOCK)
    head[0 : len(name[:100])] = name[:100]
    head[100:108] = octal(mode, 8)
    head[108:116] = uid or octal(0, 8)
    head[116:124] = octal(0, 8)
    head[124:136] = told if isinstance(told, bytes) else octal(told, 12)
    head[136:148] = mtime or octal(1_700_000_000, 12)
    head[156:157] = kind
    head[157 : 157 + len(link[:100])] = link[:100]
    head[257:265] = magic
    head[345 : 345 + len(prefix)] = prefix
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % ((sum(head) + broken) & 0o777777)
    return bytes(head) + data + bytes(-len(data) % BLOCK)


def long_name(name: bytes, kind: bytes = b"L", end: bytes = b"\0") -> bytes:
    return member(b"././@LongLink", name + end, kind=kind)


def pax(kind: bytes = b"x", **records: bytes) -> bytes:
    return member(
        b"././@PaxHeader", b"".join(record(k.replace("__", ".").encode(), v) for k, v in records.items()), kind=kind
    )


def record(keyword: bytes, value: bytes) -> bytes:
    length = len(keyword) + len(value) + 3
    while len(str(length)) + len(keyword) + len(value) + 3 != length:
        length = len(str(length)) + len(keyword) + len(value) + 3
    return b"%d %s=%s\n" % (length, keyword, value)


def listing(files: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join(hashlib.sha256(data).hexdigest().encode() + b"  " + name + b"\n" for name, data in files)


def ours(*pieces: bytes, files: Iterable[tuple[bytes, bytes]] = (), about: bytes = ABOUT, end: bytes = END) -> bytes:
    """Return an archive as raa writes it, with these members between its own two."""
    lines = listing([(b"metadata_v1", about), *files])
    return pack(member(b"metadata_v1", about), *pieces, member(b"MANIFEST.sha256", lines), end)


def one(name: bytes, data: bytes = b"1", **how: object) -> bytes:
    """Return an archive with one file of this name, listed as it should be."""
    return ours(member(name, data, **how), files=[(name, data)])  # type: ignore[arg-type]


def portable(*pieces: bytes, told: bytes = b'{"format":1}') -> bytes:
    return pack(member(b"manifest.json", told, magic=USTAR), *pieces, END)


def pack(*pieces: bytes) -> bytes:
    return gzip.compress(b"".join(pieces), 6, mtime=0)


def zeros(megabytes: int, head: bytes = b"") -> bytes:
    """Return a gzip of a beginning and a long run of zeros; its end is missing, as nobody may read that far."""
    squeeze = zlib.compressobj(9, wbits=31)
    begun = squeeze.compress(head) + squeeze.flush(zlib.Z_FULL_FLUSH)
    million = squeeze.compress(bytes(1_000_000)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    return begun + million * megabytes


def zipped(**members: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(name.replace("__", "/"), data)
    return out.getvalue()


@cache
def corpus(victim: str) -> list[Case]:
    """Return the classes of attack, damage and version skew that every restore is measured by, and a good archive."""
    outside = victim.encode()
    head = member(b"manifest.json", b'{"format":1}', magic=USTAR)
    good = portable(member(b"data/a", b"hello" * 100, magic=USTAR))
    plain = {
        "traverse-dotdot": member(b"../canary/pwn", b"1"),
        "traverse-mid": member(b"a/../../canary/pwn", b"1"),
        "traverse-abs": member(outside + b"/abs", b"1"),
        "traverse-backslash": member(rb"..\..\canary\pwn", b"1"),
        "link-sym-then-write": member(b"l", kind=b"2", link=b"../canary") + member(b"l/pwn", b"1"),
        "link-sym-abs": member(b"l", kind=b"2", link=outside + b"/shadow"),
        "link-hard-outside": member(b"h", kind=b"1", link=b"../canary/secret"),
        "link-hard-abs": member(b"h", kind=b"1", link=outside + b"/shadow"),
        "special-chardev": member(b"dev", kind=b"3"),
        "special-blockdev": member(b"dev", kind=b"4"),
        "special-fifo": member(b"fifo", kind=b"6"),
        "mode-setuid": member(b"su", b"#!/bin/sh\n", mode=0o6755),
        "mode-worldwrite": member(b"ww", b"1", mode=0o777),
        "owner-root": member(b"o", b"1"),
        "name-control": member(b"a\nb\x1b[31m<script>alert(1)</script>", b"1"),
        "name-long": long_name(b"n" * 5000) + member(b"n" * 100, b"1"),
        "name-case-twice": member(b"Manifest.json", b"{}") + member(b"MANIFEST.JSON", b"{}"),
        "count": b"".join(member(b"f%d" % n) for n in range(50_000)),
        "version-pickle": member(b"state.pickle", b"cos\nsystem\n(S'true'\ntR."),
    }
    return [
        Case("valid", good, good=True),
        *(Case(name, portable(data)) for name, data in plain.items()),
        Case("bomb-gzip", zeros(1024, head + member(b"zeros", size=1 << 30))),
        Case("bomb-zip", zipped(**{"manifest.json": b"{}", "zeros": bytes(50_000_000)})),
        Case("traverse-zip", zipped(**{"..__canary__pwn": b"1"})),
        Case("link-zip", zipped(l=b"../canary", l__pwn=b"1")),
        Case("corrupt-truncated", good[: len(good) // 2]),
        Case("corrupt-bitflip", good[:60] + bytes([good[60] ^ 0x40]) + good[61:]),
        Case("corrupt-empty", b""),
        Case("corrupt-trailing", good + b"JUNK" * 100),
        Case("corrupt-none", b"#!/bin/sh\ntouch pwn\n"),
        Case("version-newer", portable(told=b'{"format":999}')),
        Case("version-missing", pack(member(b"data/a", b"1"), END)),
    ]


@cache
def tricks(victim: str) -> list[Case]:
    """Return further attacks, in archives that are otherwise as raa writes them; each needs its own check."""
    outside = victim.encode()
    deep = b"/".join([b"d"] * 300) + b"/f"
    hidden = gzip.compress(b"", mtime=0)
    return [
        Case("good", ours(member(b"d/", kind=b"5", mode=0o755), member(b"d/f", b"1"), files=[(b"d/f", b"1")]), good=True),
        Case("good-long-name", ours(long_name(b"n/" * 90 + b"f"), member(b"n/" * 50, b"1"), files=[(b"n/" * 90 + b"f", b"1")]), good=True),
        Case("good-pax", ours(pax(path=b"p/f", mtime=b"12.5"), member(b"x", b"1"), files=[(b"p/f", b"1")]), good=True),
        Case("good-prefix", ours(member(b"f", b"1", magic=USTAR, prefix=b"a/b"), files=[(b"a/b/f", b"1")]), good=True),
        Case("good-hard-link", ours(member(b"f", b"1"), member(b"h", kind=b"1", link=b"f"), files=[(b"f", b"1"), (b"h", b"1")]), good=True),
        Case("good-link-inside", ours(member(b"d/l", kind=b"2", link=b"../e/f")), good=True),
        Case("good-case", ours(member(b"A", b"1"), member(b"a", b"1"), files=[(b"A", b"1"), (b"a", b"1")]), good=True),
        # names
        Case("pax-path-dotdot", ours(pax(path=b"../canary/pwn"), member(b"x", b"1"), files=[(b"../canary/pwn", b"1")])),
        Case("pax-path-absolute", ours(pax(path=outside + b"/abs"), member(b"x", b"1"), files=[(outside + b"/abs", b"1")])),
        Case("pax-path-nul", ours(pax(path=b"ok\0../pwn"), member(b"x", b"1"))),
        Case("gnu-name-dotdot", ours(long_name(b"../canary/pwn"), member(b"x", b"1"), files=[(b"../canary/pwn", b"1")])),
        Case("gnu-name-nul", ours(long_name(b"ok\0/../pwn"), member(b"x", b"1"))),
        Case("gnu-name-no-end", ours(long_name(b"ok", end=b""), member(b"x", b"1"))),
        Case("two-names", ours(pax(path=b"one"), long_name(b"two"), member(b"x", b"1"), files=[(b"one", b"1")])),
        Case("two-pax", ours(pax(path=b"one"), pax(path=b"two"), member(b"x", b"1"), files=[(b"two", b"1")])),
        Case("prefix-dotdot", ours(member(b"canary/pwn", b"1", magic=USTAR, prefix=b".."), files=[(b"../canary/pwn", b"1")])),
        Case("name-goes-on", one(b"ok\0../pwn")),
        Case("name-empty", one(b"")),
        Case("name-dot", one(b".")),
        Case("name-dot-inside", one(b"a/./b")),
        Case("name-double-slash", one(b"a//b")),
        Case("name-trailing-slash", one(b"file/")),
        Case("name-part-long", ours(long_name(b"n" * 256), member(b"n", b"1"), files=[(b"n" * 256, b"1")])),
        Case("name-deep", ours(long_name(deep), member(b"d", b"1"), files=[(deep, b"1")])),
        Case("twice", ours(member(b"f", b"1"), member(b"f", b"1"), files=[(b"f", b"1")])),
        Case("twice-once-plain", ours(member(b"f", b"1"), member(b"./f", b"1"), files=[(b"f", b"1"), (b"./f", b"1")])),
        Case("file-then-folder", ours(member(b"f", b"1"), member(b"f/g", b"1"), files=[(b"f", b"1"), (b"f/g", b"1")])),
        Case("folder-then-file", ours(member(b"f/g", b"1"), member(b"f", b"1"), files=[(b"f", b"1"), (b"f/g", b"1")])),
        Case("own-name-again", ours(member(b"metadata_v1", b"1"))),
        # links
        Case("below-a-link", ours(member(b"l", kind=b"2", link=b"d"), member(b"l/pwn", b"1"), files=[(b"l/pwn", b"1")])),
        Case("link-replaces-folder", ours(member(b"d/f", b"1"), member(b"d", kind=b"2", link=b".."), files=[(b"d/f", b"1")])),
        Case("link-absolute", ours(member(b"l", kind=b"2", link=outside + b"/shadow"))),
        Case("link-out", ours(member(b"a/l", kind=b"2", link=b"../../canary"))),
        Case("link-chain-out", ours(
            member(b"a/b/up", kind=b"2", link=b"../.."), member(b"out", kind=b"2", link=b"a/b/up/../canary"),
        )),
        Case("link-empty", ours(member(b"l", kind=b"2"))),
        Case("link-pax-target", ours(pax(linkpath=b"../canary"), member(b"l", kind=b"2", link=b"ok"))),
        Case("link-gnu-target", ours(long_name(b"../canary", b"K"), member(b"l", kind=b"2", link=b"ok"))),
        Case("hard-link-later", ours(member(b"h", kind=b"1", link=b"f"), member(b"f", b"1"), files=[(b"f", b"1")])),
        Case("hard-link-itself", ours(member(b"h", kind=b"1", link=b"h"))),
        Case("hard-link-to-link", ours(member(b"l", kind=b"2", link=b"f"), member(b"h", kind=b"1", link=b"l"))),
        Case("hard-link-to-folder", ours(member(b"d/", kind=b"5"), member(b"h", kind=b"1", link=b"d"))),
        Case("hard-link-absolute", ours(member(b"h", kind=b"1", link=outside + b"/shadow"))),
        Case("hard-link-through-link", ours(
            member(b"l", kind=b"2", link=b"../canary"), member(b"h", kind=b"1", link=b"l/secret"),
        )),
        Case("hard-link-with-content", ours(
            member(b"f", b"1"), member(b"h", b"2", kind=b"1", link=b"f"), files=[(b"f", b"1"), (b"h", b"1")],
        )),
        Case("setuid", one(b"su", mode=0o4755)),
        Case("setgid", one(b"sg", mode=0o2755)),
        Case("setuid-by-hard-link", ours(
            member(b"f", b"1", mode=0o4755), member(b"h", kind=b"1", link=b"f"), files=[(b"f", b"1"), (b"h", b"1")],
        )),
        # kinds
        *(Case(f"kind-{kind.hex()}", ours(member(b"x", kind=kind))) for kind in (b"3", b"4", b"6", b"7", b"S", b"D", b"M", b"V", b"A", b"\xff")),
        Case("global-pax", ours(pax(b"g", path=b"../canary/pwn"), member(b"x", b"1"), files=[(b"x", b"1")])),
        Case("global-pax-harmless", ours(pax(b"g", comment=b"hello"), member(b"x", b"1"), files=[(b"x", b"1")])),
        Case("pax-sparse", ours(pax(GNU__sparse__major=b"1", GNU__sparse__name=b"../pwn"), member(b"x", b"1"), files=[(b"x", b"1")])),
        Case("pax-charset", ours(pax(hdrcharset=b"BINARY"), member(b"x", b"1"), files=[(b"x", b"1")])),
        Case("pax-twice", ours(member(b"p", record(b"path", b"a") + record(b"path", b"b"), kind=b"x"), member(b"x"))),
        Case("pax-broken", ours(member(b"p", b"9999 path=a\n", kind=b"x"), member(b"x"))),
        Case("pax-no-equals", ours(member(b"p", b"7 path\n", kind=b"x"), member(b"x"))),
        Case("pax-huge", ours(member(b"p", record(b"comment", b"c" * 70_000), kind=b"x"), member(b"x"))),
        Case("pax-dangling", ours(end=pax(path=b"a") + END)),
        Case("pax-endless", ours(*[pax(path=b"a")] * 1000)),
        # sizes
        Case("size-negative", one(b"f", b"", size=base256(-1, 12))),
        Case("size-huge", one(b"f", b"", size=base256(2**80, 12))),
        Case("size-two", ours(pax(size=b"600"), member(b"f", b"1" * 600, size=512), files=[(b"f", b"1" * 600)])),
        Case("size-pax-negative", ours(pax(size=b"-1"), member(b"f", b"1"), files=[(b"f", b"1")])),
        Case("size-pax-smuggles", ours(
            pax(size=b"1024"), member(b"f", size=0) + member(b"../canary/pwn", b"1"), files=[(b"f", b"")],
        )),
        Case("size-too-long", one(b"f", b"1", size=1 << 20)),
        Case("size-of-folder", ours(member(b"d/", b"1", kind=b"5"))),
        Case("size-not-octal", one(b"f", b"1", size=b"00000000008\0")),
        Case("owner-negative", one(b"f", uid=base256(-2, 8))),
        Case("time-huge", one(b"f", mtime=base256(2**80, 12))),
        Case("time-not-a-number", ours(pax(mtime=b"nan"), member(b"f", b"1"), files=[(b"f", b"1")])),
        # form
        Case("header-sum", one(b"f", broken=True)),
        Case("header-old", one(b"f", magic=V7)),
        Case("second-gzip-member", ours() + ours()),
        Case("second-gzip-member-empty", ours() + hidden),
        Case("first-gzip-member-empty", hidden + ours()),
        Case("after-the-list", ours(end=member(b"late", b"1") + END)),
        Case("after-the-end", ours(end=END + member(b"late", b"1") + END)),
        Case("no-end", ours(end=b"")),
        Case("half-an-end", ours(end=bytes(512))),
        Case("no-list", pack(member(b"metadata_v1", ABOUT), member(b"f", b"1"), END)),
        Case("list-lies", ours(member(b"f", b"2"), files=[(b"f", b"1")])),
        Case("list-misses", ours(member(b"f", b"1"))),
        Case("list-has-more", ours(files=[(b"f", b"1")])),
        Case("cut-gzip", one(b"f", random.Random(1).randbytes(5000))[:-9]),
        Case("nothing-inside", pack()),
        Case("only-zeros", pack(END)),
        # whose
        Case("format-newer", ours(about=b"format=raa-backup 2\n")),
        Case("format-other", ours(about=b"format=other 1\n")),
        Case("format-missing", ours(about=b"host=box\n")),
        Case("format-absurd", ours(about=b"format=raa-backup " + b"9" * 5000 + b"\n")),
        Case("metadata-large", ours(about=b"format=raa-backup 1\n" + b"a=b\n" * 50_000)),
        Case("portable-newer", portable(told=b'{"format":2}')),
        Case("portable-deep", portable(told=b"[" * 60_000)),
        Case("portable-true", portable(told=b'{"format":true}')),
        Case("portable-link", portable(member(b"data/l", kind=b"2", link=b"a"))),
        Case("portable-setgid", portable(member(b"data/f", b"1", mode=0o2755))),
        Case("portable-name", portable(member(b"data/a\x1b[2J", b"1"))),
        # bombs
        Case("bomb-in-a-file", zeros(300, member(b"metadata_v1", ABOUT) + member(b"z", size=300_000_000))),
        Case("bomb-in-the-list", zeros(300, member(b"metadata_v1", ABOUT) + member(b"MANIFEST.sha256", size=300_000_000))),
        Case("bomb-in-a-name", zeros(300, member(b"metadata_v1", ABOUT) + member(b"n", kind=b"L", size=300_000_000))),
        Case("bomb-after-the-end", zeros(300, gzip.decompress(ours()))),
        Case("bomb-of-members", ours(*[member(b"d%d/" % n, kind=b"5") for n in range(50_001)])),
    ]  # fmt: skip


def mutants(seed: int, count: int, victim: str) -> Iterable[Case]:
    """Yield archives with a few bytes changed: of the packed file, or inside it with header sums put right again."""
    rng = random.Random(seed)
    sound = [case.data for case in (*tricks(victim), *corpus(victim)) if case.good]
    bodies = [gzip.decompress(data) for data in sound] + [
        gzip.decompress(case.data)
        for case in tricks(victim)
        if case.name.startswith(("link", "hard", "pax", "gnu", "twice"))
    ]
    values = (
        b"\0",
        b"/",
        b".",
        b"..",
        b"7",
        b"1",
        b"2",
        b"5",
        b"L",
        b"x",
        b"\x80",
        b"\xff",
        b" ",
        b"\n",
        b"../../canary",
    )
    for n in range(count):
        if rng.random() < 0.2:
            data = bytearray(rng.choice(sound))
            for _ in range(rng.randint(1, 3)):
                data[rng.randrange(len(data))] = rng.randrange(256)
            yield Case(f"packed-{seed}-{n}", bytes(data))
            continue
        body = bytearray(rng.choice(bodies))
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(max(1, len(body) - len(END)))
            change = rng.choice(values) if rng.random() < 0.7 else rng.randbytes(rng.randint(1, 8))
            if rng.random() < 0.8:
                body[at : at + len(change)] = change
            else:  # a whole block more, less or in another place
                start = at // BLOCK * BLOCK
                block = body[start : start + BLOCK]
                del body[start : start + BLOCK]
                if rng.random() < 0.7:
                    where = rng.randrange(len(body) // BLOCK) * BLOCK
                    body[where:where] = block
        mend(body)
        yield Case(f"inside-{seed}-{n}", gzip.compress(bytes(body), 1, mtime=0))


def mend(body: bytearray) -> None:
    """Put right the sums of all headers, so that more than the sum has to find what is wrong."""
    for start in range(0, len(body) - BLOCK + 1, BLOCK):
        block = body[start : start + BLOCK]
        if block[257:262] == b"ustar":
            block[148:156] = b" " * 8
            body[start + 148 : start + 156] = b"%06o\0 " % (sum(block) & 0o777777)
