"""A camera in C++, its processing in Python, and a consumer in C++, over one libzmq.

The camera's thread (camera.cpp) makes frames at full speed, without the GIL, and sends them into a
socket of this program's own context, over inproc. Python receives them as numpy arrays over the
camera's own memory, looks at every pixel, and publishes a result for each over tcp, encrypted with
CURVE. A consumer in C++, in this process too, receives these on a socket that Python has made.

Build it, then run it::

    cmake -B build -Dcppyzmq_ROOT=$(python -m zmq --cmakedir) \
          -Dpybind11_ROOT=$(python -m pybind11 --cmakedir)
    cmake --build build
    PYTHONPATH=build python acquire.py --frames 2000
"""

from __future__ import annotations

import argparse
import struct
import time

import camera
import numpy as np

import zmq

LEVELS = 65536


def subscribed(publisher: zmq.Socket) -> None:
    """Return when the consumer's subscription has come; what is published earlier is lost."""
    assert publisher.poll(10_000), "nobody has subscribed"
    assert publisher.recv() == b"\x01"


def process(frames: int, width: int, height: int) -> None:
    """Run the whole pipeline, and print how fast it was."""
    ramp = (np.arange(width * height + LEVELS) % LEVELS).astype(np.uint16)
    server_public, server_secret = zmq.curve_keypair()
    client_public, client_secret = zmq.curve_keypair()

    with (
        zmq.Context() as context,
        context.socket(zmq.PULL) as images,
        context.socket(zmq.XPUB) as publisher,
        context.socket(zmq.SUB) as results,
    ):
        images.rcvhwm = 8
        images.rcvtimeo = 30_000
        images.bind("inproc://camera")

        # Not one result may be lost here, so there is no high-water mark.
        publisher.sndhwm = results.rcvhwm = 0
        publisher.curve_server = True
        publisher.curve_publickey, publisher.curve_secretkey = server_public, server_secret
        publisher.bind("tcp://127.0.0.1:*")
        results.curve_serverkey = server_public
        results.curve_publickey, results.curve_secretkey = client_public, client_secret
        results.subscribe("")
        results.connect(publisher.last_endpoint)
        subscribed(publisher)

        consumer = camera.Consumer(results, frames, width * height)
        source = camera.Camera(context, "inproc://camera", width, height)
        source.start(frames)
        start = time.perf_counter()
        for expected in range(frames):
            header, pixels = images.recv_multipart(copy=False)
            number, columns, rows = struct.unpack(camera.HEADER, header)
            image = np.frombuffer(pixels, np.uint16).reshape(rows, columns)
            assert not image.flags.owndata, "the array has memory of its own"
            assert number == expected, f"frame {number} came instead of {expected}"
            first = number * 7919 % LEVELS
            assert np.array_equal(image.ravel(), ramp[first : first + image.size]), (
                f"frame {number} has wrong pixels"
            )
            total = int(image.sum(dtype=np.uint64))
            publisher.send(struct.pack(camera.RESULT, number, total))
        seconds = time.perf_counter() - start

        sent = source.join()
        consumed = consumer.join()
    megabytes = frames * width * height * 2 / 1e6
    print(f"camera (C++)     {sent:8.0f} frames/s")
    print(f"Python, numpy    {frames / seconds:8.0f} frames/s, {megabytes / seconds:.0f} MB/s")
    print(f"consumer (C++)   {consumed:8.0f} results/s over tcp with CURVE")
    print(f"OK: {frames} frames of {width} x {height}, every pixel of each as it should be")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--width", type=int, default=640)
    parser.add_argument("--height", type=int, default=480)
    given = parser.parse_args()
    process(given.frames, given.width, given.height)


if __name__ == "__main__":
    main()
