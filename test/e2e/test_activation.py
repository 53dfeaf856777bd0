"""ACMEActivation manual and graceful: the certificate waits for a restart.

SPDX-License-Identifier: Apache-2.0
"""

import pytest

from world import tls
from world.httpd import STATUS_HANDLER, vhost
from world.processes import NotInTime, wait_for
from world.store import Store

SITE = "ACMEDomain example.org\n" + vhost("example.org") + STATUS_HANDLER
SHORT = {"profiles": {"default": {"description": "short", "validityPeriod": 24}}}
RENEW = "ACMERenewWindow 50%\nACMEWarnWindow 10%\nACMECheckInterval 1s\n"


def test_manual(make_ca, make_httpd):
    httpd = make_httpd("ACMEActivation manual\n" + SITE, ca=make_ca()).start()
    wait_for(lambda: httpd.ca.issued() == 1, "the certificate")
    httpd.wait_for_log(r"example\.org: STAGE -> CLEAN")
    with pytest.raises(NotInTime):
        httpd.wait_for_certificate("example.org", timeout=1.5)
    httpd.graceful()
    seen = httpd.wait_for_certificate("example.org", timeout=5)
    stored = tls.load_certificates(Store(httpd.store).certificate_file("example.org"))
    assert stored[0].serial_number == seen.serial
    assert httpd.ca.orders() == 1


def test_manual_renewal(make_ca, make_httpd):
    httpd = make_httpd(RENEW + "ACMEActivation manual\n" + SITE, ca=make_ca(**SHORT)).start()
    httpd.wait_for_log(r"example\.org: STAGE -> CLEAN")
    httpd.graceful()
    first = httpd.wait_for_certificate("example.org", timeout=5)
    wait_for(lambda: httpd.ca.issued() >= 2, "the renewal", 30)
    wait_for(lambda: len(httpd.log_lines(r"example\.org: STAGE -> CLEAN")) >= 2, "staging")
    assert httpd.handshake("example.org").serial == first.serial
    httpd.graceful()
    assert httpd.wait_for_certificate("example.org", timeout=5, other_than=first.serial)


GRACEFUL = "ACMEActivation graceful interval=1mi\n"  # the shortest there is


def test_graceful_by_the_parent(make_ca, make_httpd):
    """A minute after the start the parent restarts its children for what waits."""
    httpd = make_httpd(GRACEFUL + SITE, ca=make_ca()).start()
    parent = httpd.parent_pid
    before = httpd.children_pids()
    httpd.wait_for_certificate("example.org", timeout=90)
    assert httpd.parent_pid == parent
    wait_for(lambda: not set(httpd.children_pids()) & set(before), "end of the old children")


def test_a_broken_line_prevents_the_restart(make_ca, make_httpd):
    httpd = make_httpd(RENEW + SITE, ca=make_ca(**SHORT)).start()
    first = httpd.wait_for_certificate("example.org")
    httpd.configure(RENEW + GRACEFUL + SITE)
    httpd.graceful()
    with open(httpd.config_file, "a") as file:
        file.write("NoSuchDirective on\n")
    line = httpd.line_of("NoSuchDirective")
    wait_for(lambda: httpd.ca.issued() >= 2, "the renewal", 40)
    said = httpd.wait_for_log(rf"httpd\.conf.*{line}|line {line}", timeout=100)
    assert said
    assert httpd.handshake("example.org").serial == first.serial
    assert httpd.get("example.org").status == 200
    assert "NoSuchDirective" in str(httpd.status()) or str(line) in str(httpd.status())
    httpd.config_file.write_text(httpd.config_file.read_text().replace("NoSuchDirective on\n", ""))
    httpd.graceful()
    httpd.wait_for_certificate("example.org", timeout=5, other_than=first.serial)
