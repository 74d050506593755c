"""SSH tunnels for sockets: tcp connections that travel inside an SSH connection.

Nothing but what a login to the server needs is asked for: OpenSSH's client, or paramiko (the
extra ``ssh``), with its keys, agent, known hosts and, for the first, configuration. A server whose
host key is not known is refused: log in to it once by hand, and compare the key, before.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from getpass import getpass, getuser
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import zmq
from zmq.ssh.forward import ForwardServer, Handler

if TYPE_CHECKING:
    paramiko: Any

    class SSHException(Exception):
        """An SSH connection failed; paramiko's class of this name where paramiko is installed."""

else:
    try:
        import paramiko
        from paramiko import SSHException
    except ImportError:
        paramiko = None

        class SSHException(Exception):
            """An SSH connection failed; paramiko's class of this name where that is installed."""


__all__ = [
    "openssh_tunnel",
    "paramiko_tunnel",
    "ssh_tunnel",
    "try_passwordless_ssh",
    "tunnel_connection",
]

#: Passwords reach OpenSSH without it.
pexpect = None

_LOOPBACK = "127.0.0.1"

#: How often somebody at a terminal may type a password.
_PASSWORD_TRIES = 3

#: How many local ports are tried when others take them first.
_PORT_TRIES = 5

#: How long an ssh process may take to end before it is killed.
_END_S = 5

_Tunnel = TypeVar("_Tunnel")


class MaxRetryExceeded(Exception):
    """None of the passwords that were typed was right."""


class _PortTakenError(SSHException):
    """The local port of a tunnel is in use."""


def select_random_ports(n: int) -> list[int]:
    """Find free local ports.

    Parameters
    ----------
    n
        How many.

    Returns
    -------
    list of int
        The ports, all different. They were free just now.
    """
    with contextlib.ExitStack() as stack:
        # All are open at once, so that none is found twice.
        found = [stack.enter_context(socket.create_server((_LOOPBACK, 0))) for _ in range(n)]
        return [listening.getsockname()[1] for listening in found]


def _split_server(server: str) -> tuple[str, str, int | None]:
    """Give user (empty if there is none), host and port (None if there is none) of a server."""
    user, _, place = server.rpartition("@")
    bracketed = re.fullmatch(r"\[(.*)\](?::(\d+))?", place)
    plain = re.fullmatch(r"([^:]*):(\d+)", place)
    match = bracketed or plain
    if match is None:
        return user, place, None
    host, port = match.groups()
    return user, host, None if port is None else int(port)


# -- OpenSSH --------------------------------------------------------------------------------------

_ASKPASS = """\
#!/bin/sh
# Answers the ssh client's questions for a password, and no other ones.
case "$1" in
*[Pp]assword*|*[Pp]assphrase*) exec cat "${0%/*}/password" ;;
*) exit 1 ;;
esac
"""


