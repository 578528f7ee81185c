"""What this machine or process lacks to open a connection: no provider is to blame for it."""

from __future__ import annotations

import errno
import socket

_LACKS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EAGAIN})


def is_lack(error: OSError, family: int = socket.AF_INET) -> bool:
    """Returns whether descriptors, memory or local ports are missing. On a machine without IPv6 there is no local
    address for it, which is no such lack: it is the same tomorrow.
    """
    return error.errno in _LACKS or (error.errno == errno.EADDRNOTAVAIL and family == socket.AF_INET)


def lacks_descriptors() -> bool:
    """Returns whether no socket can be opened now: failed look-ups of names don't say why."""
    try:
        socket.socket().close()
    except OSError as error:
        return is_lack(error)
    return False
