"""Certificates with must-staple: asked for where the CA has them, and never put into use live.

SPDX-License-Identifier: Apache-2.0
"""

import subprocess

import pytest
from cryptography import x509

from world.httpd import vhost
from world.processes import Daemon, free_port, wait_for

STAPLING = "SSLStaplingCache shmcb:run/stapling\n"
ON = "ACMEMustStaple on\n"
AGREED = "ACMECertificateAgreement accepted\n"


def has_must_staple(pem):
    certificate = x509.load_pem_x509_certificate(pem)
    return any(isinstance(extension.value, x509.TLSFeature) for extension in certificate.extensions)


def stapling_host(name):
    return vhost(name, body="  SSLUseStapling on\n")


@pytest.fixture
def responder_port():
    return free_port()


@pytest.fixture
def make_responder(folder, responder_port):
    """make_responder(ca, pem): an OCSP responder of the issuer, who says that this certificate is good."""
    made = []

    def make(ca, pem):
        certificate = x509.load_pem_x509_certificate(pem)
        index, issuer, key = (folder / name for name in ("index.txt", "issuer.pem", "issuer.key"))
        index.write_text(
            f"V\t{certificate.not_valid_after:%y%m%d%H%M%SZ}\t\t{certificate.serial_number:X}\tunknown\t/CN=it\n"
        )
        issuer.write_text(ca.management("/intermediates/0"))
        key.write_text(ca.management("/intermediate-keys/0"))
        arguments = ["openssl", "ocsp", "-port", responder_port, "-index", index, "-CA", issuer]
        made.append(Daemon([*arguments, "-rsigner", issuer, "-rkey", key], folder / "ocsp.log"))
        wait_for(lambda: "waiting for OCSP" in made[-1].text(), "the OCSP responder")  # it hangs at a mere look

    yield make
    for responder in made:
        responder.stop()


def stapled(httpd, name):
    """What openssl s_client says of the stapled answer of a handshake."""
    return subprocess.run(
        ["openssl", "s_client", "-status", "-connect", f"127.0.0.1:{httpd.https_port}", "-servername", name],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=10,
    ).stdout


def test_the_restart_staples(make_ca, make_httpd, make_responder, responder_port):
    ca = make_ca(ocspResponderURL=f"http://127.0.0.1:{responder_port}/")
    config = STAPLING + ON + "ACMEDomain example.org\n" + stapling_host("example.org")
    httpd = make_httpd(config, ca=ca).start()
    assert "AH02217" in httpd.wait_for_log("has a placeholder until then")  # mod_ssl's error has been explained
    httpd.wait_for_log("waits for mod_ssl to load it, since it has must-staple", timeout=20)
    make_responder(ca, (httpd.store / "domains" / "example.org" / "pubcert.p-256.pem").read_bytes())
    httpd.graceful()
    httpd.wait_for_certificate("example.org")
    wait_for(lambda: "Cert Status: good" in stapled(httpd, "example.org"), "a stapled answer")


def test_it_waits_for_a_restart(make_ca, make_httpd):
    ca = make_ca()
    config = STAPLING + ON + "ACMEDomain example.org\n" + stapling_host("example.org")
    httpd = make_httpd(config, ca=ca).start()
    assert "ACMEMustStaple" not in httpd.output
    httpd.wait_for_log("waits for mod_ssl to load it, since it has must-staple", timeout=20)
    pem = (httpd.store / "domains" / "example.org" / "pubcert.p-256.pem").read_bytes()
    assert has_must_staple(pem)
    assert httpd.verified("example.org") is None
    httpd.graceful()
    httpd.wait_for_certificate("example.org")
    assert ca.orders() == 1


def test_what_was_written_is_ordered_at_once_and_what_is_served_stays_meanwhile(make_ca, make_httpd):
    ca = make_ca()
    rest = STAPLING + "ACMEDomain example.org\n" + stapling_host("example.org")
    httpd = make_httpd(rest, ca=ca).start()
    first = httpd.wait_for_certificate("example.org")
    httpd.configure(ON + rest)
    httpd.graceful()
    httpd.wait_for_log("its certificate is not as ACMEMustStaple says", timeout=20)
    httpd.wait_for_log("waits for mod_ssl to load it, since it has must-staple", timeout=20)
    assert httpd.verified("example.org").serial == first.serial
    httpd.graceful()
    httpd.wait_for_certificate("example.org", other_than=first.serial)
    assert ca.orders() == 2


def test_lets_encrypt_has_none_any_more(make_httpd):
    config = (
        AGREED + ON + "ACMECertificateAuthority letsencrypt\n"
        "ACMEDomain example.org\nACMEDomain example.net\n" + vhost("example.org") + vhost("example.net")
    )
    httpd = make_httpd(config)
    status, output = httpd.run("-t")
    assert status == 0, output
    assert output.count("the CA letsencrypt does not issue certificates with must-staple any more") == 1
    assert "is not stapled" not in output


def test_quotes_do_not_matter(make_ca, make_httpd):
    config = STAPLING + ON + 'SSLUseStapling "On"\nACMEDomain example.org\n' + vhost("example.org")
    status, output = make_httpd(config, ca=make_ca(start=False)).run("-t")
    assert status == 0 and "ACMEMustStaple" not in output, output


def test_nobody_staples(make_ca, make_httpd):
    httpd = make_httpd(ON + "ACMEDomain example.org\n" + vhost("example.org"), ca=make_ca(start=False))
    status, output = httpd.run("-t")
    assert status == 0, output
    assert "write SSLUseStapling on" in output
