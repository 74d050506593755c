"""The rules by which a peer may connect, and the answers of RFC 27 (ZAP) to libzmq's questions."""

from __future__ import annotations

import errno
import hmac
import logging
from collections.abc import Awaitable, Mapping, Sequence
from inspect import isawaitable
from os import PathLike
from types import TracebackType
from typing import Any, Protocol, TypeVar

import zmq
from zmq.auth.certs import load_certificates
from zmq.constants import Errno
from zmq.utils import z85

__all__ = ["CURVE_ALLOW_ANY", "Authenticator"]

#: The location that allows every client that has CURVE keys.
CURVE_ALLOW_ANY = "*"

#: The version of ZAP.
VERSION = b"1.0"

#: Where libzmq looks for whoever answers.
_ZAP_ENDPOINT = "inproc://zeromq.zap.01"

#: Version, request id, domain, address, routing id, mechanism; credentials may follow.
_REQUEST_FRAMES = 6

_CURVE_KEY_BYTES = 32

#: How the socket ends without :meth:`Authenticator.stop`: with its context, closed by somebody, or
#: because this process is a fork of the one that it belongs to.
_ENDS = (zmq.ETERM, Errno.ENOTSOCK)

_Self = TypeVar("_Self", bound="Authenticator")

#: Status code, status text, user id.
_Verdict = tuple[bytes, bytes, "str | bytes"]


class CredentialsProvider(Protocol):
    """What :meth:`Authenticator.configure_curve_callback` asks about keys."""

    def callback(self, domain: str, key: bytes) -> bool | Awaitable[bool]:
        """Say whether the client with a public key, as Z85 text, may connect."""


def _refused(reason: bytes) -> _Verdict:
    return b"400", reason, b""


