"""The sink collects the results and publishes how far they are.

It is done when every worker has either sent its end marker or is lost. A worker that is killed
cannot say so; main does, and the connection that went down says that nothing of it is still on
the way.
"""

from __future__ import annotations

import json
import time

import zmq

from .stage import Stage
from .wire import END, Result

PUBLISH_EVERY_S = 0.1


def collect(stage: Stage) -> None:
    """Collect until every worker is done, hand everything to main, end when all hung up.

    Parameters
    ----------
    stage
        This process.
    """
    # No high-water mark: a PULL socket that has stopped reading may lose what a peer sent before
    # it went away, and results are small.
    pull = stage.socket(zmq.PULL, "results", RCVHWM=0)
    progress = stage.socket(zmq.PUB)
    stage.tell(b"bound", stage.bind(pull, "results"), stage.bind(progress, "progress"))

    while stage.handshakes["results"] < stage.job.workers:
        stage.wait({})
    stage.tell(b"connected")

    received: list[Result] = []
    tally = [[0, 0] for _ in range(stage.job.workers)]
    ended: set[int] = set()
    lost: set[int] = set()
    given_up = False
    publish_at = time.monotonic()
    while not given_up:
        ready = stage.wait({pull: zmq.POLLIN}, int(PUBLISH_EVERY_S * 1000))
        while pull in ready and pull.poll(0):
            result = Result.from_frames(pull.recv_multipart())
            if result.path == END:
                ended.add(result.worker)
                continue
            received.append(result)
            tally[result.worker - 1][0] += 1
            tally[result.worker - 1][1] += result.size
            if time.monotonic() >= publish_at:
                break
        while stage.orders:
            kind, *numbers = stage.orders.popleft()
            lost.update(int(number) for number in numbers)
            given_up = kind == b"give up"
        if time.monotonic() >= publish_at:
            progress.send_multipart([b"progress", json.dumps(tally).encode()])
            publish_at = time.monotonic() + PUBLISH_EVERY_S
        everybody = len(ended | lost) == stage.job.workers
        if everybody and stage.hangups["results"] >= len(lost) and not pull.poll(0):
            break

    for result in received:
        stage.tell(b"result", *result.to_frames())
    stage.tell(b"complete")
    while stage.hangups["results"] < stage.job.workers:
        stage.wait({})
