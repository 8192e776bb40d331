"""The servers: nginx as it is, nginx that holds connections to a rate, and one that is far away."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import NamedTuple

from measure import Failed
from rows import DELAY_MS, KIB, PACE, PIECE, SLOW_EVERY, SLOW_FIRST, SLOW_PACE, Row

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Servers(NamedTuple):
    """Where they listen, and who they are."""

    http: str
    https: str
    # Empty where it could not be built.
    delay: str
    pids: list[int]

    def origin(self, row: Row) -> str:
        """Returns the server of a row."""
        if row.location == "delay":
            return self.delay
        return self.https if row.tls else self.http

    def accepted(self, row: Row) -> int:
        """Returns how many connections the row's server has taken, this one among them."""
        origin = self.delay if row.location == "delay" else self.http
        text = get(f"{origin}/status").decode()
        return int(re.search(r"requests\s+(\d+)", text).group(1))

    def line_up(self) -> int:
        """Opens connections until the one that is to be slow is next but a few; tells how many."""
        for count in range(1, SLOW_EVERY + 1):
            number = int(get(f"{self.http}/connection"))
            if (number + SLOW_FIRST) % SLOW_EVERY == 0:
                return count
        raise Failed("the server does not count its connections one by one")

    def pace(self) -> float:
        """Returns what a connection of a paced row gets, in KiB a second."""
        begin = time.perf_counter()
        size = len(get(f"{self.http}/paced/pace.bin"))
        # The last piece is not waited for.
        return (size / KIB - PIECE) / (time.perf_counter() - begin)


def get(url: str) -> bytes:
    """Fetches a small thing on a connection of its own."""
    with DIRECT.open(url) as response:
        return response.read()


@contextlib.contextmanager
def start(nginx: str, delay: str | None, folder: Path, certificate: tuple[Path, Path] | None):
    """Serves `folder/www` on the loopback interface."""
    ports = free_ports()
    config = folder / "nginx.conf"
    config.write_text(configuration(folder, ports, certificate))
    log = folder / "nginx.log"
    quiet = {"stdin": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    # An interrupt is the benchmark's affair, which then ends its servers.
    quiet["start_new_session"] = True
    with contextlib.ExitStack() as stack:
        server = subprocess.Popen(
            [nginx, "-c", str(config), "-p", str(folder), "-e", str(log)],
            stdout=subprocess.DEVNULL,
            **quiet,
        )
        stack.callback(end, server)
        pids, far = [server.pid], ""
        for port in ports if certificate else ports[:1]:
            wait_for(port, server, log)
        if delay:
            command = [delay, str(DELAY_MS), str(folder / "www")]
            other = subprocess.Popen(command, stdout=subprocess.PIPE, **quiet)
            stack.callback(end, other)
            far = f"http://127.0.0.1:{int(other.stdout.readline())}"
            pids.append(other.pid)
        yield Servers(f"http://127.0.0.1:{ports[0]}", f"https://localhost:{ports[1]}", far, pids)


def end(server: subprocess.Popen) -> None:
    """Ends a server and waits until it is gone."""
    server.terminate()
    server.wait()


def configuration(folder: Path, ports: tuple[int, int], certificate) -> str:
    """Returns nginx's configuration."""
    tls = ""
    if certificate:
        tls = f"""
        listen 127.0.0.1:{ports[1]} ssl;
        ssl_protocols TLSv1.3;
        ssl_certificate {certificate[0]};
        ssl_certificate_key {certificate[1]};
        ssl_session_cache shared:all:1m;"""
    # A connection's number modulo 8 shows in its last three digits.
    slow = "|".join(f"{number:03}" for number in range(0, 1000, SLOW_EVERY))
    low = "|".join(f"{number}" for number in range(0, 100, SLOW_EVERY))
    # Started by root, nginx would read the files as somebody who may not.
    user = "user root;" if os.geteuid() == 0 else ""
    temp = "\n    ".join(
        f"{kind}_temp_path {folder / kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return f"""
daemon off;
{user}
pid {folder / "nginx.pid"};
error_log {folder / "nginx.log"};
worker_processes auto;
events {{ worker_connections 512; }}
http {{
    {temp}
    access_log off;
    map $connection $pace {{
        default {PACE}k;
        "~^({low}|[0-9]*({slow}))$" {SLOW_PACE}k;
    }}
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000;
    server {{
        listen 127.0.0.1:{ports[0]};{tls}
        root {folder / "www"};
        location = /connection {{ return 200 $connection; }}
        location = /status {{ stub_status; }}
        location /paced/ {{
            alias {folder / "www"}/;
            limit_rate {PACE}k;
            sendfile_max_chunk {PIECE}k;
        }}
        location /slow/ {{
            alias {folder / "www"}/;
            limit_rate $pace;
            sendfile_max_chunk {PIECE}k;
        }}
    }}
}}
"""


def wait_for(port: int, server: subprocess.Popen, log: Path) -> None:
    """Returns when somebody listens on `port`."""
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.01)
    raise Failed(f"nginx does not listen: {log.read_text() if log.exists() else 'no log'}")


def free_ports() -> tuple[int, int]:
    """Returns two ports that nobody listens on now."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


def make_certificates(openssl: str, folder: Path) -> tuple[Path, Path, Path]:
    """Makes a CA and a certificate for `localhost`; returns CA, certificate and key."""
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    leaf, leaf_key, request = folder / "leaf.pem", folder / "leaf.key", folder / "leaf.csr"
    extensions = folder / "leaf.ext"
    extensions.write_text("subjectAltName=DNS:localhost\nbasicConstraints=CA:FALSE\n")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for arguments in [
        ["req", "-x509", *key, "-keyout", ca_key, "-out", ca, "-subj", "/CN=haul benchmark CA"],
        ["req", *key, "-keyout", leaf_key, "-out", request, "-subj", "/CN=localhost"],
        ["x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial"]
        + ["-out", leaf, "-days", "2", "-extfile", extensions],
    ]:
        done = subprocess.run([openssl, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"openssl: {done.stderr.strip()}")
    return ca, leaf, leaf_key
