"""Readiness queues behind every awaitable socket; knows no event loop.

A call is tried at once. Where libzmq is not ready, a Future joins the queue of its kind in the
:class:`Lane` of its socket and loop, and the loop watches the socket; when that is ready, the queue
is served in order. Cancelling only removes a Future from its queue.

What was received for a Future that nobody takes, because the task was cancelled meanwhile or the
Future was dropped, goes back to the socket: see :class:`Received`.
"""

from __future__ import annotations

import os
import sys
import weakref
from asyncio import Future
from asyncio import _get_running_loop as get_running_loop
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import zmq
from zmq import _core
from zmq._core import Taken, Watch
from zmq.constants import ENOTSOCK
from zmq.error import Again, ZMQError

if TYPE_CHECKING:
    from asyncio import Handle, TimerHandle

T = TypeVar("T")

#: A thread-safe socket has no descriptor to watch: look again this often.
NO_DESCRIPTOR_INTERVAL_S = 0.01


class Selector(Protocol):
    """What watches descriptors: an event loop, or something in its place."""

    def add_reader(self, fd: int, callback: Callable[..., Any], *args: Any) -> Any:
        """Call back whenever there is something to read."""

    def remove_reader(self, fd: int) -> Any:
        """Call back no more."""

    def add_writer(self, fd: int, callback: Callable[..., Any], *args: Any) -> Any:
        """Call back whenever there is room to write."""

    def remove_writer(self, fd: int) -> Any:
        """Call back no more."""


class Loop(Protocol):
    """What the queues need of an event loop."""

    def call_soon(self, callback: Callable[..., Any], *args: Any) -> Handle:
        """Call back in the next round."""

    def call_soon_threadsafe(self, callback: Callable[..., Any], *args: Any) -> Handle:
        """Call back in the next round, from another thread."""

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any) -> TimerHandle:
        """Call back after so many seconds."""

    def is_running(self) -> bool:
        """Say whether it runs."""

    def is_closed(self) -> bool:
        """Say whether it was closed."""


class Place(Protocol):
    """Where a Waiting waits."""

    polls: deque[Any]

    def serve(self) -> None:
        """Give what is there to those who wait for it; called by the loop."""

    def pin(self) -> None:
        """Have the loop keep all this alive: somebody waits for it."""

    def left(self) -> None:
        """Go on without somebody who has left."""


class Poll(Protocol):
    """What is told of events: one in the queue of polls of a lane."""

    #: Which events.
    _request: int

    def finish(self, result: int, /) -> None:
        """Tell of events that are there, out of the queue."""

    def fail(self, error: BaseException, /) -> None:
        """Tell of an error, out of the queue."""

    def cancel(self) -> bool:
        """Tell that the socket was closed."""

    def release(self) -> None:
        """Let go of what was needed for waiting."""


def _cancel_of_gather() -> Any:
    """Give the code by which a gather() that is cancelled cancels what it gathers."""
    from asyncio import tasks

    # Without it, what such a gather() has received already is lost with it.
    cancel = getattr(getattr(tasks, "_GatheringFuture", None), "cancel", None)
    return getattr(cancel, "__code__", None)


_CANCEL_OF_GATHER = _cancel_of_gather()


def _not_cancelled(taken: Taken, depth: int = 1) -> None:
    """Note that it was too late to cancel what has received a message.

    That is no reason to give the message back: whoever is told so asks for the result. But a
    gather() that is cancelled reads the results that are there, and drops them.

    Parameters
    ----------
    taken
        The message.
    depth
        How many callers away it was to be cancelled.
    """
    frame = sys._getframe(depth)
    if frame.f_code is not _CANCEL_OF_GATHER:
        return
    gathering = frame.f_locals["self"]
    # Where all have finished it is not cancelled itself; but the task that waits for it may be.
    if gathering._callbacks or any(
        child.cancelled() or not child.done() for child in gathering._children
    ):
        taken.give_back()


