"""Importing this module fails, as a package does whose version does not fit another's."""

raise RuntimeError("made for another version")
