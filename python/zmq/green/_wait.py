"""How greenlets wait on sockets: the one place of this package that leaves a greenlet.

A hub watches descriptors, and a socket has one that is edge-triggered: whatever call, by whatever
wrapper or thread, processes the commands behind it makes it quiet. A native Watch tells of such
calls by a second descriptor. While greenlets sleep on a socket, the hub watches both; woken, a
greenlet tries again what it was about to do. So nothing is taken from a socket but by the greenlet
that returns it, and a greenlet that is killed or timed out loses nothing.
"""

from __future__ import annotations

import time
from weakref import WeakKeyDictionary

from gevent import get_hub, getcurrent, monkey, sleep
from gevent._hub_local import get_hub_if_exists
from gevent.hub import Waiter

from zmq._core import Watch
from zmq.constants import POLLERR, RCVMORE
from zmq.error import Again, ZMQError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeAlias, TypeVar

    from zmq import _core

    _Result = TypeVar("_Result")

    #: gevent has no types for its hub, loops and watchers.
    Hub: TypeAlias = Any
    Watcher: TypeAlias = Any

__all__ = [
    "LOOK_AGAIN_S",
    "READ",
    "WRITE",
    "Deadline",
    "Sleeper",
    "Sleepers",
    "let_others_run",
    "milliseconds",
    "sleepers_of",
    "start_timer",
    "wait_until_done",
]

#: Readable and writable, for a loop's io watcher.
READ = 1
WRITE = 2

#: How often to look at what no descriptor tells of, in seconds.
LOOK_AGAIN_S = 0.01

#: For how long a greenlet may find one message after the other, in seconds, before others run.
_TURN_S = 0.01
#: When the greenlets of a hub were last let run.
_turns: WeakKeyDictionary[Hub, float] = WeakKeyDictionary()

#: What a Watch is armed with for those who want to be woken by everything that it tells. libzmq
#: never has it in EVENTS.
_ANYTHING = int(POLLERR)

#: The events of a socket that cannot be asked: all of them, so that everybody tries, and learns
#: from that why.
_REFUSED = -1

# Unpatched: a hub belongs to a thread, not to a greenlet.
_thread_ident: Callable[[], int] = monkey.get_original("_thread", "get_ident")


def milliseconds(timeout: Any) -> float | None:
    """Check a timeout that a user gave.

    Parameters
    ----------
    timeout
        A number of milliseconds, or None.

    Returns
    -------
    float or None
        The same, as a plain number.

    Raises
    ------
    TypeError
        It is something else.
    """
    if timeout is None or isinstance(timeout, (int, float)):
        return timeout
    try:
        # Numbers of other kinds: numpy's, for instance.
        return float(timeout + 0.0)
    except TypeError:
        raise TypeError(
            f"a timeout is a number of milliseconds or None, got: {timeout!r}"
        ) from None


def let_others_run(socket: _core.Socket | None = None) -> None:
    """Let other greenlets run if that was long ago: a socket may never be empty.

    Parameters
    ----------
    socket
        What is about to be received from. In the middle of a message nothing is done.
    """
    hub = get_hub_if_exists()
    now = time.monotonic()
    if hub is None or now - _turns.setdefault(hub, now) < _TURN_S:
        return
    if getcurrent() is not hub and not (socket is not None and socket.get(RCVMORE)):
        sleep(0)
        _turns[hub] = time.monotonic()


class Deadline:
    """When a wait ends.

    Parameters
    ----------
    timeout_ms
        Milliseconds from now; never where it is None or negative.
    """

    __slots__ = ("_end",)

    def __init__(self, timeout_ms: float | None) -> None:
        self._end: float | None = None
        if timeout_ms is not None and timeout_ms >= 0:
            self._end = time.monotonic() + timeout_ms / 1000

    def remaining(self) -> float | None:
        """Give the seconds that are left, 0 when it has passed; None if it never does."""
        return None if self._end is None else max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        """Say whether the time is up."""
        return self._end is not None and time.monotonic() >= self._end


