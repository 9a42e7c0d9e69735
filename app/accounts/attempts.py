"""Slows down guessing of passwords, and writes down who guesses.

A guess counts before its password is checked, so that guesses at the same moment count too. Guesses are
counted by name and address together: a stranger elsewhere keeps nobody out. All names of an address are
counted as well, more loosely, against one password tried on many names. After a few wrong ones each further
guess has to wait twice as long as the one before.
"""

import hmac
import ipaddress
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.errors import NotSignedIn, TooManyAttempts

log = logging.getLogger(__name__)

FORGOTTEN_SECONDS = 900.0  # after the last wrong password
MOST_KEPT = 20_000  # pairs and addresses; the oldest go
LONGEST_NAME = 65  # characters that are told apart; nobody's name is as long
Key = tuple[str, str | None]


@dataclass(frozen=True)
class Limit:
    """Wrong passwords that are free, and the longest wait after them in seconds."""

    free: int
    longest: float

    def wait(self, count: int) -> float:
        """Seconds between the last guess and the next one."""
        return 0 if count < self.free else min(self.longest, 2.0 ** min(count - self.free, 30))


OF_A_NAME = Limit(free=5, longest=300)
OF_AN_ADDRESS = Limit(free=10, longest=60)


@dataclass
class _Count:
    guesses: int = 0  # wrong ones, and those being checked
    last: float = 0.0
    told: bool = False  # that the next one has to wait


@dataclass(frozen=True)
class _Counted:
    key: Key
    at: float
    before: float  # when the guess before it was


class Attempts:
    """Wrong passwords in this process by name and address; forgotten 15 minutes after the last one."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Key, _Count] = OrderedDict()  # the one changed last is the last one
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(16)

    @contextmanager
    def guess(self, name: str, address: str | None, *, is_known: bool) -> Iterator[None]:
        """Check a password in the block, which raises NotSignedIn for a wrong one.

        Raises TooManyAttempts instead of entering the block where one has to wait.
        """
        place = network(address)
        keys: tuple[tuple[Key, Limit], ...] = (
            ((place, name[:LONGEST_NAME]), OF_A_NAME),
            ((place, None), OF_AN_ADDRESS),
        )
        who = self._told_as(name, is_known=is_known)
        counted = self._reserve(keys, who, place)
        try:
            yield
        except NotSignedIn:
            log.warning("failed log-in: %s from %s", who, place)
            raise
        except BaseException:  # nothing was checked
            self._give_back(counted)
            raise
        self._give_back(counted)
        with self._lock:
            self._counts.pop(keys[0][0], None)

    def _reserve(self, keys: tuple[tuple[Key, Limit], ...], who: str, place: str) -> list[_Counted]:
        """Count a guess."""
        now = time.monotonic()
        with self._lock:
            self._forget(now)
            for key, limit in keys:
                count = self._counts.get(key)
                left = 0.0 if count is None else count.last + limit.wait(count.guesses) - now
                if count is None or left <= 0:
                    continue
                if not count.told:
                    count.told = True
                    log.warning("log-ins have to wait: %s from %s", who if key[1] else "every name", place)
                raise TooManyAttempts(
                    f"Too many failed log-ins; wait {_in_words(left)} and try again.", seconds=left
                )
            counted = []
            for key, _limit in keys:
                count = self._counts.setdefault(key, _Count())
                self._counts.move_to_end(key)
                counted.append(_Counted(key, now, before=count.last))
                count.guesses, count.last, count.told = count.guesses + 1, now, False
            while len(self._counts) > MOST_KEPT:
                self._counts.popitem(last=False)
        return counted

    def _give_back(self, counted: list[_Counted]) -> None:
        with self._lock:
            for each in counted:
                count = self._counts.get(each.key)
                if count is None:
                    continue
                count.guesses -= 1
                if count.last == each.at:  # nobody has guessed since
                    count.last = each.before
                if count.guesses <= 0:
                    del self._counts[each.key]

    def _forget(self, now: float) -> None:
        while self._counts:
            key, oldest = next(iter(self._counts.items()))
            if oldest.last > now - FORGOTTEN_SECONDS:
                return
            del self._counts[key]

    def _told_as(self, name: str, *, is_known: bool) -> str:
        """The name in the log.

        An unknown one may be a password in the wrong field: a mark of 16 bits stands for it.

        The mark tells one name tried often from many names; with a key that ends with the process it tells no
        more.
        """
        if is_known:
            return name
        return f"unknown name #{hmac.digest(self._key, name.encode(errors='replace'), 'sha256').hex()[:4]}"


def network(address: str | None) -> str:
    """The network of an address: an IPv4 address, or the first 64 bits of an IPv6 address."""
    try:
        found = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return "an unknown address"
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
        found = found.ipv4_mapped
    return str(found)


def _in_words(seconds: float) -> str:
    whole = max(1, -int(-seconds // 1))
    return "a second" if whole == 1 else f"{whole} seconds"
