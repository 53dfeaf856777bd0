"""Every challenge type with every kind of key, name and way to it.

SPDX-License-Identifier: Apache-2.0
"""

import re
import socket
import ssl
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509

from world.bind import PRIMARY
from world.httpd import vhost
from world.processes import wait_for
from world.store import Store

KEYS = {"rsa": "RSA 2048", "ec": "P-256", "both": "RSA 2048 P-256"}
CLASSES = {"RSA": "rsa", "EllipticCurve": "ec"}


def sections(names, wildcard=False):
    """One domain for each kind of key."""
    config = ""
    for kind, name in names.items():
        more = f"*.{name}" if wildcard else ""
        config += f"<ACMEDomainSet {name} {more}>\n  ACMEPrivateKeys {KEYS[kind]}\n</ACMEDomainSet>\n"
        config += vhost(name, *more.split())
    return config


def all_served(httpd, names):
    """All certificates there are, and each shown to the client that wants its kind."""
    count = sum(keys.count("RSA") + keys.count("P-") for keys in KEYS.values())
    wait_for(lambda: httpd.ca.issued() == count, "all certificates issued", 30)
    wait_for(lambda: len(httpd.log_lines("new certificate")) == count, "all certificates in the store", 10)
    for kind, name in names.items():
        for only in ("RSA", "EC"):
            if only in KEYS[kind].replace("P-", "EC "):
                seen = httpd.handshake(name, version=ssl.TLSVersion.TLSv1_2, only=only)
                assert seen.is_from_pebble and CLASSES[seen.key_type] == only.lower(), (kind, only)
                yield name, seen
    assert not httpd.ca.authorizations_made_invalid()


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_keys_of_every_kind(make_ca, make_httpd, challenge):
    names = {kind: f"{kind}.example.org" for kind in KEYS}
    httpd = make_httpd(f"ACMECAChallenges {challenge}\n" + sections(names), ca=make_ca()).start()
    for name, seen in all_served(httpd, names):
        assert seen.names == [name]
    assert ("Attempting to validate w/ HTTP" in httpd.ca.text()) == (challenge == "http-01")


def test_keys_of_every_kind_by_dns(make_bind, make_ca, make_httpd):
    bind = make_bind(("zone.example",), lag=1)
    names = {kind: f"{kind}.zone.example" for kind in KEYS}
    common = (
        f"ACMEDnsResolver {PRIMARY}:{bind.port}\nACMEDnsPort {bind.port}\nACMECAChallenges dns-01\n"
        f"ACMEChallengeDns01 rfc2136 server={PRIMARY}:{bind.port} key={bind.key_file}\n"
    )
    httpd = make_httpd(sections(names, wildcard=True), ca=make_ca(dns=bind), common=common).start()
    for name, seen in all_served(httpd, names):
        assert seen.names == sorted([name, f"*.{name}"])
    records = [f"_acme-challenge.{name}" for name in names.values()]
    wait_for(lambda: bind.is_clean(*records), "clean zone", 15)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
def test_a_name_with_an_ipv6_address(make_ca, make_httpd, dns, challenge):
    """Nothing listens at its IPv4 address, so it is IPv6 that the CA came by."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("there is no IPv6 here")
    name = "six.example.org"
    dns.tell("add-a", host=f"{name}.", addresses=["127.9.9.9"])
    dns.tell("add-aaaa", host=f"{name}.", addresses=["::1"])
    try:
        config = f"Listen [::1]:{{http}}\nListen [::1]:{{https}} https\nACMECAChallenges {challenge}\nACMEDomain {name}\n"
        hosts = vhost(name).replace("127.0.0.1:{https}", "127.0.0.1:{https} [::1]:{https}")
        httpd = make_httpd(config + hosts, ca=make_ca()).start()
        assert httpd.wait_for_certificate(name).names == [name]
        assert httpd.ca.orders() == 1
    finally:
        dns.tell("clear-a", host=f"{name}.")
        dns.tell("clear-aaaa", host=f"{name}.")


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
@pytest.mark.parametrize("protocols", ["", "Protocols h2 http/1.1\n"], ids=["none", "h2"])
def test_tls_alpn_in_both_versions_of_tls(make_ca, make_httpd, protocols, version):
    config = f"ACMECAChallenges tls-alpn-01\nSSLProtocol {version}\n{protocols}ACMEDomain example.org\n"
    httpd = make_httpd(config + vhost("example.org"), ca=make_ca(), modules=["http2"]).start()
    assert httpd.wait_for_certificate("example.org").version == version


# ---- answers that are fetched many times


@pytest.fixture
def nobody():
    """A port where connections are taken and nothing is ever said: a CA that looks there waits."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server.getsockname()[1]


def five_at_once(ask):
    with ThreadPoolExecutor(5) as pool:
        return [future.result(20) for future in [pool.submit(ask) for _ in range(5)]]


def test_an_http_answer_five_times_at_once(make_ca, make_httpd, ports, nobody):
    httpd = make_httpd()
    ports["http_port"] = nobody
    httpd.ca = make_ca()
    httpd.configure("ACMECAChallenges http-01\nACMEDomain example.org\n" + vhost("example.org")).start()
    (token,) = wait_for(lambda: Store(httpd.store).names("challenges/http-01"), "a pending challenge")

    def ask():
        return httpd.get_plain("example.org", f"/.well-known/acme-challenge/{token}")

    wait_for(lambda: ask().status == 200, "an answer")
    seen = five_at_once(ask)
    assert {answer.status for answer in seen} == {200}
    assert len({answer.body for answer in seen}) == 1
    assert re.fullmatch(re.escape(token) + r"\.[A-Za-z0-9_-]{43}", seen[0].text)
    assert httpd.get_plain("example.org", "/.well-known/acme-challenge/unknown").status == 404


def challenge_certificate(httpd, name):
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{httpd.https_port}", "-servername", name]
    done = subprocess.run([*command, "-alpn", "acme-tls/1"], input=b"", capture_output=True, timeout=20)
    begin, end = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"
    text = done.stdout[done.stdout.index(begin):done.stdout.index(end) + len(end)]
    return x509.load_pem_x509_certificate(text + b"\n")


def test_a_tls_answer_five_times_at_once(make_ca, make_httpd, ports, nobody):
    httpd = make_httpd()
    ports["https_port"] = nobody
    httpd.ca = make_ca()
    httpd.configure("ACMECAChallenges tls-alpn-01\nACMEDomain example.org\n" + vhost("example.org")).start()
    wait_for(lambda: Store(httpd.store).names("challenges/tls-alpn-01"), "a pending challenge")
    oid = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")
    seen = five_at_once(lambda: challenge_certificate(httpd, "example.org"))
    digests = {certificate.extensions.get_extension_for_oid(oid).value.value for certificate in seen}
    assert len(digests) == 1 and len(digests.pop()) == 34
    for certificate in seen:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        assert list(names) == [x509.DNSName("example.org")]