def start_timer(hub: Hub, seconds: float, waiter: Waiter) -> Watcher:
    """Have somebody woken after some time.

    Parameters
    ----------
    hub
        The hub.
    seconds
        The time.
    waiter
        Who is to be woken.

    Returns
    -------
    watcher
        The timer, which has to be closed.
    """
    # libuv warns of less.
    timer = hub.loop.timer(max(0.001, seconds))
    timer.start(waiter.switch, None)
    return timer


class Sleeper:
    """One greenlet in its wait on one socket.

    Parameters
    ----------
    events
        What it waits for, POLLIN, POLLOUT or both; 0 to be woken by everything that happens.
    waiter
        What switches to the greenlet; it is given the Sleeper.
    """

    __slots__ = ("events", "waiter")

    def __init__(self, events: int, waiter: Waiter) -> None:
        self.events = events or _ANYTHING
        self.waiter = waiter


class Sleepers:
    """The greenlets of one hub that wait on one socket, in the order in which they came.

    The descriptors are made once, and watched only while somebody sleeps.

    Parameters
    ----------
    hub
        The hub.
    socket
        The socket.

    Raises
    ------
    ZMQError
        ENOTSOCK: the socket is closed.
    """

    __slots__ = ("__weakref__", "_closed", "_sleepers", "_watch", "_watchers", "hub")

    def __init__(self, hub: Hub, socket: _core.Socket) -> None:
        self._closed = True
        self._watch: Watch | None = Watch(socket)
        self._closed = False
        self._sleepers: list[Sleeper] = []
        self.hub = hub
        loop = hub.loop
        descriptor = self._watch.descriptor
        self._watchers: tuple[Watcher, Watcher] = (
            # A thread-safe socket has no descriptor of its own.
            loop.io(descriptor, READ)
            if descriptor >= 0
            else loop.timer(LOOK_AGAIN_S, LOOK_AGAIN_S),
            loop.io(self._watch.wake_descriptor, READ),
        )

    def __del__(self) -> None:
        if not self._closed:
            self.close()

    def sleep(self, events: int, seconds: float | None, first: bool = False) -> bool:
        """Let the greenlet that runs sleep until it is worth trying again.

        Parameters
        ----------
        events
            What it waits for, as a Sleeper has it. It does not sleep if one is there.
        seconds
            How long to sleep at most; None for no limit.
        first
            Whether it comes before those who sleep already, since it was woken and in vain.

        Returns
        -------
        bool
            Whether it has slept.
        """
        waiter = Waiter(self.hub)
        sleeper = Sleeper(events, waiter)
        if self.add(sleeper, first):
            return False
        timer = None
        try:
            if seconds is not None:
                timer = start_timer(self.hub, seconds, waiter)
            waiter.get()
        finally:
            if timer is not None:
                timer.close()
            self.remove(sleeper)
        return True

    def add(self, sleeper: Sleeper, first: bool = False) -> int:
        """Have somebody woken.

        Parameters
        ----------
        sleeper
            Who is to be woken: once, and then it is no longer here.
        first
            Whether it comes before those who are here already.

        Returns
        -------
        int
            Those of its events that are there already, and then it is not added; else 0.
        """
        sleepers = self._sleepers
        ready = self._arm(sleeper.events)
        wanted = ready & sleeper.events
        if not wanted:
            if not sleepers:
                for watcher, woken in zip(self._watchers, (self._look, self._woken), strict=True):
                    watcher.start(woken)
            sleepers.insert(0 if first else len(sleepers), sleeper)
        if ready and sleepers:
            # What is there is for somebody else as well, and nothing is armed.
            self.hub.loop.run_callback(self._look)
        return wanted

    def remove(self, sleeper: Sleeper) -> None:
        """Have somebody no longer woken.

        Parameters
        ----------
        sleeper
            Whom to remove; it need not be here any more.
        """
        if sleeper in self._sleepers:
            self._sleepers.remove(sleeper)
            if not self._sleepers:
                self._rest()

    def close(self) -> None:
        """Free the descriptors, or have the last sleeper do so. From any thread."""
        self._closed = True
        loop = self.hub.loop
        if loop is None or _thread_ident() == self.hub.thread_ident:
            self._free()
        else:
            # Watchers belong to the thread of their loop.
            loop.run_callback_threadsafe(self._free)

    def _arm(self, events: int = 0) -> int:
        """Ask to be told of what the sleepers, and perhaps one more, wait for."""
        for sleeper in self._sleepers:
            events |= sleeper.events
        try:
            return _REFUSED if self._watch is None else self._watch.arm(events)
        except ZMQError:
            # Closed or terminated: everybody's own call will say so.
            return _REFUSED

    def _woken(self) -> None:
        """Quieten the second descriptor, and look; run by the hub."""
        if self._watch is not None:
            self._watch.woken()
        self._look()

    def _look(self) -> None:
        """Wake those who can go on; run by the hub."""
        sleepers = self._sleepers
        if len(sleepers) == 1:
            self._wake(sleepers[0])
            return
        for sleeper in [sleeper for sleeper in sleepers if sleeper.events == _ANYTHING]:
            self._wake(sleeper)
        # Whoever is woken tries while nothing is armed, and may come back at once: only so many
        # are woken before others have their turn.
        for _ in range(len(sleepers)):
            ready = self._arm() if sleepers else 0
            if not ready:
                return
            self._wake(next(sleeper for sleeper in sleepers if sleeper.events & ready))
        if sleepers and self._arm():
            self.hub.loop.run_callback(self._look)

    def _wake(self, sleeper: Sleeper) -> None:
        # One that was woken before may have removed it.
        if sleeper in self._sleepers:
            self.remove(sleeper)
            sleeper.waiter.switch(sleeper)

    def _rest(self) -> None:
        if self.hub.loop is not None:
            for watcher in self._watchers:
                watcher.stop()
        if self._closed:
            self._free()
        elif self._watch is not None:
            self._watch.disarm()

    def _free(self) -> None:
        if self._sleepers or self._watch is None:
            return
        # A loop that was destroyed has no watchers any more.
        if self.hub.loop is not None:
            for watcher in self._watchers:
                watcher.close()
        self._watch.close()
        # It still has a descriptor, which lasts as long as itself.
        self._watch = None


