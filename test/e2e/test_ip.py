"""Certificates for addresses (RFC 8738): proved by both ways, and served where no name is told.

SPDX-License-Identifier: Apache-2.0
"""

import ipaddress
import socket

import pytest
from cryptography import x509

from world.ca import make_server_certificate
from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

V6 = "Listen [::1]:{http}\nListen [::1]:{https} https\n"
ADDRESSES = {"IPv4": ("127.0.0.1", "127.0.0.1", ""), "IPv6": ("::1", "[::1]", V6)}


@pytest.fixture(params=sorted(ADDRESSES))
def address(request):
    """(address, as a virtual host is written, configuration that listens there)"""
    if request.param == "IPv6":
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("there is no IPv6 here")
    return ADDRESSES[request.param]


def nameless(written):
    return f"<VirtualHost {written}:{{https}}>\n  SSLEngine on\n</VirtualHost>\n"


def addresses_of(certificate):
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(address) for address in names.get_values_for_type(x509.IPAddress)]


def wait_for_address(httpd, address):
    def look():
        shown = httpd.verified(None, address=address)
        return shown if shown and addresses_of(shown.certificate) == [str(ipaddress.ip_address(address))] else None

    return wait_for(look, f"a certificate for {address} where no name is told", 20)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_an_address_gets_its_certificate(make_ca, make_httpd, address, challenge):
    plain, written, listen = address
    config = listen + f"ACMECAChallenges {challenge}\nACMEDomain {plain}\n" + nameless(written)
    httpd = make_httpd(config + STATUS_HANDLER, ca=make_ca()).start()
    shown = wait_for_address(httpd, plain)
    assert shown.names == []
    assert httpd.domain_status(plain)
    assert ("Attempting to validate w/ HTTP" in httpd.ca.text()) == (challenge == "http-01")


@pytest.mark.parametrize("keys", ["RSA 2048", "P-256", "RSA 2048 P-256"])
def test_key_types(make_ca, make_httpd, keys):
    config = f"ACMECAChallenges tls-alpn-01\nACMEPrivateKeys {keys}\nACMEDomain 127.0.0.1\n"
    httpd = make_httpd(config + nameless("127.0.0.1"), ca=make_ca()).start()
    wait_for(lambda: httpd.ca.issued() == keys.count("RSA") + keys.count("P-"), "all certificates", 30)
    wait_for_address(httpd, "127.0.0.1")


def test_names_and_addresses_of_one_host(make_ca, make_httpd):
    """With SNI the name's certificate, without it that of the address, from one host for all addresses."""
    hosts = "<VirtualHost *:{https}>\n  ServerName example.org\n  SSLEngine on\n</VirtualHost>\n"
    httpd = make_httpd("ACMEDomain example.org\nACMEDomain 127.0.0.1\n" + hosts, ca=make_ca()).start()
    assert httpd.wait_for_certificate("example.org").names == ["example.org"]
    wait_for_address(httpd, "127.0.0.1")
    assert httpd.handshake("example.org").names == ["example.org"]
    assert httpd.get("127.0.0.1").status == 200


def test_a_name_and_an_address_in_one_certificate(make_ca, make_httpd):
    httpd = make_httpd("ACMEDomain example.org 127.0.0.1\n" + vhost("example.org"), ca=make_ca()).start()
    shown = httpd.wait_for_certificate("example.org")
    assert shown.names == ["example.org"] and addresses_of(shown.certificate) == ["127.0.0.1"]
    assert wait_for_address(httpd, "127.0.0.1").serial == shown.serial


def test_a_host_with_a_certificate_of_its_own_keeps_it(make_ca, make_httpd, folder):
    """Its name is nobody's, its address has a domain: only who tells no name sees that one's certificate."""
    certificate, key = make_server_certificate(folder, ("own.example.org",))
    own = f"  SSLCertificateFile {certificate}\n  SSLCertificateKeyFile {key}\n"
    httpd = make_httpd("ACMEDomain 127.0.0.1\n" + vhost("own.example.org", body=own), ca=make_ca()).start()
    wait_for_address(httpd, "127.0.0.1")
    assert httpd.handshake("own.example.org").names == ["own.example.org"]
    assert httpd.handshake("unknown.example.org").names == ["own.example.org"]


def test_it_is_served_after_a_restart(make_ca, make_httpd):
    httpd = make_httpd("ACMEDomain 127.0.0.1\n" + nameless("127.0.0.1"), ca=make_ca()).start()
    serial = wait_for_address(httpd, "127.0.0.1").serial
    wait_for(lambda: (httpd.store / "domains" / "127.0.0.1").exists(), "root's copy", 20)
    httpd.stop()
    httpd.start()
    assert wait_for_address(httpd, "127.0.0.1").serial == serial
    assert httpd.ca.orders() == 1
