"""A domain is its set of names, not its first.

SPDX-License-Identifier: Apache-2.0
"""

from world.httpd import vhost


def test_a_renamed_domain_keeps_its_certificate(make_ca, make_httpd):
    ca = make_ca()
    site = vhost("a.example.org", "b.example.org")
    httpd = make_httpd("ACMEDomain a.example.org b.example.org\n" + site, ca=ca).start()
    serial = httpd.wait_for_certificate("a.example.org").serial
    httpd.configure("ACMEDomain b.example.org a.example.org\n" + site)
    httpd.graceful()
    for name in ("a.example.org", "b.example.org"):
        assert httpd.wait_for_certificate(name).serial == serial
    httpd.wait_for_log("takes the certificate over")
    assert ca.orders() == 1
    assert httpd.store.joinpath("domains", "b.example.org", "pubcert.p-256.pem").exists()
