"""CURVE: an encrypted connection, and a client that is refused.

A server has a key pair; a client has one too and must know the server's public key. A client
that knows a wrong one does not get past the handshake, which the server's monitor shows.

    python examples/curve.py
"""

from __future__ import annotations

import zmq
from zmq.utils.monitor import recv_monitor_message

HANDSHAKES = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL


def connect(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, server_key: bytes
) -> zmq.Socket[bytes]:
    """Connect a client that trusts only the server with this public key."""
    client = context.socket(zmq.PUSH)
    client.linger = 0
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    client.curve_serverkey = server_key
    client.connect(endpoint)
    return client


def main() -> None:
    """Send one message encrypted; then try with a wrong key."""
    server_public, server_secret = zmq.curve_keypair()
    wrong_public, _ = zmq.curve_keypair()
    with zmq.Context() as context, context.socket(zmq.PULL) as server:
        server.curve_server = True
        server.curve_secretkey = server_secret
        monitor = server.get_monitor_socket(HANDSHAKES)
        server.bind("tcp://127.0.0.1:*")
        endpoint = server.get_string(zmq.LAST_ENDPOINT)

        with connect(context, endpoint, server_public) as client:
            client.send_string("nobody else can read this")
            print(f"the server received: {server.recv_string()}")
            event = recv_monitor_message(monitor)
            print(f"right key: {zmq.Event(event['event']).name}")
            assert event["event"] == zmq.EVENT_HANDSHAKE_SUCCEEDED

        with connect(context, endpoint, wrong_public) as client:
            client.send_string("this never arrives")
            event = recv_monitor_message(monitor)
            print(f"wrong key: {zmq.Event(event['event']).name}")
            assert event["event"] == zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            assert not server.poll(0)
        monitor.close()
    print("the connection was encrypted, and the stranger stayed outside")


if __name__ == "__main__":
    main()
