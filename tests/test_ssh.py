"""Tunnels through a real sshd, which the tests start on loopback."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from getpass import getuser
from pathlib import Path

import pytest

import zmq
from support import unless_required
from zmq.ssh import forward, tunnel

JOIN_S = 20
TIMEOUT_S = 5

PASSPHRASE = "open 'sesame' $HOME \\"

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")

needs_sshd = pytest.mark.skipif(
    unless_required("sshd", SSHD is None or shutil.which("ssh") is None),
    reason="OpenSSH is not installed (packages openssh-server and openssh-client)",
)
needs_paramiko = pytest.mark.skipif(
    tunnel.paramiko is None, reason="paramiko is not installed (extra ssh)"
)

both_ways = pytest.mark.parametrize(
    "paramiko",
    [
        pytest.param(False, id="openssh"),
        pytest.param(True, id="paramiko", marks=needs_paramiko),
    ],
)

SSHD_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host_key
PidFile none
AuthorizedKeysFile {directory}/authorized_keys
StrictModes no
UsePAM no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
"""


class Server:
    """An sshd that lets the user in who runs the tests, by two keys."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.key, self.encrypted_key, self.wrong_key = (
            str(directory / name) for name in ("key", "encrypted_key", "wrong_key")
        )
        for name, passphrase in (
            ("host_key", ""),
            ("key", ""),
            ("encrypted_key", PASSPHRASE),
            ("wrong_key", ""),
        ):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", directory / name],
                check=True,
            )
        public = [(directory / f"{name}.pub").read_text() for name in ("key", "encrypted_key")]
        (directory / "authorized_keys").write_text("".join(public))
        (self.port,) = tunnel.select_random_ports(1)
        self.name = f"{getuser()}@127.0.0.1:{self.port}"
        config = directory / "sshd_config"
        config.write_text(SSHD_CONFIG.format(port=self.port, directory=directory))
        if os.getuid() == 0:
            # As root, sshd wants this directory, which its service makes elsewhere.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with open(directory / "log", "w") as log:
            self.process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=log)
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port)):
                return
            assert self.process.poll() is None, (directory / "log").read_text()
            threading.Event().wait(0.05)
        raise AssertionError((directory / "log").read_text())

    def known_host(self) -> str:
        kind, key, *_ = (self.directory / "host_key.pub").read_text().split()
        return f"[127.0.0.1]:{self.port} {kind} {key}\n"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(JOIN_S)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("sshd"))
    yield server
    server.stop()


@pytest.fixture
def home(tmp_path, monkeypatch, sshd):
    """Give the ssh client and paramiko known hosts of the test's own, and no agent."""
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(sshd.known_host())
    config = tmp_path / "ssh_config"
    config.write_text(
        f"UserKnownHostsFile {known_hosts}\n"
        "GlobalKnownHostsFile /dev/null\n"
        "IdentityFile /dev/null\n"
        "StrictHostKeyChecking ask\n"
    )
    # The ssh client finds its home in the user data base, so it is told by an option.
    real_command = tunnel._ssh_command

    def command(server, keyfile, password, options):
        return real_command(server, keyfile, password, ["-F", str(config), *options])

    monkeypatch.setattr(tunnel, "_ssh_command", command)
    (tmp_path / ".ssh").mkdir()
    shutil.copy(known_hosts, tmp_path / ".ssh" / "known_hosts")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    yield tmp_path
    tunnel._openssh_tunnels.end_all()


@pytest.fixture
def replier(context):
    with context.socket(zmq.REP) as socket:
        socket.bind("tcp://127.0.0.1:*")
        yield socket


def end(opened):
    if isinstance(opened, tunnel.ParamikoTunnel):
        opened.terminate()
        opened.join(JOIN_S)
        assert not opened.is_alive()
    else:
        os.kill(opened, signal.SIGTERM)


