"""Graceful restarts while orders run.

SPDX-License-Identifier: Apache-2.0
"""

import re
import time

from world.httpd import vhost
from world.processes import wait_for
from world.store import Store

NAMES = [f"pending{number}.example.org" for number in range(50)]
CONFIG = "".join(f"ACMEDomain {name}\n{vhost(name)}" for name in NAMES)
SLOW = {"PEBBLE_VA_NOSLEEP": "", "PEBBLE_VA_SLEEPTIME": "5"}


def test_no_authorization_is_lost(make_ca, make_httpd):
    ca = make_ca(env=SLOW)
    httpd = make_httpd(CONFIG, ca=ca, children=3).start()
    wait_for(lambda: ca.orders() == 50 and not Store(httpd.store).runs_at("ORDER"), "all orders known", 15)
    httpd.graceful()
    httpd.graceful()
    for name in NAMES:
        httpd.wait_for_certificate(name, timeout=40)
    assert not ca.authorizations_made_invalid()
    assert ca.orders() == 50


def test_all_new_children_serve_what_was_staged_around_it(make_ca, make_httpd):
    """Whoever staged it, the old engine or the new: one second after its line every child serves it."""
    ca = make_ca(env=SLOW)
    httpd = make_httpd(CONFIG, ca=ca, children=3).start()
    wait_for(lambda: ca.issued() >= 10, "the first certificates", 20)
    before = httpd.log_size()
    httpd.graceful()
    wait_for(lambda: len(httpd.children_pids()) >= 3, "new children")
    took_over = wait_for(lambda: Store(httpd.store).lock_holder() in httpd.children_pids(), "new engine", 15)
    assert took_over
    time.sleep(1.0)
    staged = {name for name in NAMES if Store(httpd.store).certificate_file(name)}
    staged |= {
        match.group(1)
        for line in httpd.log().splitlines()
        if (match := re.search(r"(pending\d+\.example\.org): STAGE -> CLEAN", line))
    }
    assert staged
    for name in sorted(staged):
        for _ in range(6):
            assert httpd.verified(name), f"{name} is staged but not served\n{httpd.log(before)[-3000:]}"


def test_domains_that_came_with_a_reload_are_known(make_httpd):
    """Not those of the first start, and not the same ones again with the next reload."""
    ca = "ACMECertificateAuthority https://localhost:1/dir\nACMECertificateAgreement accepted\n"
    old = ca + "ACMEDomain old.example.org\n" + vhost("old.example.org")
    more = f"ACMEDomain one.example.org\n{vhost('one.example.org')}ACMEDomain two.example.org\n{vhost('two.example.org')}"
    httpd = make_httpd(old).start()
    httpd.wait_for_log("resuming normal operations")
    httpd.configure(old.replace("ACMEDomain old", "ACMEDomain alias.example.org old") + more)
    httpd.graceful()
    httpd.graceful()
    assert len(httpd.log_lines("came with this configuration")) == 1
    assert httpd.log_lines("2 of 3 domains came with this configuration, the first is one.example.org")
    httpd.configure(ca)
    httpd.graceful()
    httpd.configure(old)
    httpd.graceful()
    assert httpd.log_lines("1 of 1 domains came with this configuration, the first is old.example.org")
