"""Ports that stay free until they are used."""

import random
import socket

NOBODYS = range(20_000, 32_000)  # the system gives ports from here to nobody who asks for any one


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens.

    A port that the system chose may be given to another process as soon as it is closed.
    """
    for port in random.SystemRandom().sample(NOBODYS, len(NOBODYS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")