if TYPE_CHECKING:

    class Received(Future[T]):
        """A message that has been received: a finished Future, and what to give back.

        The message belongs to whoever awaits the Future or asks for its result. Until then the
        socket can have it back: when the awaiting task is cancelled before it runs again, and when
        the Future is dropped.
        """

        _taken: Taken | None
        _suspended: int
        # The rest is for those that wait.
        #: Where it waits; None when it does no more.
        _lane: Place | None
        #: In which of the queues there.
        _queue: deque[Waiting[Any]]
        #: How to try again, by the kind of queue: `receives`: multipart, copy, track; `sends`:
        #: Frames, flags, what to return; `polls`: the events.
        _request: Any
        #: Kept open and alive while it waits.
        _socket: object
        #: Makes the result of the message.
        _load: Callable[[Any], Any] | None
        #: Ends the wait.
        _timer: TimerHandle | None

        def receive(self, taken: Taken) -> None:
            """Finish with a message, and wait no more."""

        def release(self) -> None:
            """Wait no more: let go of what was needed for that."""

else:
    Received = _core.make_received(Future, _not_cancelled)


class Waiting(Received[T]):
    """A call that libzmq was not ready for: a Future in one of the queues of a lane."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            self._asyncio_future_blocking = True
            self._suspended += 1
            try:
                yield self
            except BaseException:
                # The task is cancelled, or dropped: what has come meanwhile is not for it.
                self._suspended -= 1
                if self._taken is not None and not self._suspended:
                    self._taken.give_back()
                raise
            self._suspended -= 1
            if not self.done():
                raise RuntimeError("await wasn't used with future")
        if self._taken is not None:
            self._taken.consume()
        return self.result()

    __iter__ = __await__

    def cancel(self, msg: Any | None = None) -> bool:
        """Cancel the call: it has no effect, unless it is finished.

        Parameters
        ----------
        msg
            For the CancelledError.

        Returns
        -------
        bool
            Whether it was not finished.
        """
        if self.done():
            if self._taken is not None:
                _not_cancelled(self._taken, 2)
            return False
        Future.cancel(self, msg)
        self.leave()
        return True

    def leave(self) -> None:
        """Wait no longer; the lane goes on without this."""
        lane = self._lane
        if lane is not None and self in self._queue:
            self._queue.remove(self)
            self.release()
            lane.left()

    def fail(self, error: BaseException) -> None:
        """Finish with an error, out of the queue."""
        self.release()
        if not self.done():
            if isinstance(error, StopIteration):
                # A Future cannot have it.
                cause = error
                error = RuntimeError("a function that reads messages raised StopIteration")
                error.__cause__ = cause
            self.set_exception(error)
            if isinstance(error, ZMQError) and error.errno == ENOTSOCK:
                # Nobody has to look at it: whoever closes a socket knows.
                self.exception()

    def finish(self, result: Any) -> None:
        """Finish with a result, out of the queue."""
        self.release()
        if not self.done():
            self.set_result(result)

    def read(self, taken: Taken) -> None:
        """Finish with what is read in a message, out of the queue."""
        load = self._load
        assert load is not None
        try:
            value = load(taken.message)
        except BaseException as error:
            # The message was received, but cannot be read.
            taken.consume()
            self.fail(error)
            if not isinstance(error, Exception):
                raise
        else:
            if not self.done():
                self._taken = taken
            self.finish(value)

    def expire(self) -> None:
        """Finish, since the time is up."""
        self._timer = None
        lane = self._lane
        if self.done() or lane is None:
            return
        polling = self._queue is lane.polls
        self.leave()
        if polling:
            self.finish(0)
        else:
            self.fail(Again())


class Reader:
    """What a loop calls when a socket may be ready.

    The loop does not keep the lane alive, nor so its socket, unless somebody waits there.
    """

    __slots__ = ("pinned", "place")

    def __init__(self, place: Place) -> None:
        self.place = weakref.ref(place)
        self.pinned: Place | None = None

    def readable(self) -> None:
        place = self.place()
        if place is not None:
            place.serve()


class LaneReader(Reader):
    """What a loop calls when the socket of a lane may be ready."""

    __slots__ = ()

    def woken(self) -> None:
        lane = self.place()
        if isinstance(lane, Lane) and lane.watch is not None:
            lane.watch.woken()
            lane.serve()

    def tick(self) -> None:
        lane = self.place()
        if isinstance(lane, Lane):
            lane.ticking = False
            lane.serve()


def _unhook(loop: Loop, selector: Selector, watch: Watch, process: int) -> None:
    """Stop to watch a socket, in the thread of the loop."""
    # After a fork, the loop's own descriptors are the parent's too.
    if not loop.is_closed() and process == os.getpid():
        for descriptor in (watch.descriptor, watch.wake_descriptor):
            if descriptor >= 0:
                selector.remove_reader(descriptor)
    watch.close()


class Lane(_core.Turns):
    """What waits on one socket in one loop: receives, sends and polls, each kind in order.

    Parameters
    ----------
    loop
        The loop.
    selector
        What watches descriptors for it.
    waiting
        The class of the Futures.
    """

    __slots__ = (
        "hooked",
        "marked",
        "process",
        "reader",
        "scheduled",
        "selector",
        "ticking",
    )

    receives: deque[Waiting[Any]]
    sends: deque[Waiting[Any]]
    polls: deque[Poll]
    waiting: type[Waiting[Any]]
    #: Made when something has to wait for the first time.
    watch: Watch | None

    def __init__(
        self, loop: Loop, selector: Selector, waiting: type[Waiting[Any]] = Waiting
    ) -> None:
        super().__init__(loop)
        self.selector = selector
        self.waiting = waiting
        self.receives = deque()
        self.sends = deque()
        self.polls = deque()
        self.watch = None
        self.hooked = False
        self.reader = LaneReader(self)
        #: Whether the loop was asked to call `_unmark`.
        self.marked = False
        #: Whether the loop was asked to call `serve`.
        self.scheduled = False
        #: Whether the loop was asked to look again in a while.
        self.ticking = False
        self.process = os.getpid()

    def __del__(self) -> None:
        self.unhook()

    # -- the loop ----------------------------------------------------------------------------

    def hook(self, socket: _core.Socket) -> Watch:
        """Have the loop watch the socket from now on."""
        if self.watch is None:
            self.watch = Watch(socket)
        if not self.hooked:
            self.hooked = True
            if self.watch.descriptor >= 0:
                self.selector.add_reader(self.watch.descriptor, self.reader.readable)
            self.selector.add_reader(self.watch.wake_descriptor, self.reader.woken)
        return self.watch

    def unhook(self) -> None:
        """Have the loop watch the socket no more."""
        watch, self.watch = self.watch, None
        if watch is None:
            return
        self.hooked = False
        loop = self.loop
        if get_running_loop() is not loop and loop.is_running() and self.process == os.getpid():
            try:
                loop.call_soon_threadsafe(_unhook, loop, self.selector, watch, self.process)
            except RuntimeError:
                # Closed in the meantime.
                watch.close()
        else:
            _unhook(loop, self.selector, watch, self.process)

    def pin(self) -> None:
        """Have the loop keep all this alive: somebody waits for one more of those here."""
        self.awaited += 1
        self.reader.pinned = self

    def left(self) -> None:
        """Go on without somebody who has left."""
        if not self.awaited:
            self.reader.pinned = None

    def is_due(self) -> bool:
        """Say whether it is the loop's turn."""
        if self.lasting():
            return False
        if self.marked:
            # It has not run since it was asked to.
            return True
        self.marked = True
        self.ran()
        self.loop.call_soon(self._unmark)
        return False

    def _unmark(self) -> None:
        self.marked = False
        self.ran()

    def schedule(self) -> None:
        """Have the queues served in the loop's next round."""
        if not self.scheduled:
            self.scheduled = True
            self.loop.call_soon(self.serve)

    def tick(self) -> None:
        """Look again in a while: there is no descriptor to watch."""
        if not self.ticking:
            self.ticking = True
            self.loop.call_later(NO_DESCRIPTOR_INTERVAL_S, self.reader.tick)

    # -- joining the queues ------------------------------------------------------------------

    def join(
        self,
        queue: deque[Any],
        request: Any,
        socket: _core.Socket,
        timeout_ms: float | None,
        load: Callable[[Any], Any] | None = None,
    ) -> Waiting[Any]:
        """Wait in a queue; the lane is armed, or will be served.

        Parameters
        ----------
        queue
            One of the three.
        request
            How to try again.
        socket
            The socket.
        timeout_ms
            For how long; None or negative for ever.
        load
            Makes the result of a message that was received.

        Returns
        -------
        Waiting
            The Future.
        """
        future: Waiting[Any] = self.new_waiting(queue, request, socket, load)
        queue.append(future)
        if timeout_ms is not None and timeout_ms >= 0:
            # It keeps the Future alive; there is an end to that.
            future._timer = self.loop.call_later(timeout_ms / 1000, future.expire)
        return future

    def wait(
        self,
        queue: deque[Any],
        request: Any,
        socket: _core.Socket,
        timeout_ms: float | None,
        load: Callable[[Any], Any] | None = None,
    ) -> Waiting[Any]:
        """Wait in a queue, unless it can be had at once and it is nobody else's turn."""
        self.hook(socket)
        future = self.join(queue, request, socket, timeout_ms, load)
        # A poll may be for other events than those before it.
        if queue[0] is future or queue is self.polls:
            self.serve_in_turn()
        return future

    def watch_for(self, poll: Poll, socket: _core.Socket) -> None:
        """Tell of events in the socket; maybe at once."""
        self.hook(socket)
        self.polls.append(poll)
        self.serve_in_turn()

    def received(self, taken: Taken, load: Callable[[Any], Any] | None) -> Waiting[Any]:
        """Give a finished Future of a message that has been received."""
        future: Waiting[Any] = self.new_waiting(self.receives, None, None, load)
        if load is None:
            future.receive(taken)
        else:
            future.read(taken)
        return future

    def finished(self, result: Any) -> Future[Any]:
        """Give a Future of what did not have to wait: finished, or if it is time, soon to be."""
        future: Future[Any] = Future(loop=self.loop)
        if self.is_due():
            self.loop.call_soon(self._finish, future, result)
        else:
            future.set_result(result)
        return future

    def _finish(self, future: Future[Any], result: Any) -> None:
        self.ran()
        if not future.done():
            future.set_result(result)

    def failed(self, error: BaseException) -> Future[Any]:
        """Give a Future that is finished with an error."""
        future: Future[Any] = Future(loop=self.loop)
        future.set_exception(error)
        return future

    # -- serving them ------------------------------------------------------------------------

    def serve_in_turn(self) -> None:
        """Serve the queues: now, or when the loop has had its turn."""
        if self.scheduled:
            return
        if self.is_due():
            self.schedule()
        else:
            self._serve()

    def serve(self) -> None:
        """Give what is there to those who wait for it; called by the loop."""
        self.scheduled = False
        self.ran()
        try:
            self._serve()
        except BaseException:
            # A function of the user has stopped the loop.
            self.schedule()
            raise

    def _serve(self) -> None:
        watch = self.watch
        if watch is None:
            return
        # Any of these may run code of the user, who may close the socket.
        if self.receives:
            self.serve_receives(watch)
        elif not self.sends and not self.polls:
            # Nobody waits, but a descriptor is readable.
            self._quieten(watch)
        if self.sends:
            self._serve_sends(watch)
        if self.polls:
            self._serve_polls(watch)
        if not self.awaited:
            self.reader.pinned = None
        if watch.descriptor < 0 and (self.receives or self.sends or self.polls):
            self.tick()

    def _quieten(self, watch: Watch) -> None:
        try:
            watch.look(0)
        except ZMQError:
            # ENOTSOCK, ETERM: there is nothing to come.
            self.unhook()
        else:
            watch.disarm()

    def _serve_sends(self, watch: Watch) -> None:
        sends = self.sends
        while sends:
            future = sends[0]
            if not future.done():
                frames, flags, result = future._request
                try:
                    if not watch.send(frames, flags):
                        return
                except Exception as error:
                    sends.popleft()
                    future.fail(error)
                    continue
                sends.popleft()
                future.finish(result)
            else:
                sends.popleft()
        if not self.receives and not self.polls:
            watch.disarm()

    def _serve_polls(self, watch: Watch) -> None:
        polls = self.polls
        while polls:
            events = 0
            for future in polls:
                events |= future._request
            try:
                ready = watch.look(events)
            except Exception as error:
                closed = isinstance(error, ZMQError) and error.errno == ENOTSOCK
                while polls:
                    future = polls.popleft()
                    if closed:
                        future.release()
                        future.cancel()
                    else:
                        future.fail(error)
                return
            if not ready:
                return
            for future in [future for future in polls if future._request & ready]:
                polls.remove(future)
                future.finish(future._request & ready)
        if not self.receives and not self.sends:
            watch.disarm()

    def close(self) -> None:
        """Fail what waits: the socket is being closed."""
        loop = self.loop
        if get_running_loop() is not loop and loop.is_running() and self.process == os.getpid():
            try:
                loop.call_soon_threadsafe(self.fail_all)
            except RuntimeError:
                # Closed in the meantime; nobody waits any more.
                self.unhook()
        else:
            self.fail_all()

    def fail_all(self) -> None:
        """Fail what waits, in the thread of the loop."""
        self.unhook()
        self.reader.pinned = None
        alive = not self.loop.is_closed()
        for queue in (self.receives, self.sends, self.polls):
            while queue:
                future = queue.popleft()
                if not alive:
                    future.release()
                elif queue is self.polls:
                    future.release()
                    future.cancel()
                else:
                    future.fail(ZMQError(ENOTSOCK))


