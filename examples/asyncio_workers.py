"""A pool of workers on asyncio: whoever is free asks for the next job.

A PUSH socket deals out jobs by turns, whether a worker is busy or not. Here the workers ask, so
that a slow one gets fewer. They are tasks that compute on threads; connected over tcp, they could
as well be other processes or other machines.

    python examples/asyncio_workers.py
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter

import zmq
import zmq.asyncio

JOBS = list(range(30, 90))
WORKERS = 4


def count_primes(limit: int) -> int:
    """Compute for a while."""
    return sum(all(number % divisor for divisor in range(2, number)) for number in range(2, limit))


async def work(context: zmq.asyncio.Context, endpoint: str) -> None:
    """Ask for jobs, and send each result with the next question, until there is none."""
    with context.socket(zmq.REQ) as worker:
        worker.connect(endpoint)
        await worker.send_json(None)
        while (job := await worker.recv_json()) is not None:
            # Other tasks run meanwhile.
            primes = await asyncio.to_thread(count_primes, job)
            await worker.send_json([job, primes])


async def distribute(server: zmq.asyncio.Socket) -> tuple[dict[int, int], Counter[bytes]]:
    """Give a job to whoever asks; collect the results, and who has sent how many."""
    waiting = JOBS[::-1]
    results: dict[int, int] = {}
    done: Counter[bytes] = Counter()
    working = WORKERS
    while working:
        # A REQ socket puts an empty part between its routing id and the message.
        worker, empty, _ = message = await server.recv_multipart()
        result = json.loads(message[-1])
        if result is not None:
            job, primes = result
            results[job] = primes
            done[worker] += 1
        if not waiting:
            working -= 1
        next_job = waiting.pop() if waiting else None
        await server.send_multipart([worker, empty, json.dumps(next_job).encode()])
    return results, done


async def main() -> None:
    """Have all jobs done, each once."""
    async with zmq.asyncio.Context() as context:
        with context.socket(zmq.ROUTER) as server:
            endpoint = server.bind("tcp://127.0.0.1:*").addr
            workers = [asyncio.create_task(work(context, endpoint)) for _ in range(WORKERS)]
            results, done = await distribute(server)
            await asyncio.gather(*workers)
    assert results == {job: count_primes(job) for job in JOBS}
    assert done.total() == len(JOBS)
    print("jobs by worker:", *sorted(done.values(), reverse=True))
    print(f"{len(results)} jobs done, each once")


if __name__ == "__main__":
    asyncio.run(main())
