"""ipyparallel: a controller and two engines, on which functions are mapped and called."""

from __future__ import annotations

import operator

import ipyparallel


def square(number: int) -> int:
    return number * number


def main() -> None:
    with ipyparallel.Cluster(n=2, controller_ip="127.0.0.1", log_level=40) as clients:
        clients.wait_for_engines(2, timeout=60)
        direct = clients[:]
        print(len(clients.ids), "engines")
        print(len(set(direct.apply_sync(__import__("os").getpid))), "processes")
        print("direct", direct.map_sync(square, range(100)) == [n * n for n in range(100)])
        balanced = clients.load_balanced_view()
        print("balanced", sum(balanced.map(square, range(200), chunksize=5)))
        direct.scatter("part", list(range(10)))
        print("gathered", direct.gather("part").get())
        data = bytes(5_000_000)
        print("large", direct.apply_sync(len, data))
        failed = direct.apply(operator.truediv, 1, 0)
        try:
            failed.get()
        except ipyparallel.error.CompositeError as error:
            print("errors", error.elist[0][0])


if __name__ == "__main__":
    main()