def round_trip(requester, replier):
    requester.send(b"question")
    assert replier.recv() == b"question"
    replier.send(b"x" * 100_000)
    assert requester.recv() == b"x" * 100_000


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_messages_travel_through_a_tunnel(context, sshd, replier, paramiko):
    endpoint = replier.last_endpoint.decode()
    with context.socket(zmq.REQ) as requester:
        opened = tunnel.tunnel_connection(
            requester, endpoint, sshd.name, keyfile=sshd.key, paramiko=paramiko, timeout=TIMEOUT_S
        )
        assert requester.last_endpoint.startswith(b"tcp://127.0.0.1:")
        assert requester.last_endpoint != replier.last_endpoint
        round_trip(requester, replier)
        assert isinstance(opened, tunnel.ParamikoTunnel if paramiko else int)
    end(opened)


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_passphrase_opens_an_encrypted_key_and_is_gone_afterwards(
    context, sshd, replier, paramiko, tmp_path, monkeypatch
):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    url, opened = tunnel.open_tunnel(
        replier.last_endpoint.decode(),
        sshd.name,
        keyfile=sshd.encrypted_key,
        password=PASSPHRASE,
        paramiko=paramiko,
        timeout=TIMEOUT_S,
    )
    assert list(temporary.iterdir()) == []
    with context.socket(zmq.REQ) as requester:
        requester.connect(url)
        round_trip(requester, replier)
    end(opened)


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_passwordless_login_is_told_from_one_that_needs_more(sshd, paramiko):
    assert tunnel.try_passwordless_ssh(sshd.name, sshd.key, paramiko=paramiko) is True
    assert tunnel.try_passwordless_ssh(sshd.name, sshd.wrong_key, paramiko=paramiko) is False
    assert tunnel.try_passwordless_ssh(sshd.name, sshd.encrypted_key, paramiko=paramiko) is False


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_wrong_key_and_wrong_passphrase_are_ssh_exceptions(sshd, replier, paramiko, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody can be asked
    endpoint = replier.last_endpoint.decode()
    for keyfile, password in ((sshd.wrong_key, None), (sshd.encrypted_key, "wrong")):
        with pytest.raises(tunnel.SSHException, match="does not let us in") as raised:
            tunnel.open_tunnel(
                endpoint, sshd.name, keyfile=keyfile, password=password, paramiko=paramiko
            )
        assert "wrong" not in str(raised.value).replace("wrong_key", "")


class Terminal:
    def isatty(self):
        return True


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_missing_password_is_asked_for_at_the_terminal(
    context, sshd, replier, paramiko, monkeypatch
):
    answers = ["wrong", PASSPHRASE]
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(tunnel, "getpass", lambda _prompt: answers.pop(0))
    url, opened = tunnel.open_tunnel(
        replier.last_endpoint.decode(),
        sshd.name,
        keyfile=sshd.encrypted_key,
        paramiko=paramiko,
        timeout=TIMEOUT_S,
    )
    assert answers == []
    with context.socket(zmq.REQ) as requester:
        requester.connect(url)
        round_trip(requester, replier)
    end(opened)


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_wrong_passwords_at_the_terminal_end_after_some_tries(sshd, replier, paramiko, monkeypatch):
    asked = []
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(tunnel, "getpass", lambda prompt: asked.append(prompt) or "wrong")
    with pytest.raises(tunnel.MaxRetryExceeded):
        tunnel.open_tunnel(
            replier.last_endpoint.decode(),
            sshd.name,
            keyfile=sshd.encrypted_key,
            paramiko=paramiko,
        )
    assert asked == [f"{sshd.name}'s password: "] * 3


@needs_sshd
@both_ways
def test_unknown_host_key_is_refused(sshd, home, replier, paramiko):
    for known_hosts in (home / "known_hosts", home / ".ssh" / "known_hosts"):
        known_hosts.write_text("")
    with pytest.raises(tunnel.SSHException, match=r"host key|known_hosts"):
        tunnel.open_tunnel(
            replier.last_endpoint.decode(), sshd.name, keyfile=sshd.key, paramiko=paramiko
        )
    with pytest.raises(tunnel.SSHException):
        tunnel.try_passwordless_ssh(sshd.name, sshd.key, paramiko=paramiko)


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_server_that_cannot_be_reached_is_an_ssh_exception(sshd, replier, paramiko):
    (port,) = tunnel.select_random_ports(1)
    server = f"{getuser()}@127.0.0.1:{port}"
    with pytest.raises(tunnel.SSHException, match="cannot connect"):
        tunnel.open_tunnel(
            replier.last_endpoint.decode(), server, keyfile=sshd.key, paramiko=paramiko
        )
    with pytest.raises(tunnel.SSHException, match="cannot connect"):
        tunnel.try_passwordless_ssh(server, sshd.key, paramiko=paramiko)


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_local_port_that_is_taken_is_an_ssh_exception(sshd, paramiko):
    open_one = tunnel.paramiko_tunnel if paramiko else tunnel.openssh_tunnel
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(tunnel.SSHException, match="in use"),
    ):
        open_one(taken.getsockname()[1], 1, sshd.name, keyfile=sshd.key)


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_tunnel_finds_another_port_when_somebody_takes_its_first_one(
    sshd, replier, paramiko, monkeypatch
):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        (free,) = tunnel.select_random_ports(1)
        offered = [[taken.getsockname()[1]], [free]]
        monkeypatch.setattr(tunnel, "select_random_ports", lambda _n: offered.pop(0))
        url, opened = tunnel.open_tunnel(
            replier.last_endpoint.decode(),
            sshd.name,
            keyfile=sshd.key,
            paramiko=paramiko,
            timeout=TIMEOUT_S,
        )
    assert url == f"tcp://127.0.0.1:{free}"
    end(opened)


