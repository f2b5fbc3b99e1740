LAYERS = ("user", "namespaces", "root", "landlock", "seccomp")
"""Kernel layers that may be missing, in the order in which they are put in force; see layers.py."""
