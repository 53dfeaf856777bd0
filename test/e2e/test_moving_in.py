"""Certificates that are there already: nothing is ordered before its time.

SPDX-License-Identifier: Apache-2.0
"""

import datetime
import os
import shutil

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from world.ca import make_server_certificate
from world.httpd import vhost
from world.processes import wait_for

DAY = 24 * 3600


def own_files(certificate, key):
    return f"  SSLCertificateFile {certificate}\n  SSLCertificateKeyFile {key}\n"


@pytest.fixture
def obtained(make_ca, make_httpd, folder):
    """(CA, certificate file, key file): what another client got for example.org from the CA."""
    ca = make_ca()
    other = make_httpd("ACMEDomain example.org\n" + vhost("example.org"), name="other", ca=ca).start()
    other.wait_for_certificate("example.org")
    source = other.store / "domains" / "example.org"
    wait_for(lambda: (source / "pubcert.p-256.pem").exists(), "root's copy")
    for name in ("pubcert.p-256.pem", "privkey.p-256.pem"):
        shutil.copy(source / name, folder / name)
    other.stop()
    return ca, folder / "pubcert.p-256.pem", folder / "privkey.p-256.pem"


def test_a_certificate_of_another_client_counts_until_its_day(obtained, make_httpd, clock):
    ca, certificate, key = obtained
    config = "ACMEDomain example.org\n" + vhost("example.org", body=own_files(certificate, key))
    httpd = make_httpd(config, ca=ca, **clock.options()).start()
    first = httpd.verified("example.org")
    wait_for((httpd.store / "staging" / "example.org" / "renewal.json").exists, "the plan for its renewal")
    clock.advance(50 * DAY)
    wait_for(lambda: ca.requests("/draft-ietf-acme-ari-03/renewalInfo"), "the CA asked when to renew")
    assert ca.orders() == 1
    assert httpd.verified("example.org").serial == first.serial
    clock.advance(12 * DAY)
    httpd.wait_for_certificate("example.org", other_than=first.serial)
    assert ca.orders() == 2


def test_a_name_it_lacks_is_no_reason_to_wait(obtained, make_httpd):
    ca, certificate, key = obtained
    config = "ACMEDomain example.org www.example.org\n" + vhost(
        "example.org", "www.example.org", body=own_files(certificate, key)
    )
    httpd = make_httpd(config, ca=ca).start()
    httpd.wait_for_certificate("www.example.org")
    assert httpd.log_lines("is replaced as soon as there is one: .*www.example.org")


