"""What a request that is none of ours costs, counted in instructions: a comparison of its path.

SPDX-License-Identifier: Apache-2.0
"""

import http.client
import re

import pytest

from world.ca import make_server_certificate
from world.httpd import vhost
from world.processes import Daemon, accepts_connections, wait_for

REQUESTS = 100
HOOKS = ("mod_acme_answer_challenge", "mod_acme_answer_unavailable")


def ask(port):
    """Requests over one connection, at paths of which one is nearly ours."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for number in range(REQUESTS):
        connection.request("GET", "/.well-known/acme" if number % 2 else "/")
        connection.getresponse().read()
    connection.close()


def instructions(httpd, valgrind, folder):
    """How many the hooks of a request took, all together."""
    command = httpd._command("-X")
    at = command.index(httpd.binary)
    counts = httpd.folder / "run" / "counts"
    tool = [valgrind, "--tool=callgrind", f"--callgrind-out-file={counts}"]
    tool += [f"--toggle-collect={hook}" for hook in HOOKS]
    daemon = Daemon([*command[:at], *tool, *command[at:]], folder / "valgrind.log", env=httpd.env)
    try:
        wait_for(lambda: daemon.is_running() and accepts_connections(httpd.http_port), "httpd", 30)
        ask(httpd.http_port)
    finally:
        daemon.stop()
    return int(re.search(r"^summary: (\d+)", counts.read_text(), re.M).group(1))


@pytest.mark.parametrize("domains", [1, 200])
def test_an_ordinary_request_costs_next_to_nothing(make_httpd, need, folder, domains):
    """The same number however many domains there are."""
    certificate, key = make_server_certificate(folder, ("own.example.org",))
    certificate.chmod(0o644)
    key.chmod(0o644)
    own = f"  SSLCertificateFile {certificate}\n  SSLCertificateKeyFile {key}\n"
    names = "".join(f"ACMEDomain n{number}.example.org\n" for number in range(domains))
    httpd = make_httpd(
        "MaxKeepAliveRequests 0\nACMERenewMode manual\n" + names + vhost("own.example.org", body=own),
        mpm="prefork", as_root=False, sanitize=False,
    )
    spent = instructions(httpd, need("valgrind"), folder)
    print(f"{spent / REQUESTS:g} instructions for each request")
    assert 0 < spent <= 150 * REQUESTS
