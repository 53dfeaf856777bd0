"""Many domains at once, and a CA that is slow or refuses nonces.

SPDX-License-Identifier: Apache-2.0
"""

import time

import pytest

from world.httpd import vhost
from world.processes import wait_for


def many(count, stem="site"):
    names = [f"{stem}{number}.example.org" for number in range(count)]
    return names, "".join(f"ACMEDomain {name}\n{vhost(name)}" for name in names)


def all_in_use(httpd, names, timeout):
    """Waits for the first and the last to be issued, then asks for each."""
    wait_for(lambda: httpd.ca.issued() >= len(names), f"{len(names)} certificates issued", timeout, poll=0.1)
    for name in names:
        httpd.wait_for_certificate(name, timeout=10)


def test_three_hundred_domains(make_ca, make_httpd):
    names, config = many(300)
    httpd = make_httpd(config, ca=make_ca(), log_level="warn acme:info", many=True).start()
    all_in_use(httpd, names, 90)
    assert httpd.ca.orders() == 300
    assert httpd.ca.requests() / len(names) <= 8


@pytest.mark.alone
def test_a_slow_ca_does_not_add_up(make_ca, make_httpd, folder):
    """Validation takes 0 to 4 s each; 300 domains need at most three times what 20 need.

    Never with sanitizers: their own time for 300 is more than the CA's.
    """
    took = {}
    for count in (20, 300):
        names, config = many(count)
        ca = make_ca(name=f"ca{count}", env={"PEBBLE_VA_NOSLEEP": "", "PEBBLE_VA_SLEEPTIME": "5"})
        httpd = make_httpd(config, name=f"httpd{count}", ca=ca, log_level="warn acme:info", sanitize=False)
        began = time.monotonic()
        httpd.start()
        all_in_use(httpd, names, 120)
        took[count] = time.monotonic() - began
        httpd.stop()
        ca.stop()
    assert took[300] <= 3 * took[20], took


@pytest.mark.parametrize("percent", [80])
def test_refused_nonces(make_ca, make_httpd, percent):
    names, config = many(30)
    ca = make_ca(env={"PEBBLE_WFE_NONCEREJECT": str(percent)})
    httpd = make_httpd(config, ca=ca).start()
    # a request that luck refuses thirty times pauses for half a minute, also the last one of all
    wait_for(lambda: len(httpd.log_lines("STAGE -> CLEAN")) >= len(names), "all downloads", 60, poll=0.1)
    all_in_use(httpd, names, 60)
    assert ca.orders() == 30


def test_one_bad_name_disturbs_no_other(make_ca, make_httpd, dns):
    """A domain whose validation fails does not delay the others and is not hammered."""
    dns.tell("add-a", host="lost.example.org.", addresses=["127.9.9.9"])
    names, config = many(10)
    config = f"ACMEDomain lost.example.org\n{vhost('lost.example.org')}" + config
    httpd = make_httpd(config, ca=make_ca()).start()
    all_in_use(httpd, names, 20)
    line = httpd.wait_for_log(r"lost\.example\.org: .*127\.9\.9\.9")
    assert "error" in line
    assert httpd.ca.orders() == 11


def test_the_retry_after_of_the_ca_is_kept(make_ca, make_httpd):
    """With retryAfter 2 a pending order is not asked for more than once in about two seconds."""
    ca = make_ca(retry_after=2, env={"PEBBLE_VA_NOSLEEP": "", "PEBBLE_VA_SLEEPTIME": "5"})
    names, config = many(3)
    httpd = make_httpd(config, ca=ca).start()
    all_in_use(httpd, names, 60)
    assert ca.requests("/my-order/") + ca.requests("/authZ/") <= 3 * 12
