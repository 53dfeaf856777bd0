"""One name that cannot be proved does not spoil the rest of its certificate.

SPDX-License-Identifier: Apache-2.0
"""

import pytest

from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

NOWHERE = "127.0.1.3"  # where nothing listens
MINUTE = 60
DAY = 24 * 3600
NAMES = ("shop.example.org", "gone.example.org", "www.example.org")
SITE = STATUS_HANDLER + f"ACMECAChallenges http-01\nACMEDomain {' '.join(NAMES)}\n" + vhost(*NAMES)


@pytest.fixture
def gone(dns):
    dns.tell("add-a", host="gone.example.org.", addresses=[NOWHERE])
    yield "gone.example.org"
    dns.tell("clear-a", host="gone.example.org.")


def wait_for_failures(httpd, count):
    def errors():
        return (httpd.domain_status(NAMES[0]) or {}).get("renewal", {}).get("errors", 0) >= count

    wait_for(errors, f"failure {count}", 10)


def test_the_others_get_their_certificate_and_it_comes_back(make_ca, make_httpd, clock, dns, gone):
    ca = make_ca()
    httpd = make_httpd(SITE, ca=ca, **clock.options()).start()
    wait_for_failures(httpd, 1)
    clock.advance(13 * MINUTE)
    wait_for_failures(httpd, 2)
    assert httpd.status()["dropped-names"] == 0
    clock.advance(26 * MINUTE)
    served = httpd.wait_for_certificate("shop.example.org", "www.example.org")
    assert served.names == ["shop.example.org", "www.example.org"]
    assert ca.orders() == 4
    line = httpd.wait_for_log(r"orders go without gone\.example\.org")
    assert ":error]" in line and NOWHERE in line and "it is tried again at" in line
    wait_for(lambda: httpd.domain_status(NAMES[0])["renewal"]["errors"] == 0, "the end of the order")
    status = httpd.domain_status(NAMES[0])
    assert status["state"] == "incomplete"
    assert [one["name"] for one in status["dropped"]] == [gone]
    assert NOWHERE in status["dropped"][0]["detail"]
    assert httpd.status()["dropped-names"] == 1

    before = httpd.log_size()
    clock.advance(DAY)  # it fails once more, and that is nobody else's trouble
    httpd.wait_for_log(r"orders go without gone\.example\.org", since=before)
    assert ca.orders() == 5
    wait_for(lambda: httpd.domain_status(NAMES[0])["renewal"]["errors"] == 0, "that it is not counted")

    httpd.stop()
    dns.tell("clear-a", host=f"{gone}.")
    before = httpd.log_size()
    httpd.start()
    clock.advance(DAY)
    assert httpd.wait_for_certificate(gone).names == sorted(NAMES)
    httpd.wait_for_log(r"gone\.example\.org, which orders went without, is proved again", since=before)
    wait_for(lambda: "dropped" not in httpd.domain_status(NAMES[0]), "that nothing is dropped")
    assert httpd.domain_status(NAMES[0])["state"] == "complete"
    assert ca.orders() == 6


def test_not_with_the_switch_off(make_ca, make_httpd, clock, gone):
    ca = make_ca()
    httpd = make_httpd("ACMEDropFailing off\n" + SITE, ca=ca, **clock.options()).start()
    for failures, wait in enumerate((13 * MINUTE, 26 * MINUTE, 50 * MINUTE), 1):
        wait_for_failures(httpd, failures)
        clock.advance(wait)
    wait_for_failures(httpd, 4)
    assert ca.orders() == 4 and ca.issued() == 0
