"""A request server on asyncio: many requests at a time, each with a time limit, and a clean end.

A ROUTER socket takes the next request while others are still worked on; each is a task. At the
end no new requests are taken, those that were taken are answered, and what is sent has left
before the context ends.

    python examples/asyncio_server.py
"""

from __future__ import annotations

import asyncio
import contextlib
import signal

import zmq
import zmq.asyncio

LIMIT_S = 0.2


async def work(question: str) -> str:
    """Take as long as the question says."""
    word, seconds = question.split()
    await asyncio.sleep(float(seconds))
    return word.upper()


async def answer(server: zmq.asyncio.Socket, client: bytes, number: bytes, question: str) -> None:
    """Answer one request within the limit, whatever becomes of it."""
    try:
        reply = await asyncio.wait_for(work(question), LIMIT_S)
    except asyncio.TimeoutError:
        reply = "sorry, that takes too long"
    except ValueError:
        reply = "sorry, that is no question"
    await server.send_multipart([client, number, reply.encode()])


async def serve(server: zmq.asyncio.Socket, stop: asyncio.Event) -> None:
    """Take requests until `stop` is set; then wait for the last answers."""
    answering: set[asyncio.Task[None]] = set()
    stopping = asyncio.ensure_future(stop.wait())
    while not stop.is_set():
        receiving = server.recv_multipart()
        await asyncio.wait({receiving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not receiving.done():
            # A request that comes at this very moment stays in the socket.
            receiving.cancel()
            break
        client, number, question = receiving.result()
        task = asyncio.create_task(answer(server, client, number, question.decode()))
        answering.add(task)
        task.add_done_callback(answering.discard)
    print(f"server: stopping, {len(answering)} still to be answered")
    await asyncio.gather(*answering)


async def ask(context: zmq.asyncio.Context, endpoint: str, questions: list[str]) -> dict[str, str]:
    """Ask everything at once, and collect the answers as they come."""
    with context.socket(zmq.DEALER) as client:
        client.connect(endpoint)
        for number, question in enumerate(questions):
            await client.send_multipart([b"%d" % number, question.encode()])
        answers = {}
        for _ in questions:
            number, reply = await client.recv_multipart(timeout=5000)
            answers[questions[int(number)]] = reply.decode()
        return answers


async def main() -> None:
    """Serve two clients, then end."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # as on Windows
        loop.add_signal_handler(signal.SIGTERM, stop.set)
    async with zmq.asyncio.Context() as context:
        with context.socket(zmq.ROUTER) as server:
            endpoint = server.bind("tcp://127.0.0.1:*").addr
            serving = asyncio.create_task(serve(server, stop))
            first, second = await asyncio.gather(
                ask(context, endpoint, ["slow 0.1", "quick 0", "endless 60"]),
                ask(context, endpoint, ["what?"]),
            )
            for question, reply in (first | second).items():
                print(f"{question} -> {reply}")
            assert first["quick 0"] == "QUICK"
            assert first["endless 60"] == "sorry, that takes too long"
            assert second["what?"] == "sorry, that is no question"

            last = asyncio.create_task(ask(context, endpoint, ["last 0.05"]))
            await asyncio.sleep(0.02)
            stop.set()
            await serving
            assert await last == {"last 0.05": "LAST"}
    print("everything that was taken was answered")


if __name__ == "__main__":
    asyncio.run(main())
