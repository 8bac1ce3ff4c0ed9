"""Which plugins there are: a folder with `web/` or `srv/`, below the shipped plugins or a `plugins.dirs` entry."""

from __future__ import annotations

import hashlib
import importlib
import sys
import types
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from raa.rpath_error import ConfigurationError

SHIPPED = "raaplugins"


@dataclass(frozen=True, slots=True)
class PluginFolder:
    """A plugin on disk: `name` is the first part of its URLs, `package` what its halves are imported from."""

    name: str
    package: str
    path: Path

    def has(self, half: str) -> bool:
        """Tell whether there is a half of this name ("web", "srv")."""
        return (self.path / half / "__init__.py").is_file()


def discover(extra: Sequence[str]) -> list[PluginFolder]:
    """List the shipped plugins and those of the extra folders, by name; raises `ConfigurationError` for a bad folder.

    Of two plugins with one name the later folder wins, so that an appliance can replace a shipped one.
    """
    shipped = importlib.import_module(SHIPPED)
    found = {folder.name: folder for folder in _inside(Path(shipped.__path__[0]), SHIPPED)}
    for text in extra:
        path = Path(text)
        if not path.is_dir():
            raise ConfigurationError(f"plugins.dirs names {text}, and there is no such folder")
        for folder in _inside(path.resolve(), prefix_of(path.resolve())):
            found[folder.name] = folder
    return [found[name] for name in sorted(found)]


def _inside(path: Path, prefix: str) -> list[PluginFolder]:
    return [
        PluginFolder(child.name, f"{prefix}.{child.name}", child)
        for child in sorted(path.iterdir())
        if child.name.isidentifier() and ((child / "web").is_dir() or (child / "srv").is_dir())
    ]


def prefix_of(path: Path) -> str:
    """Return the package that holds a folder's plugins: a vendor package keeps its name, a plain folder gets one."""
    if (path / "__init__.py").is_file():
        return path.name
    return f"{SHIPPED}_{hashlib.sha256(str(path).encode()).hexdigest()[:10]}"


def make_importable(folder: PluginFolder) -> None:
    """Let `import <package>` find the plugin; needed once a process, harmless again."""
    prefix = folder.package.rpartition(".")[0]
    root = folder.path.parent
    if prefix == SHIPPED or prefix in sys.modules:
        return
    if (root / "__init__.py").is_file():
        if str(root.parent) not in sys.path:
            sys.path.append(str(root.parent))
        return
    module = types.ModuleType(prefix)
    module.__path__ = [str(root)]
    sys.modules[prefix] = module
