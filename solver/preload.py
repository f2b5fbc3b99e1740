"""Importing this module loads every compiled function: for the fork server, whose children then have them."""

from .warm import load

load()