def wait_until_refused(port):
    """Wait until nobody listens at a local port."""
    deadline = time.monotonic() + JOIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        assert time.monotonic() < deadline
        threading.Event().wait(0.05)


@needs_sshd
@needs_paramiko
@pytest.mark.usefixtures("home")
def test_unused_paramiko_tunnel_ends_after_its_timeout(sshd):
    (port,) = tunnel.select_random_ports(1)
    opened = tunnel.paramiko_tunnel(port, 1, sshd.name, keyfile=sshd.key, timeout=0.3)
    opened.join(JOIN_S)
    assert not opened.is_alive()
    wait_until_refused(port)


@needs_sshd
@pytest.mark.usefixtures("home")
def test_unused_openssh_tunnel_ends_after_its_timeout(sshd):
    (port,) = tunnel.select_random_ports(1)
    pid = tunnel.openssh_tunnel(port, 1, sshd.name, keyfile=sshd.key, timeout=1)
    assert tunnel._openssh_tunnels._running[pid].wait(JOIN_S) == 0
    wait_until_refused(port)


@needs_sshd
@both_ways
@pytest.mark.usefixtures("home")
def test_tunnel_survives_connections_to_a_port_where_nobody_listens(sshd, context, paramiko):
    (local, remote) = tunnel.select_random_ports(2)
    open_one = tunnel.paramiko_tunnel if paramiko else tunnel.openssh_tunnel
    opened = open_one(local, remote, sshd.name, keyfile=sshd.key, timeout=TIMEOUT_S)
    with socket.create_connection(("127.0.0.1", local)) as connection:
        connection.settimeout(JOIN_S)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    with (
        socket.create_server(("127.0.0.1", remote)) as listening,
        socket.create_connection(("127.0.0.1", local)) as connection,
        listening.accept()[0] as peer,
    ):
        peer.sendall(b"late")
        connection.settimeout(JOIN_S)
        assert connection.recv(4) == b"late"
    end(opened)


@needs_sshd
@needs_paramiko
@pytest.mark.usefixtures("home")
def test_half_closed_connections_are_forwarded_to_their_end(sshd):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        (local,) = tunnel.select_random_ports(1)
        opened = tunnel.paramiko_tunnel(
            local, listening.getsockname()[1], sshd.name, keyfile=sshd.key, timeout=TIMEOUT_S
        )
        with socket.create_connection(("127.0.0.1", local)) as connection:
            connection.settimeout(JOIN_S)
            connection.sendall(b"all of it")
            connection.shutdown(socket.SHUT_WR)
            peer, _ = listening.accept()
            with peer:
                peer.settimeout(JOIN_S)
                with peer.makefile("rb") as reading:
                    assert reading.read() == b"all of it"
                peer.sendall(b"answer")
            with connection.makefile("rb") as reading:
                assert reading.read() == b"answer"
        end(opened)


