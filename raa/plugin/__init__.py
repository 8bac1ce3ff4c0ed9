"""Finding plugins on disk and loading their halves; a failure stays that plugin's own."""
