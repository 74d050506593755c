"""ipyparallel: a hub, a scheduler, engines and a client, in processes of their own."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.downstream, pytest.mark.timeout(280)]


def test_two_engines_map_a_function(make_environment):
    environment = make_environment("ipyparallel", "ipyparallel>=9")
    assert environment.run("parallel_map.py") == [
        "2 engines",
        "2 processes",
        "direct True",
        f"balanced {sum(n * n for n in range(200))}",
        f"gathered {list(range(10))}",
        "large [5000000, 5000000]",
        "errors ZeroDivisionError",
    ]
