"""Names in namespaces, in Clark's notation: `{uri}name`."""

from __future__ import annotations

#: the namespace of Kid's attributes
KID = "http://purl.org/kid/ns#"


class Namespace:
    """Builds names: `Namespace("urn:x").item` is `"{urn:x}item"`."""

    def __init__(self, uri: str | None, prefix: str | None = None) -> None:
        self.uri = uri
        self.prefix = prefix

    def __getitem__(self, name: str) -> str:
        return f"{{{self.uri}}}{name}" if self.uri else name

    __getattr__ = __getitem__

    def qname(self, name: str) -> str:
        """Return the name with the prefix instead of the namespace."""
        return f"{self.prefix}:{name}" if self.prefix else name

    def __str__(self) -> str:
        return self.uri or ""


xml = Namespace("http://www.w3.org/XML/1998/namespace", "xml")
xhtml = Namespace("http://www.w3.org/1999/xhtml", "html")
