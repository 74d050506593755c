"""Make a pair of CURVE keys: ``python -m zmq.curve_keygen``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

import zmq

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> None:
    """Print a new pair of keys, or the public key of a given secret one.

    Parameters
    ----------
    argv
        The command line without the program's name; that of the process by default.
    """
    parser = argparse.ArgumentParser(
        prog="python -m zmq.curve_keygen",
        description="Make a CURVE key pair. Both keys are printed as Z85 text of 40 characters.",
    )
    parser.add_argument("--json", action="store_true", help="print the keys as a JSON object")
    parser.add_argument("--secret", help="do not make a secret key: use this one (Z85)")
    options = parser.parse_args(argv)

    try:
        if options.secret is None:
            public, secret = zmq.curve_keypair()
        else:
            secret = options.secret.encode()
            public = zmq.curve_public(secret)
    except (ValueError, zmq.ZMQError) as error:
        if not zmq.has("curve"):
            parser.error("this libzmq was built without CURVE")
        parser.error(f"not a secret key, which is Z85 text of 40 characters: {error}")

    keys = {"public": public.decode("ascii"), "secret": secret.decode("ascii")}
    if options.json:
        print(json.dumps(keys, indent=1))
    else:
        print("== CURVE PUBLIC KEY ==", keys["public"], "", sep="\n")
        print("== CURVE SECRET KEY ==", keys["secret"], sep="\n")


if __name__ == "__main__":
    main()