#: Those of sockets that are not of this package, for as long as the sockets live.
_of_other_sockets: WeakKeyDictionary[_core.Socket, Sleepers] = WeakKeyDictionary()


def sleepers_of(socket: _core.Socket, hub: Hub) -> Sleepers:
    """Give the greenlets of a hub that wait on a socket of any kind.

    Parameters
    ----------
    socket
        The socket.
    hub
        The hub.

    Returns
    -------
    Sleepers
        Always the same, unless several hubs wait on one wrapper by turns.
    """
    own = getattr(type(socket), "_sleepers_in", None)
    if own is not None:
        found: Sleepers = own(socket, hub)
        return found
    known = _of_other_sockets.get(socket)
    if known is not None and known.hub is hub and not socket.closed:
        return known
    for closed in [other for other in _of_other_sockets if other.closed]:
        _of_other_sockets.pop(closed).close()
    made = _of_other_sockets[socket] = Sleepers(hub, socket)
    return made


def wait_until_done(
    socket: _core.Socket, events: int, timeout_ms: float | None, attempt: Callable[[], _Result]
) -> _Result:
    """Repeat a call that does not wait until it succeeds, or the time is up.

    Parameters
    ----------
    socket
        The socket that the call is about.
    events
        Those that let it succeed, POLLIN or POLLOUT.
    timeout_ms
        How long to wait, in milliseconds; for ever where it is None or negative.
    attempt
        The call. It has said Again before.

    Returns
    -------
    Any
        What the call returns.

    Raises
    ------
    Again
        The time is up.
    """
    deadline = Deadline(timeout_ms)
    woken = False
    in_vain = 0
    while True:
        remaining = deadline.remaining()
        sleepers = sleepers_of(socket, get_hub())
        if in_vain < 2:
            woken = sleepers.sleep(events, remaining, first=woken)
            in_vain = 0 if woken else in_vain + 1
        else:
            # EVENTS may say POLLOUT although the very peer in question has no room (ROUTER with
            # ROUTER_MANDATORY): asking again and again would let nobody else run.
            in_vain = 1
            limit = LOOK_AGAIN_S if remaining is None else min(LOOK_AGAIN_S, remaining)
            woken = sleepers.sleep(0, limit, first=True)
            if not woken:
                sleep(limit)
        last = deadline.passed()
        try:
            return attempt()
        except Again:
            if last:
                raise
