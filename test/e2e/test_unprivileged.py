"""Started without root: one user owns all, as in a container.

SPDX-License-Identifier: Apache-2.0
"""

import os
import shutil
import signal
import subprocess

import pytest

from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

CONFIG = (
    "ACMEDomain example.org www.example.org\n"
    + vhost("example.org", "www.example.org")
    + vhost("shop.example.org", body="  ACMEDomain")
    + STATUS_HANDLER
)


def unprivileged(make_httpd, ca, config=CONFIG, **options):
    return make_httpd(config, ca=ca, as_root=False, **options)


def test_the_demo_works(make_ca, make_httpd):
    ca = make_ca()
    httpd = unprivileged(make_httpd, ca).start()
    httpd.wait_for_certificate("example.org", "www.example.org", "shop.example.org")
    httpd.configure(CONFIG + "ACMEDomain later.example.org\n" + vhost("later.example.org"))
    httpd.graceful()
    httpd.wait_for_certificate("later.example.org")
    notices = httpd.log_lines(r"acme:notice.*(root|user)")
    assert notices, httpd.log_tail()


def test_a_second_start_orders_nothing(make_ca, make_httpd):
    ca = make_ca()
    httpd = unprivileged(make_httpd, ca).start()
    first = httpd.wait_for_certificate("example.org")
    httpd.wait_for_certificate("shop.example.org")
    httpd.stop()
    httpd.start()
    assert httpd.wait_for_certificate("example.org").serial == first.serial
    assert ca.orders() == 2


def test_a_domain_from_the_environment(make_ca, make_httpd):
    config = "ACMEDomain ${SITE}\n" + vhost("${SITE}")
    httpd = unprivileged(make_httpd, make_ca(), config, env={"SITE": "env.example.org"}).start()
    httpd.wait_for_certificate("env.example.org")


@pytest.mark.root
def test_in_the_foreground_as_pid_1(make_ca, make_httpd):
    """unshare gives httpd a pid namespace of its own, in which it is the first process."""
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")
    if subprocess.run(["unshare", "--fork", "--pid", "true"]).returncode:
        pytest.skip("pid namespaces are not allowed here")
    httpd = unprivileged(make_httpd, make_ca())
    command = httpd._command("-DFOREGROUND")
    process = subprocess.Popen(
        ["unshare", "--fork", "--pid", "--kill-child", *command],
        env=httpd._environment(),
        stdin=subprocess.DEVNULL,
    )
    try:
        httpd.wait_for_certificate("example.org", "shop.example.org", timeout=20)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        wait_for(lambda: not httpd.pids() or httpd.end_orphans() is None, "end")
    assert os.path.exists(httpd.store)
