"""Green threads of eventlet wait for answers on a socket on which others send their questions."""

from __future__ import annotations

import warnings

warnings.filterwarnings("ignore", "(?s).*Eventlet is deprecated")

import eventlet  # noqa: E402
from eventlet.green import zmq  # noqa: E402

QUESTIONS = 500
WAITING = 20


def main() -> None:
    context = zmq.Context()
    asking, answering = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
    asking.sndhwm = answering.sndhwm = 10
    port = answering.bind_to_random_port("tcp://127.0.0.1")
    asking.connect(f"tcp://127.0.0.1:{port}")
    answers: list[list[bytes]] = []

    def ask() -> None:
        for number in range(QUESTIONS):
            asking.send_multipart([b"question", str(number).encode()])

    def answer() -> None:
        for _ in range(QUESTIONS):
            word, number = answering.recv_multipart()
            answering.send_multipart([word.replace(b"question", b"answer"), number])

    def wait() -> None:
        for _ in range(QUESTIONS // WAITING):
            answers.append(asking.recv_multipart())

    with eventlet.Timeout(60):
        waiting = [eventlet.spawn(wait) for _ in range(WAITING)]
        for thread in [eventlet.spawn(ask), eventlet.spawn(answer), *waiting]:
            thread.wait()
    assert sorted(answers, key=lambda parts: int(parts[1])) == [
        [b"answer", str(number).encode()] for number in range(QUESTIONS)
    ]
    asking.close(0)
    answering.close(0)
    context.term()
    print(len(answers), "answers")


if __name__ == "__main__":
    main()