class Authenticator:
    """The rules by which a peer may connect; the base of the authenticators for each loop.

    Without any rule every peer with the mechanism NULL may connect. As soon as a server asks for
    PLAIN or CURVE, only clients that are configured here may connect.

    Server sockets with the mechanism NULL are asked about only when they have a ZAP_DOMAIN.
    Rules for the domain ``"*"`` are those of sockets without one.

    Parameters
    ----------
    context
        The context whose sockets to answer for; the global one by default. A context has one
        authenticator at a time.
    encoding
        How user names, passwords and domains are encoded.
    log
        The logger; ``zmq.auth`` by default. Passwords and keys are never written to it.

    Attributes
    ----------
    allow_any
        Whether every client that has CURVE keys may connect.
    passwords
        For each domain, the passwords by user name.
    certs
        For each domain, the public keys that may connect, as Z85 text.
    credentials_providers
        For each domain, whom to ask about public keys.
    zap_socket
        The socket for libzmq's questions, while the authenticator is started.
    """

    def __init__(
        self,
        context: zmq.Context[Any] | None = None,
        encoding: str = "utf-8",
        log: Any = None,
    ) -> None:
        self.context: zmq.Context[Any] = zmq.Context.instance() if context is None else context
        self.encoding = encoding
        self.log: Any = logging.getLogger("zmq.auth") if log is None else log
        self.allow_any = False
        self.passwords: dict[str, Mapping[str, str]] = {}
        self.certs: dict[str, dict[bytes, bool]] = {}
        self.credentials_providers: dict[str, CredentialsProvider] = {}
        self.zap_socket: zmq.Socket[Any] | None = None
        self._allow_any_domain = "*"
        self._allowed: set[str] = set()
        self._denied: set[str] = set()
        # The id of the request that was received and not answered yet.
        self._unanswered: bytes | None = None

    # -- start and stop ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to receive libzmq's questions.

        Raises
        ------
        ZMQError
            This or another authenticator answers for this context already (EADDRINUSE).
        """
        if self.zap_socket is not None and not self.zap_socket.closed:
            raise zmq.ZMQError(Errno.EADDRINUSE, "This authenticator is started already")
        socket = self.context.socket(zmq.REP, socket_class=zmq.Socket)
        try:
            socket.linger = 0
            socket.bind(_ZAP_ENDPOINT)
        except BaseException:
            socket.close()
            raise
        self._unanswered = None
        self.zap_socket = socket
        self.log.debug("Authenticator started")

    def stop(self) -> None:
        """End answering, so that another authenticator can start at once.

        Questions that have come are answered first. If a coroutine still thinks about one, its
        client gets status 300: libzmq lets it try again after its HANDSHAKE_IVL. It may be called
        more than once.
        """
        socket = self.zap_socket
        if socket is None:
            return
        try:
            if not socket.closed:
                self._answer_waiting(socket)
        finally:
            self.zap_socket = None
            socket.close()
        self.log.debug("Authenticator stopped")

    def _answer_waiting(self, socket: zmq.Socket[Any]) -> None:
        """Answer all that have asked, now, and let nobody ask any more."""
        try:
            # By close() alone the endpoint would become free some time later.
            socket.unbind(_ZAP_ENDPOINT)
        except zmq.ZMQError as error:
            if error.errno != errno.ENOENT and error.errno not in _ENDS:  # unbound already
                raise
        try:
            self._send_away()
            while True:
                answering = self.handle_zap_message(socket.recv_multipart(zmq.DONTWAIT))
                try:
                    answering.send(None)
                except StopIteration:
                    continue
                answering.close()
                self._send_away()
        except zmq.Again:
            return
        except zmq.ZMQError as error:
            # Nobody waits any more.
            if error.errno not in _ENDS:
                raise

    def _send_away(self) -> None:
        """Answer the request that is being thought about, if there is one."""
        if self._unanswered is not None:
            self._send_zap_reply(self._unanswered, b"300", b"Authenticator is stopping")

    def __enter__(self: _Self) -> _Self:
        """Start, unless it is started."""
        if self.zap_socket is None:
            self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop."""
        self.stop()

    # -- rules ---------------------------------------------------------------------------------

    def allow(self, *addresses: str) -> None:
        """Let only these addresses connect; they must still pass the rules of their mechanism.

        Peers by ipc have the address ``""``.

        Parameters
        ----------
        *addresses
            IP addresses, added to those that are allowed already.

        Raises
        ------
        ValueError
            Addresses are denied already: it has to be one or the other.
        """
        self._check_addresses(addresses)
        if self._denied:
            raise ValueError("addresses are denied already: allow some, or deny some, not both")
        self.log.debug("Allowing %s", ", ".join(addresses))
        self._allowed.update(addresses)

    def deny(self, *addresses: str) -> None:
        """Let these addresses not connect; all others must pass the rules of their mechanism.

        Parameters
        ----------
        *addresses
            IP addresses, added to those that are denied already.

        Raises
        ------
        ValueError
            Addresses are allowed already: it has to be one or the other.
        """
        self._check_addresses(addresses)
        if self._allowed:
            raise ValueError("addresses are allowed already: allow some, or deny some, not both")
        self.log.debug("Denying %s", ", ".join(addresses))
        self._denied.update(addresses)

    @staticmethod
    def _check_addresses(addresses: Sequence[str]) -> None:
        for address in addresses:
            if not isinstance(address, str):
                raise TypeError(f"an address is a str such as '127.0.0.1', not {address!r}")

    def configure_plain(
        self, domain: str = "*", passwords: Mapping[str, str] | None = None
    ) -> None:
        """Let clients with these user names and passwords connect by PLAIN.

        Parameters
        ----------
        domain
            The ZAP_DOMAIN of the server sockets; ``"*"`` is for those without one.
        passwords
            The password of each user. The mapping is kept, not copied: later changes count.
        """
        if passwords is None:
            return
        if not isinstance(passwords, Mapping):
            raise TypeError("passwords is a mapping from user names to passwords")
        self.passwords[domain] = passwords
        self.log.debug("Configured PLAIN for domain %r", domain)

    def configure_curve(self, domain: str = "*", location: str | PathLike[str] = ".") -> None:
        """Let clients with these public keys connect by CURVE.

        It replaces what was configured for the domain before, also by
        :meth:`configure_curve_callback`. When a file was added, call it again.

        Parameters
        ----------
        domain
            The ZAP_DOMAIN of the server sockets; ``"*"`` is for those without one.
        location
            A directory with files of public keys. ``CURVE_ALLOW_ANY`` lets every client connect
            that has keys: in the named domain, or in all of them for the domain ``"*"``. If the
            directory cannot be read, the error is logged and nobody may connect.
        """
        self.log.debug("Configuring CURVE for domain %r", domain)
        self.credentials_providers.pop(domain, None)
        if location == CURVE_ALLOW_ANY:
            self.allow_any = True
            self._allow_any_domain = domain
            return
        self.allow_any = False
        try:
            self.certs[domain] = load_certificates(location)
        except (OSError, ValueError) as error:
            self.certs[domain] = {}
            self.log.error("Cannot load CURVE certificates from %s: %s", location, error)

    def configure_curve_callback(
        self, domain: str = "*", credentials_provider: CredentialsProvider | None = None
    ) -> None:
        """Let an object of yours decide whether a client may connect by CURVE.

        Parameters
        ----------
        domain
            The ZAP_DOMAIN of the server sockets; ``"*"`` is for those without one.
        credentials_provider
            Its method ``callback(domain, key)`` gets the public key of the client as Z85 text in
            bytes, and returns whether it may connect; it may be a coroutine function. If it
            raises an exception, that is logged and the client may not connect.
        """
        self.allow_any = False
        if credentials_provider is None:
            self.log.error("No credentials provider given for domain %r", domain)
            return
        if not callable(getattr(credentials_provider, "callback", None)):
            raise TypeError("a credentials provider has a method callback(domain, key)")
        self.credentials_providers[domain] = credentials_provider
        self.log.debug("Configured a CURVE callback for domain %r", domain)

    def configure_gssapi(self, domain: str = "*", location: str | None = None) -> None:
        """Accept what GSSAPI says: it has authenticated the client before anybody is asked.

        There is nothing to configure; a subclass can decide by the principal's name when it
        overrides ``_authenticate_gssapi``.

        Parameters
        ----------
        domain
            Ignored.
        location
            Ignored.
        """

    def curve_user_id(self, client_public_key: bytes) -> str:
        """Give the user id of a client that may connect, which its messages carry.

        Override it for names of your own; the messages' ``frame.get("User-Id")`` gives them.

        Parameters
        ----------
        client_public_key
            The public key, 32 bytes.

        Returns
        -------
        str
            The user id: by default, the public key as Z85 text.
        """
        return z85.encode(client_public_key).decode("ascii")

    # -- answers -------------------------------------------------------------------------------

    async def handle_zap_message(self, msg: Sequence[bytes]) -> None:
        """Answer one of libzmq's questions.

        Whatever the request is, it gets an answer: status 400 if it is malformed or the client may
        not connect, 500 if the rules themselves fail.

        Parameters
        ----------
        msg
            The frames, as they were received from `zap_socket`.
        """
        socket = self.zap_socket
        request_id = bytes(msg[1]) if len(msg) > 1 else b""
        self._unanswered = request_id
        try:
            status_code, status_text, user_id = await self._judge([bytes(part) for part in msg])
            if not isinstance(user_id, str | bytes):
                raise TypeError("a user id is str or bytes")
        except Exception:
            self.log.exception("Error while authenticating a client")
            status_code, status_text, user_id = b"500", b"Internal error", b""
        if self.zap_socket is socket:  # else it was stopped meanwhile, which sent an answer
            self._send_zap_reply(request_id, status_code, status_text, user_id)

    async def _judge(self, msg: Sequence[bytes]) -> _Verdict:
        """Decide about a request."""
        if len(msg) < _REQUEST_FRAMES:
            self.log.error("Malformed ZAP request: %d frames, not 6 or more", len(msg))
            return _refused(b"Not enough frames")
        version, request_id, raw_domain, raw_address, routing_id, mechanism = msg[:_REQUEST_FRAMES]
        credentials = msg[_REQUEST_FRAMES:]
        if version != VERSION:
            self.log.error("Malformed ZAP request: version %r, not %r", version, VERSION)
            return _refused(b"Invalid version")
        domain = raw_domain.decode(self.encoding, "replace")
        address = raw_address.decode(self.encoding, "replace")
        self.log.debug(
            "ZAP request %r: domain %r, address %r, routing id %r, mechanism %r",
            request_id,
            domain,
            address,
            routing_id,
            mechanism,
        )
        if self._allowed and address not in self._allowed:
            self.log.debug("DENIED: address %r is not allowed", address)
            return _refused(b"Address not allowed")
        if address in self._denied:
            self.log.debug("DENIED: address %r", address)
            return _refused(b"Address denied")
        return await self._judge_credentials(domain or "*", mechanism, credentials)

    async def _judge_credentials(
        self, domain: str, mechanism: bytes, credentials: Sequence[bytes]
    ) -> _Verdict:
        """Decide by the mechanism and what the client brought for it."""
        user_id: str | bytes
        if mechanism == b"NULL" and not credentials:
            allowed, reason, user_id = True, b"OK", "anonymous"
        elif mechanism == b"PLAIN" and len(credentials) == 2:
            try:
                username, password = (part.decode(self.encoding) for part in credentials)
            except UnicodeDecodeError:
                return _refused(b"Invalid credentials")
            allowed, reason = self._authenticate_plain(domain, username, password)
            user_id = username
        elif (
            mechanism == b"CURVE"
            and len(credentials) == 1
            and len(credentials[0]) == _CURVE_KEY_BYTES
        ):
            allowed, reason = await self._authenticate_curve(domain, credentials[0])
            user_id = self.curve_user_id(credentials[0]) if allowed else b""
        elif mechanism == b"GSSAPI" and len(credentials) == 1:
            allowed, reason = self._authenticate_gssapi(domain, credentials[0])
            user_id = credentials[0]
        elif mechanism in (b"NULL", b"PLAIN", b"CURVE", b"GSSAPI"):
            self.log.error("Malformed ZAP request: credentials do not fit %r", mechanism)
            return _refused(b"Invalid credentials")
        else:
            self.log.error("ZAP request with an unknown mechanism: %r", mechanism)
            return _refused(b"Unknown mechanism")
        outcome = "ALLOWED" if allowed else "DENIED"
        self.log.debug("%s (%s, domain %r): %s", outcome, mechanism, domain, reason)
        return (b"200", b"OK", user_id) if allowed else _refused(reason)

    def _authenticate_plain(self, domain: str, username: str, password: str) -> tuple[bool, bytes]:
        """Say whether a user may connect by PLAIN, and the reason."""
        if not self.passwords:
            return False, b"No passwords defined"
        if domain not in self.passwords:
            return False, b"Invalid domain"
        expected = self.passwords[domain].get(username)
        if expected is None:
            return False, b"Invalid username"
        # A comparison that takes as long whatever the wrong password is.
        if not hmac.compare_digest(expected.encode(self.encoding), password.encode(self.encoding)):
            return False, b"Invalid password"
        return True, b"OK"

    async def _authenticate_curve(self, domain: str, client_key: bytes) -> tuple[bool, bytes]:
        """Say whether a client may connect by CURVE, and the reason."""
        if self.allow_any and self._allow_any_domain in ("*", domain):
            return True, b"OK"
        key = z85.encode(client_key)
        provider = self.credentials_providers.get(domain)
        if provider is not None:
            answer = provider.callback(domain, key)
            allowed = bool(await answer if isawaitable(answer) else answer)
        elif domain in self.certs:
            allowed = self.certs[domain].get(key, False)
        else:
            return False, b"Unknown domain"
        return (True, b"OK") if allowed else (False, b"Unknown key")

    def _authenticate_gssapi(self, domain: str, principal: bytes) -> tuple[bool, bytes]:
        """Say whether a client may connect that GSSAPI has authenticated, and the reason."""
        return True, b"OK"

    def _send_zap_reply(
        self,
        request_id: bytes,
        status_code: bytes,
        status_text: bytes,
        user_id: str | bytes = "anonymous",
    ) -> None:
        """Send the answer; the user id only if it is 200."""
        if self.zap_socket is None:
            raise RuntimeError("this authenticator is not started")
        if status_code != b"200":
            user_id = b""
        elif isinstance(user_id, str):
            user_id = user_id.encode(self.encoding, "replace")
        metadata = b""
        self.log.debug("ZAP reply %r: %s %s", request_id, status_code, status_text)
        self.zap_socket.send_multipart(
            [VERSION, request_id, status_code, status_text, user_id, metadata]
        )
        self._unanswered = None