def frames_of(
    parts: Iterable[Any],
    copy_threshold: int,
    copy: bool,
    track: bool,
    routing_id: int | None = None,
    group: str | None = None,
) -> tuple[list[_core.Frame], _core.MessageTracker | None]:
    """Make Frames of a message that has to wait, which so can be sent as it is now.

    Parameters
    ----------
    parts
        The parts of the message.
    copy_threshold
        From how many bytes up memory is lent, with copy=False.
    copy
        As for :meth:`zmq.Socket.send_multipart`.
    track
        As for that.
    routing_id
        As for that.
    group
        As for that.

    Returns
    -------
    tuple
        The Frames, and what that would return.
    """
    frames = []
    trackers = []
    lent = False
    part: Any = None
    for part in parts:
        frame = part
        if not isinstance(part, _core.Frame):
            frame = zmq.Frame(part, track=track, copy=copy or None, copy_threshold=copy_threshold)
            lent = lent or (not copy and len(frame) >= copy_threshold)
        if routing_id is not None or group is not None:
            frame = frame.__copy__()
            if routing_id is not None:
                frame.routing_id = routing_id
            if group is not None:
                frame.group = group
        frames.append(frame)
        if frame.tracker is not None:
            trackers.append(frame.tracker)
    if isinstance(part, _core.Frame):
        return frames, part.tracker
    if copy or (lent and not track):
        return frames, None
    return frames, _core.MessageTracker(*trackers) if trackers else _core._FINISHED_TRACKER
