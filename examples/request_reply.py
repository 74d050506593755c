"""Request and reply: a client asks, a server answers, one question at a time.

REQ and REP take turns: a client sends, then receives; a server receives, then sends. Here the
server runs on a thread; it could as well be another process or another machine.

    python examples/request_reply.py
"""

from __future__ import annotations

import threading

import zmq

WORDS = ["socket", "context", "frame"]


def serve(server: zmq.Socket[bytes]) -> None:
    """Answer every question with its words reversed, until an empty one comes."""
    with server:
        while question := server.recv_string():
            server.send_string(question[::-1])
        server.send_string("goodbye")


def main() -> None:
    """Ask a few questions and check the answers."""
    with zmq.Context() as context, context.socket(zmq.REQ) as client:
        server = context.socket(zmq.REP)
        server.bind("tcp://127.0.0.1:*")
        endpoint = server.get_string(zmq.LAST_ENDPOINT)
        # Handing a socket to a thread is fine; from here on only that thread uses it.
        thread = threading.Thread(target=serve, args=(server,))
        thread.start()

        client.connect(endpoint)
        for word in WORDS:
            client.send_string(word)
            answer = client.recv_string()
            print(f"{word} -> {answer}")
            assert answer == word[::-1]
        client.send_string("")
        print(client.recv_string())
        thread.join()


if __name__ == "__main__":
    main()
