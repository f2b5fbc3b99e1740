"""Folders of local sockets. The address of one holds some hundred bytes, which a long temporary folder (TMPDIR) alone
can use up; such folders are made in a shorter one then."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Sequence
from multiprocessing import forkserver, util
from pathlib import Path

MAX_ADDRESS_BYTES = 107
"""Of a local socket's address on Linux (unix(7)), without the byte that ends it."""

MAX_NAME_BYTES = 40
"""What is added to the temporary folder at most: multiprocessing adds `/pymp-12345678/listener-12345678`."""

SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")


def short_temporary_folder() -> str:
    """The temporary folder, or where its name is too long for sockets in it one that can be written. Raises OSError
    where there is none."""
    usual = tempfile.gettempdir()
    places = (usual, *SHORT_FOLDERS)
    for place in places:
        is_short = len(os.fsencode(place)) + MAX_NAME_BYTES <= MAX_ADDRESS_BYTES
        if is_short and os.path.isdir(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    what = f"the temporary folder's name is too long for sockets, and none of {', '.join(SHORT_FOLDERS)} can be written"
    raise OSError(errno.ENAMETOOLONG, what, usual)


def make_socket_folder() -> Path:
    """A new folder for sockets of this process, which is to be removed by it. Raises OSError."""
    return Path(tempfile.mkdtemp(prefix="arc-", dir=short_temporary_folder()))


def ensure_fork_server(preload: Sequence[str]) -> None:
    """Start multiprocessing's fork server if it does not run yet, and let it import these modules then. Raises OSError
    and EOFError."""
    before = tempfile.tempdir
    try:
        tempfile.tempdir = short_temporary_folder()
        util.get_temp_dir()  # makes the folder of all sockets of multiprocessing, once a process
    finally:
        tempfile.tempdir = before
    forkserver.set_forkserver_preload(list(preload))
    forkserver.ensure_running()
