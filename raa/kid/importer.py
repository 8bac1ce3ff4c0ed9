"""`import` of `.kid` files from Python code, by a finder that comes after Python's own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import Loader as ImportLoader
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from raa.kid.loader import EXTENSION, Loader


class KidFinder(MetaPathFinder, ImportLoader):
    """Finds `name.kid` where there is no Python module of that name, and runs it; nothing is written."""

    def __init__(self, loader: Loader) -> None:
        self.loader = loader
        self.extensions: tuple[str, ...] = (EXTENSION,)
        self.folders: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        for folder in [*self.folders, *(sys.path if path is None else path)]:
            for extension in self.extensions:
                file = Path(folder, fullname.rpartition(".")[2] + extension)
                if file.is_file():
                    return ModuleSpec(fullname, self, origin=str(file.resolve()))
        return None

    def exec_module(self, module: ModuleType) -> None:
        origin = str(module.__spec__ and module.__spec__.origin)
        self.loader.run(module, Path(origin).read_bytes(), origin)


def installed() -> KidFinder | None:
    """Return the finder that is at work, if there is one."""
    return next((finder for finder in sys.meta_path if isinstance(finder, KidFinder)), None)