@contextlib.contextmanager
def _answering(password: str | None) -> Iterator[dict[str, str] | None]:
    """Give an environment in which ssh gets the password; it is gone from the disk at the end."""
    if password is None:
        yield None
        return
    if sys.platform == "win32":
        raise SSHException("OpenSSH cannot be given a password here: use paramiko=True")
    # Readable by nobody else, from the first moment.
    with tempfile.TemporaryDirectory(prefix="zmq-ssh-") as directory:
        for name, text, mode in (
            ("password", f"{password}\n", 0o600),
            ("askpass", _ASKPASS, 0o700),
        ):
            descriptor = os.open(Path(directory, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with open(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
        yield {
            **os.environ,
            "SSH_ASKPASS": str(Path(directory, "askpass")),
            "SSH_ASKPASS_REQUIRE": "force",
            # Before OpenSSH 8.4 this decides, together with the missing terminal.
            "DISPLAY": os.environ.get("DISPLAY", ":0"),
        }


def _ssh_command(
    server: str, keyfile: str | None, password: str | None, options: Sequence[str]
) -> list[str]:
    program = shutil.which("ssh")
    if program is None:
        raise SSHException("there is no ssh program: install OpenSSH's client, or use paramiko")
    user, host, port = _split_server(server)
    command = [program, "-T", "-S", "none", *options]
    if password is None:
        command += ["-o", "BatchMode=yes"]
    else:
        command += ["-o", "NumberOfPasswordPrompts=1"]
    if keyfile is not None:
        command += ["-i", os.fspath(keyfile)]
    if port is not None:
        command += ["-p", str(port)]
    # Nothing after "--" is taken for an option.
    return [*command, "--", f"{user}@{host}" if user else host]


class _AuthenticationError(SSHException):
    """The server wants another key or password."""


def _ssh_error(server: str, output: str) -> SSHException:
    """Give the error that ssh's own words tell of."""
    reason = output.strip() or "ssh ended without saying why"
    if "Host key verification failed" in output:
        return SSHException(f"the host key of {server} is not known, or has changed: {reason}")
    if "Permission denied" in output or "Too many authentication failures" in output:
        return _AuthenticationError(f"{server} does not let us in: {reason}")
    if "Address already in use" in output or "cannot listen to port" in output:
        return _PortTakenError(f"the local port of the tunnel is in use: {reason}")
    return SSHException(f"cannot connect to {server}: {reason}")


def _with_typed_password(
    server: str, password: str | None, connect: Callable[[str | None], _Tunnel]
) -> _Tunnel:
    """Connect; if only a password is missing and somebody is there to type it, ask for it."""
    try:
        return connect(password)
    except _AuthenticationError:
        if password is not None or not sys.stdin.isatty():
            raise
    for _ in range(_PASSWORD_TRIES):
        with contextlib.suppress(_AuthenticationError):
            return connect(getpass(f"{server}'s password: "))
    raise MaxRetryExceeded(f"{server} refused {_PASSWORD_TRIES} passwords")


class _OpenSSHTunnels:
    """The ssh processes of this process, which end with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, subprocess.Popen[str]] = {}
        self._owner = os.getpid()

    def keep(self, process: subprocess.Popen[str]) -> None:
        """Keep a process until it ends, or the program does."""
        with self._lock:
            if self._owner != os.getpid():
                self._owner = os.getpid()
                self._running.clear()  # our parent's
            for pid, other in list(self._running.items()):
                if other.poll() is not None:
                    _end(self._running.pop(pid))
            self._running[process.pid] = process

    def end_all(self) -> None:
        """End all processes."""
        with self._lock:
            if self._owner == os.getpid():
                for process in self._running.values():
                    _end(process)
                self._running.clear()


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


_openssh_tunnels = _OpenSSHTunnels()
atexit.register(_openssh_tunnels.end_all)


def _await_marker(process: subprocess.Popen[str], marker: str, output: IO[bytes]) -> str | None:
    """Wait until the other side is there. None then, else what ssh has said."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == marker:
            return None
    process.wait()
    output.seek(0)
    return output.read().decode("utf-8", "backslashreplace")


def openssh_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: float = 60,
) -> int:
    """Open a tunnel with OpenSSH's client; when this returns, it can be used.

    The tunnel ends with this program, or when `timeout` is over and nothing uses it any more.

    Parameters
    ----------
    lport
        The local port, at 127.0.0.1.
    rport
        The port that the tunnel leads to.
    server
        The SSH server: ``host``, ``user@host``, ``user@host:port``, or a name of ssh's
        configuration.
    remoteip
        The host that the tunnel leads to, as the server sees it.
    keyfile
        File of the private key; by default those that ssh finds.
    password
        Password of the user, or passphrase of the key. If it is needed and missing, it is asked
        for at the terminal, if there is one. ssh gets it from a file in a directory that only
        the user can read, for as long as the login takes.
    timeout
        Seconds that the tunnel stays open without a connection through it.

    Returns
    -------
    int
        Process id of the ssh client.

    Raises
    ------
    SSHException
        The connection failed; the message has ssh's own words.
    MaxRetryExceeded
        The passwords typed at the terminal were wrong.
    """
    remote = f"[{remoteip}]" if ":" in remoteip else remoteip
    forward = f"{_LOOPBACK}:{int(lport)}:{remote}:{int(rport)}"
    options = ["-o", "ExitOnForwardFailure=yes", "-L", forward]
    marker = f"zmq-{secrets.token_hex(8)}"

    def connect(password: str | None) -> int:
        command = _ssh_command(server, keyfile, password, options)
        # ssh stays while the command runs, and after it while connections are being forwarded.
        command.append(f"echo {marker}; exec sleep {max(1, int(timeout))}")
        with _answering(password) as environment, tempfile.TemporaryFile() as output:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=output,
                text=True,
                errors="backslashreplace",
                # Ctrl-C at the terminal is meant for the program, not for its tunnels.
                start_new_session=True,
            )
            try:
                said = _await_marker(process, marker, output)
                if said is not None:
                    raise _ssh_error(server, said)
            except BaseException:
                _end(process)
                raise
        _openssh_tunnels.keep(process)
        return process.pid

    return _with_typed_password(server, password, connect)


def _try_passwordless_openssh(server: str, keyfile: str | None) -> bool:
    command = [*_ssh_command(server, keyfile, None, []), "exit 0"]
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    if done.returncode == 0:
        return True
    error = _ssh_error(server, done.stderr)
    if isinstance(error, _AuthenticationError):
        return False
    raise error


# -- paramiko -------------------------------------------------------------------------------------


def _paramiko_client(server: str, keyfile: str | None, password: str | None) -> Any:
    """Log in to a server."""
    if paramiko is None:
        raise ImportError("paramiko is not installed: pip install 'cppyzmq[ssh]'")
    user, host, port = _split_server(server)
    client = paramiko.SSHClient()
    client.load_system_host_keys()
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    try:
        client.connect(
            host,
            22 if port is None else port,
            username=user or getuser(),
            password=password,
            key_filename=None if keyfile is None else os.fspath(keyfile),
        )
    except BaseException as error:
        client.close()
        if isinstance(error, paramiko.AuthenticationException):
            raise _AuthenticationError(f"{server} does not let us in: {error}") from error
        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            raise SSHException(f"cannot connect to {server}: {error}") from error
        raise
    return client


class ParamikoTunnel(threading.Thread):
    """A paramiko tunnel, which runs on a thread.

    Parameters
    ----------
    client
        The paramiko client, which is logged in. It is closed at the end.
    server
        Listens at the local port.
    timeout
        Seconds that the tunnel stays open without a connection through it.
    """

    def __init__(self, client: Any, server: ForwardServer, timeout: float | None) -> None:
        super().__init__(name="zmq.ssh.tunnel", daemon=True)
        self._client = client
        self._server = server
        self._idle_timeout_s = timeout

    def run(self) -> None:
        """Forward connections until the end."""
        try:
            self._server.forward(self._idle_timeout_s)
        finally:
            self._client.close()

    def terminate(self) -> None:
        """End the tunnel, with the connections through it; :meth:`join` waits for it."""
        self._server.stop()


def paramiko_tunnel(
    lport: int,
    rport: int,
    server: str,
    remoteip: str = "127.0.0.1",
    keyfile: str | None = None,
    password: str | None = None,
    timeout: float = 60,
) -> ParamikoTunnel:
    """Open a tunnel with paramiko; when this returns, it can be used.

    The tunnel runs on a thread of this program and ends with it, or when nothing has used it for
    `timeout` seconds.

    Parameters
    ----------
    lport
        The local port, at 127.0.0.1.
    rport
        The port that the tunnel leads to.
    server
        The SSH server: ``host``, ``user@host`` or ``user@host:port``.
    remoteip
        The host that the tunnel leads to, as the server sees it.
    keyfile
        File of the private key; by default the agent's and the user's.
    password
        Password of the user, or passphrase of the key. If it is needed and missing, it is asked
        for at the terminal, if there is one.
    timeout
        Seconds that the tunnel stays open without a connection through it.

    Returns
    -------
    ParamikoTunnel
        The thread; its ``terminate()`` ends the tunnel.

    Raises
    ------
    ImportError
        paramiko is not installed.
    SSHException
        The connection failed.
    MaxRetryExceeded
        The passwords typed at the terminal were wrong.
    """
    try:
        listening = ForwardServer((_LOOPBACK, int(lport)), Handler)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise _PortTakenError(f"the local port {lport} is in use") from error
        raise
    try:
        client = _with_typed_password(
            server, password, lambda given: _paramiko_client(server, keyfile, given)
        )
    except BaseException:
        listening.server_close()
        raise
    listening.transport = client.get_transport()
    listening.remote_address = (remoteip, int(rport))
    tunnel = ParamikoTunnel(client, listening, timeout)
    tunnel.start()
    return tunnel


def _try_passwordless_paramiko(server: str, keyfile: str | None) -> bool:
    try:
        _paramiko_client(server, keyfile, None).close()
    except _AuthenticationError:
        return False
    return True


# -- either ---------------------------------------------------------------------------------------

#: The way that is used unless one is asked for: paramiko on Windows, OpenSSH elsewhere.
ssh_tunnel: Callable[..., Any] = paramiko_tunnel if sys.platform == "win32" else openssh_tunnel


def try_passwordless_ssh(server: str, keyfile: str | None, paramiko: Any = None) -> bool:
    """Say whether one can log in to a server without a password.

    Parameters
    ----------
    server
        The SSH server: ``host``, ``user@host`` or ``user@host:port``.
    keyfile
        File of the private key; None for those that are found.
    paramiko
        Whether to use paramiko; by default on Windows only.

    Returns
    -------
    bool
        False if the server wants a password, or the key a passphrase.

    Raises
    ------
    SSHException
        The server cannot be reached, or its host key is not known.
    """
    use_paramiko = sys.platform == "win32" if paramiko is None else paramiko
    attempt = _try_passwordless_paramiko if use_paramiko else _try_passwordless_openssh
    return attempt(server, keyfile)


def open_tunnel(
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: Any = None,
    timeout: float = 60,
) -> tuple[str, Any]:
    """Open a tunnel to an endpoint.

    Parameters
    ----------
    addr
        The endpoint, as the server sees it: ``tcp://host:port``.
    server
        The SSH server: ``host``, ``user@host`` or ``user@host:port``.
    keyfile
        File of the private key; None for those that are found.
    password
        Password of the user, or passphrase of the key.
    paramiko
        Whether to use paramiko; by default on Windows only.
    timeout
        Seconds that the tunnel stays open without a connection through it.

    Returns
    -------
    tuple
        The local endpoint to connect to, and what :func:`openssh_tunnel` or
        :func:`paramiko_tunnel` returned.

    Raises
    ------
    ValueError
        `addr` is not such an endpoint.
    SSHException
        The connection failed.
    """
    transport, separator, place = addr.partition("://")
    host, colon, port = place.rpartition(":")
    if transport != "tcp" or not (separator and host and colon and port.isdecimal()):
        raise ValueError(f"a tunnel leads to an endpoint such as tcp://host:5555, not to {addr!r}")
    use_paramiko = ssh_tunnel is paramiko_tunnel if paramiko is None else paramiko
    open_one: Callable[..., Any] = paramiko_tunnel if use_paramiko else openssh_tunnel

    def open_at_a_free_port() -> tuple[str, Any]:
        (local_port,) = select_random_ports(1)
        tunnel = open_one(
            local_port,
            int(port),
            server,
            remoteip=host.strip("[]"),
            keyfile=keyfile,
            password=password,
            timeout=timeout,
        )
        return f"tcp://{_LOOPBACK}:{local_port}", tunnel

    for _ in range(_PORT_TRIES - 1):
        with contextlib.suppress(_PortTakenError):  # somebody was faster
            return open_at_a_free_port()
    return open_at_a_free_port()


def tunnel_connection(
    socket: zmq.Socket[Any],
    addr: str,
    server: str,
    keyfile: str | None = None,
    password: str | None = None,
    paramiko: Any = None,
    timeout: float = 60,
) -> Any:
    """Connect a socket to an endpoint through a tunnel.

    Parameters
    ----------
    socket
        The socket.
    addr
        The endpoint, as the server sees it: ``tcp://host:port``.
    server
        The SSH server: ``host``, ``user@host`` or ``user@host:port``.
    keyfile
        File of the private key; None for those that are found.
    password
        Password of the user, or passphrase of the key.
    paramiko
        Whether to use paramiko; by default on Windows only.
    timeout
        Seconds that the tunnel stays open without a connection through it.

    Returns
    -------
    int or ParamikoTunnel
        The tunnel: what :func:`openssh_tunnel` or :func:`paramiko_tunnel` returned.

    Raises
    ------
    ValueError
        `addr` is not such an endpoint.
    SSHException
        The connection failed.
    """
    endpoint, tunnel = open_tunnel(
        addr, server, keyfile=keyfile, password=password, paramiko=paramiko, timeout=timeout
    )
    socket.connect(endpoint)
    return tunnel