@needs_sshd
@needs_paramiko
@pytest.mark.usefixtures("home")
def test_forward_tunnel_runs_as_long_as_its_transport(sshd):
    client = tunnel._paramiko_client(sshd.name, sshd.key, None)
    (local,) = tunnel.select_random_ports(1)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        running = threading.Thread(
            target=forward.forward_tunnel,
            args=(local, "127.0.0.1", listening.getsockname()[1], client.get_transport()),
        )
        running.start()
        for _ in range(200):
            with contextlib.suppress(ConnectionRefusedError):
                connection = socket.create_connection(("127.0.0.1", local))
                break
            threading.Event().wait(0.05)
        with connection, listening.accept()[0] as peer:
            connection.sendall(b"hello")
            assert peer.recv(5) == b"hello"
    client.close()
    running.join(JOIN_S)
    assert not running.is_alive()


@needs_sshd
def test_openssh_tunnel_ends_with_its_program(sshd, home):
    program = f"""
import sys
from zmq.ssh import tunnel
real = tunnel._ssh_command
tunnel._ssh_command = lambda server, keyfile, password, options: real(
    server, keyfile, password, ["-F", {str(home / "ssh_config")!r}, *options]
)
(port,) = tunnel.select_random_ports(1)
pid = tunnel.openssh_tunnel(port, 1, {sshd.name!r}, keyfile={sshd.key!r}, timeout={TIMEOUT_S})
print(port, pid)
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        timeout=JOIN_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    port, pid = map(int, done.stdout.split())
    wait_until_refused(port)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


# -- without a server -----------------------------------------------------------------------------


def test_random_ports_are_free_and_different():
    ports = tunnel.select_random_ports(10)
    assert len(set(ports)) == 10
    with contextlib.ExitStack() as stack:
        for port in ports:
            stack.enter_context(socket.create_server(("127.0.0.1", port)))


@pytest.mark.parametrize(
    ("server", "parts"),
    [
        ("host", ("", "host", None)),
        ("user@host", ("user", "host", None)),
        ("user@host:2222", ("user", "host", 2222)),
        ("host:22", ("", "host", 22)),
        ("user@[::1]:22", ("user", "::1", 22)),
        ("[::1]", ("", "::1", None)),
        ("::1", ("", "::1", None)),
        ("user@domain@host", ("user@domain", "host", None)),
    ],
)
def test_server_has_user_host_and_port(server, parts):
    assert tunnel._split_server(server) == parts


@pytest.mark.parametrize(
    "endpoint",
    ["ipc:///tmp/x", "inproc://x", "tcp://host", "tcp://host:*", "host:5555", "tcp://:5"],
)
def test_tunnel_leads_to_tcp_endpoints_only(endpoint):
    with pytest.raises(ValueError, match="tcp://host:5555"):
        tunnel.open_tunnel(endpoint, "host")


def test_server_is_never_taken_for_an_option():
    if shutil.which("ssh") is None:
        pytest.skip("OpenSSH's client is not installed")
    command = tunnel._ssh_command("-oProxyCommand=touch", None, None, [])
    assert command[-2:] == ["--", "-oProxyCommand=touch"]


def test_missing_ssh_program_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(tunnel.SSHException, match="no ssh program"):
        tunnel.openssh_tunnel(1, 1, "host")


def test_missing_paramiko_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr(tunnel, "paramiko", None)
    (port,) = tunnel.select_random_ports(1)
    with pytest.raises(ImportError, match=r"cppyzmq\[ssh\]"):
        tunnel.paramiko_tunnel(port, 1, "host")
    socket.create_server(("127.0.0.1", port)).close()  # the port was given back


def test_usual_way_is_openssh_except_on_windows():
    expected = tunnel.paramiko_tunnel if sys.platform == "win32" else tunnel.openssh_tunnel
    assert tunnel.ssh_tunnel is expected
