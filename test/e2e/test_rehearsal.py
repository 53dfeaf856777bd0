"""After a failed validation the test environment is asked first, and the order follows in the same run.

SPDX-License-Identifier: Apache-2.0
"""

import pytest

from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

NOBODY = "127.0.1.3"  # an address at which nobody listens
AFTER_A_FAILURE = 13 * 60  # ten minutes, a fifth more by chance, and some


@pytest.fixture
def lead(dns):
    """lead(address): from now on CAs look there for example.org; None: where httpd is."""

    def lead_to(address):
        dns.tell("clear-a", host="example.org.")
        if address:
            dns.tell("add-a", host="example.org.", addresses=[address])

    yield lead_to
    lead_to(None)


@pytest.fixture
def stage(make_ca, make_httpd, folder, clock, lead):
    """The CA, its test environment, and an httpd whose first order has failed."""
    ca, test = make_ca(name="ca"), make_ca(name="test")
    both = folder / "both.pem"
    both.write_text(ca.certificate_file.read_text() + test.certificate_file.read_text())
    both.chmod(0o644)
    config = (
        STATUS_HANDLER + f"ACMECertificateAuthority {ca.directory_url}\nACMEStagingRetry {test.directory_url}\n"
        f"ACMECACertificateFile {both}\nACMEDomain example.org\n" + vhost("example.org")
    )
    lead(NOBODY)
    httpd = make_httpd(config, ca=ca, **clock.options()).start()
    httpd.wait_for_log(r"example\.org: the CA could not validate")
    assert (ca.orders(), test.orders()) == (1, 0)
    return ca, test, httpd


def test_the_order_follows_a_rehearsal_that_passes(stage, clock, lead):
    ca, test, httpd = stage
    clock.advance(AFTER_A_FAILURE)
    where = rf"\(tried at localhost:{test.port}, the test environment of the CA\)"
    httpd.wait_for_log(rf"the CA could not validate example\.org .*{where}")
    assert (ca.orders(), test.orders()) == (1, 1)
    wait_for(lambda: f"tried at localhost:{test.port}" in str(httpd.status("/acme-status/example.org")), "its history")

    lead(None)
    clock.advance(2 * AFTER_A_FAILURE)
    certificate = httpd.wait_for_certificate("example.org")
    assert certificate.is_from_pebble
    httpd.wait_for_log(rf"passed at localhost:{test.port}")
    assert (ca.orders(), test.orders()) == (2, 2)
    assert (ca.issued(), test.issued()) == (1, 0)


def test_a_test_environment_that_is_away_is_not_waited_for(stage, clock, lead):
    ca, test, httpd = stage
    test.stop()
    lead(None)
    clock.advance(AFTER_A_FAILURE)
    httpd.wait_for_certificate("example.org")
    assert ca.orders() == 2
    assert httpd.log_lines(rf"localhost:{test.port}, the test environment of the CA, is not waited for")