def test_a_self_signed_one_does_not_count(make_ca, make_httpd, folder):
    certificate, key = make_server_certificate(folder, ("example.org",))
    config = "ACMEDomain example.org\n" + vhost("example.org", body=own_files(certificate, key))
    httpd = make_httpd(config, ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")
    assert httpd.log_lines("is replaced as soon as there is one: it is self-signed")


def given_files(certificate, key, names="example.org"):
    return (
        f"<ACMEDomain {names}>\n  ACMECertificateFile {certificate}\n"
        f"  ACMECertificateKeyFile {key}\n</ACMEDomain>\n"
    )


def test_a_certificate_given_to_the_domain_is_served_and_counts_until_its_day(obtained, make_httpd, clock):
    ca, certificate, key = obtained
    config = given_files(certificate, key) + vhost("example.org")
    httpd = make_httpd(config, ca=ca, **clock.options()).start()
    first = httpd.verified("example.org")
    assert httpd.get("example.org").status == 200
    wait_for((httpd.store / "staging" / "example.org" / "renewal.json").exists, "the plan for its renewal")
    clock.advance(50 * DAY)
    wait_for(lambda: ca.requests("/draft-ietf-acme-ari-03/renewalInfo"), "the CA asked when to renew")
    assert ca.orders() == 1
    assert httpd.verified("example.org").serial == first.serial
    clock.advance(12 * DAY)
    second = httpd.wait_for_certificate("example.org", other_than=first.serial)
    assert ca.orders() == 2
    httpd.graceful()
    assert httpd.verified("example.org").serial == second.serial


def test_a_self_signed_one_given_to_the_domain_is_served_and_replaced_at_once(make_ca, make_httpd, folder):
    certificate, key = make_server_certificate(folder, ("example.org",))
    ca = make_ca(start=False)
    config = "ACMERetryDelay 1s\n" + given_files(certificate, key) + vhost("example.org")
    httpd = make_httpd(config, ca=ca).start()
    assert httpd.handshake("example.org").names == ["example.org"]
    assert httpd.log_lines("is replaced as soon as there is one: it is self-signed")
    ca.start()
    httpd.wait_for_certificate("example.org")


def test_a_given_one_that_lacks_a_name_is_replaced_at_once(obtained, make_httpd):
    ca, certificate, key = obtained
    names = ("example.org", "www.example.org")
    httpd = make_httpd(given_files(certificate, key, " ".join(names)) + vhost(*names), ca=ca).start()
    httpd.wait_for_certificate("www.example.org")
    assert httpd.log_lines("is replaced as soon as there is one: .*www.example.org")


def test_the_hosts_own_certificate_goes_before_the_one_given_to_the_domain(obtained, make_httpd, folder):
    ca, certificate, key = obtained
    own = own_files(*make_server_certificate(folder, ("example.org",)))
    config = given_files(certificate, key) + vhost("example.org", body=own)
    httpd = make_httpd(config, ca=ca).start()
    httpd.wait_for_certificate("example.org")
    assert ca.orders() == 2
    assert httpd.log_lines("is replaced as soon as there is one: it is self-signed")


def test_a_given_pair_that_does_not_fit_leaves_the_placeholder(obtained, make_httpd, folder):
    ca, certificate, _ = obtained
    _, other_key = make_server_certificate(folder, ("example.org",))
    httpd = make_httpd(given_files(certificate, other_key) + vhost("example.org"), ca=ca).start()
    httpd.wait_for_certificate("example.org")
    assert "is not that of the certificate in" in httpd.output


def issue(issuer_key, name, key):
    now = datetime.datetime.now(datetime.timezone.utc)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Some CA")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=10))
        .not_valid_after(now + datetime.timedelta(days=80))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), False)
        .sign(issuer_key, hashes.SHA256())
        .public_bytes(serialization.Encoding.PEM)
    )


def test_a_thousand_rsa_certificates_stay(make_ca, make_httpd):
    """The default is P-256, but nobody wrote so: what works is not replaced for that."""
    names = [f"site{number}.example.org" for number in range(1000)]
    config = "".join(f"ACMEDomain {name}\n" for name in names) + vhost("host.example.org", "*.example.org")
    ca = make_ca()
    httpd = make_httpd(config, ca=ca, log_level="warn acme:info", many=True)
    issuer_key = ec.generate_private_key(ec.SECP256R1())
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for name in names:
        folder = httpd.store / "domains" / name
        folder.mkdir(parents=True)
        (folder / "pubcert.pem").write_bytes(issue(issuer_key, name, key))
        (folder / "privkey.pem").touch(0o600)
        (folder / "privkey.pem").write_bytes(pem)
    os.chmod(httpd.store / "domains", 0o700)
    httpd.start()
    httpd.wait_for_log("the engine is up")
    for name in (names[0], names[500], names[999]):
        wait_for(lambda name=name: httpd.handshake(name).names == [name], f"{name}'s own certificate", 30)
    assert ca.orders() == 0
    assert httpd.handshake(names[1]).key_type == "RSA"


def test_a_clock_that_is_ahead_makes_no_storm(make_ca, make_httpd, clock):
    """By this clock each new certificate is past its renewal when it is made; it is not renewed at once."""
    clock.advance(70 * DAY)
    ca = make_ca()
    httpd = make_httpd("ACMEDomain example.org\n" + vhost("example.org"), ca=ca, **clock.options()).start()
    httpd.wait_for_certificate("example.org")
    wait_for((httpd.store / "staging" / "example.org" / "renewal.json").exists, "the plan for its renewal")
    clock.advance(DAY)
    wait_for(lambda: ca.requests("/draft-ietf-acme-ari-03/renewalInfo"), "the CA asked when to renew")
    httpd.wait_for_log("suggests to renew")
    assert ca.orders() == 1
