"""A worker computes SHA-256, lines and bytes of each file that it is given."""

from __future__ import annotations

import zmq

from .files import Measure
from .stage import REPORT_LINGER_MS, Stage
from .wire import BLOCK, END, KERNEL_BUFFER, QUEUED_FILES, Result


def work(
    stage: Stage,
    number: int,
    files_endpoint: str,
    rest_endpoint: str,
    ventilator_key: bytes,
    results_endpoint: str,
    sink_key: bytes,
) -> None:
    """Measure files until the ventilator hangs up.

    Parameters
    ----------
    stage
        This process.
    number
        Which worker this is; it signs the results.
    files_endpoint, rest_endpoint, ventilator_key
        Where files come from, where the rest of a large one, and the key of that server.
    results_endpoint, sink_key
        Where results go.
    """
    # Nobody takes a place over: a connection that went down stays down.
    files = stage.socket(
        zmq.PULL, "files", RCVHWM=QUEUED_FILES, RCVBUF=KERNEL_BUFFER, RECONNECT_IVL=-1
    )
    # Watched too: while the queue of files is full, a hang-up is not seen on that socket.
    rest = stage.socket(zmq.REQ, "rest", RECONNECT_IVL=-1)
    results = stage.socket(zmq.PUSH, "results", RECONNECT_IVL=-1, LINGER=REPORT_LINGER_MS)
    stage.connect(files, files_endpoint, ventilator_key)
    stage.connect(rest, rest_endpoint, ventilator_key)
    stage.connect(results, results_endpoint, sink_key)

    ended = False
    while (message := stage.receive(files)) is not None:
        name, content = message
        if name != END:
            result = _measured(stage, rest, number, name, content)
        elif not ended:
            ended = True
            result = Result(END, number, b"", 0, 0)
        else:
            continue
        if result is not None:
            stage.send(results, result.to_frames())
    # "rest" may have hung up first; and "files" does so only after all markers have been taken.
    while ended and not stage.hangups["files"]:
        if files in stage.wait({files: zmq.POLLIN}):
            files.recv_multipart()


def _measured(
    stage: Stage, rest: zmq.Socket[bytes], number: int, name: bytes, content: bytes
) -> Result | None:
    # None: the file could not be read to its end (the ventilator reports it), or a neighbour is
    # gone.
    measure = Measure()
    measure.add(content)
    while len(content) == BLOCK:
        stage.send(rest, [name, str(measure.size).encode()])
        reply = stage.receive(rest)
        if reply is None or reply[0] != b"block":
            return None
        content = reply[1]
        measure.add(content)
    return Result(name, number, measure.digest, measure.lines, measure.size)
