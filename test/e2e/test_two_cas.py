"""Two CAs: the second when the first is away, and the first again when it is back.

SPDX-License-Identifier: Apache-2.0
"""

from world.httpd import vhost

DAY = 24 * 3600


def test_the_second_ca_helps_out(make_ca, make_httpd, folder, clock):
    first, second = make_ca(name="first"), make_ca(name="second")
    both = folder / "both.pem"
    both.write_text(first.certificate_file.read_text() + second.certificate_file.read_text())
    both.chmod(0o644)
    config = (
        f"ACMECertificateAuthority {first.directory_url} {second.directory_url}\n"
        f"ACMECACertificateFile {both}\nACMERetryFailover 2\nACMERetryDelay 1s\n"
        "ACMEDomain example.org\n" + vhost("example.org")
    )
    httpd = make_httpd(config, ca=second, **clock.options())
    first.stop()
    httpd.start()
    by_second = httpd.wait_for_certificate("example.org")
    assert second.orders() == 1
    assert httpd.log_lines(rf"localhost:{second.port} is asked, since localhost:{first.port} failed")

    first.start()
    second.stop()
    httpd.ca = first
    first.write_root()
    clock.advance(63 * DAY)
    httpd.wait_for_certificate("example.org", other_than=by_second.serial, timeout=40)
    assert first.orders() == 1


def test_a_change_of_ca_or_profile_takes_effect_at_once(make_ca, make_httpd):
    profiles = {"classic": {"description": "long", "validityPeriod": 7776000},
                "short": {"description": "short", "validityPeriod": 518400}}
    first, second = make_ca(name="first"), make_ca(name="second", profiles=profiles)
    both = first.folder / "both.pem"
    both.write_text(first.certificate_file.read_text() + second.certificate_file.read_text())
    both.chmod(0o644)
    site = "ACMEDomain example.org\n" + vhost("example.org")
    ca = "ACMECACertificateFile %s\nACMECertificateAuthority %s\n"
    httpd = make_httpd(ca % (both, first.directory_url) + site, ca=first).start()
    by_first = httpd.wait_for_certificate("example.org")
    httpd.configure(ca % (both, second.directory_url) + "ACMEProfile classic\n" + site).graceful()
    httpd.ca = second
    second.write_root()
    by_second = httpd.wait_for_certificate("example.org", other_than=by_first.serial)
    httpd.configure(ca % (both, second.directory_url) + "ACMEProfile short\n" + site).graceful()
    short = httpd.wait_for_certificate("example.org", other_than=by_second.serial)
    assert (short.certificate.not_valid_after - short.certificate.not_valid_before).days <= 6
    assert (first.orders(), second.orders()) == (1, 2)
