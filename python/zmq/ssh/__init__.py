"""Connections through SSH tunnels, with the OpenSSH client or with paramiko."""

from zmq.ssh.tunnel import open_tunnel as open_tunnel
from zmq.ssh.tunnel import openssh_tunnel as openssh_tunnel
from zmq.ssh.tunnel import paramiko_tunnel as paramiko_tunnel
from zmq.ssh.tunnel import select_random_ports as select_random_ports
from zmq.ssh.tunnel import ssh_tunnel as ssh_tunnel
from zmq.ssh.tunnel import try_passwordless_ssh as try_passwordless_ssh
from zmq.ssh.tunnel import tunnel_connection as tunnel_connection
