"""Who may connect: authentication by ZAP (ZeroMQ's RFC 27), and files for CURVE keys.

An authenticator answers libzmq's question whether a peer may connect, by its address, by user
name and password (PLAIN), or by its public key (CURVE):

- :class:`zmq.auth.thread.ThreadAuthenticator` on a thread of its own,
- :class:`zmq.auth.asyncio.AsyncioAuthenticator` in an asyncio loop,
- :class:`Authenticator`, the rules themselves, for other loops.
"""

from zmq.auth.base import CURVE_ALLOW_ANY as CURVE_ALLOW_ANY
from zmq.auth.base import Authenticator as Authenticator
from zmq.auth.certs import InsecureKeyFileWarning as InsecureKeyFileWarning
from zmq.auth.certs import create_certificates as create_certificates
from zmq.auth.certs import load_certificate as load_certificate
from zmq.auth.certs import load_certificates as load_certificates
