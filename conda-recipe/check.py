"""A message through a socket, for the test of the conda package."""

import asyncio

import zmq
import zmq.asyncio


async def main() -> None:
    """Ask and answer over tcp, and encrypt where libzmq can."""
    assert zmq.has("curve"), "this libzmq has no CURVE"
    with zmq.asyncio.Context() as context:
        server, client = context.socket(zmq.REP), context.socket(zmq.REQ)
        server.curve_publickey, server.curve_secretkey = zmq.curve_keypair()
        server.curve_server = True
        client.curve_serverkey = server.curve_publickey
        client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
        server.bind("tcp://127.0.0.1:*")
        client.connect(server.last_endpoint.decode().rstrip("\0"))
        await client.send_json({"question": 1})
        assert await server.recv_json() == {"question": 1}
        await server.send(b"answer")
        assert await client.recv() == b"answer"
        server.close()
        client.close()


asyncio.run(asyncio.wait_for(main(), 30))
print("check: OK, libzmq", zmq.zmq_version())
