"""Another challenge type when one fails, by itself and name by name; nobody waits for the ten minutes in between.

SPDX-License-Identifier: Apache-2.0
"""

import pytest

from world.bind import PRIMARY
from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

# where the CA is sent to: addresses at which only one of the two ports is open
TLS_ONLY = "127.0.1.1"
HTTP_ONLY = "127.0.1.2"
LISTEN = f"Listen {TLS_ONLY}:{{https}} https\nListen {HTTP_ONLY}:{{http}}\n"

AFTER_A_FAILURE = 13 * 60  # ten minutes, a fifth more by chance, and some


def host(*names):
    return vhost(*names).replace("127.0.0.1:{https}", "*:{https}")


@pytest.fixture
def lead(dns):
    """lead(name, address): from now on the CA looks there."""
    led = set()

    def lead_to(name, address):
        dns.tell("clear-a", host=f"{name}.")
        dns.tell("add-a", host=f"{name}.", addresses=[address])
        led.add(name)

    yield lead_to
    for name in led:
        dns.tell("clear-a", host=f"{name}.")


def tried(httpd, domain, name):
    """The types by which the CA was told to validate a name of the domain, in their order."""
    renewal = httpd.status(f"/acme-status/{domain}").get("renewal", {})
    told = f"{name}: told the CA to validate by "
    details = [entry["detail"] for entry in reversed(renewal.get("log", {}).get("entries", []))]
    return [detail[len(told):] for detail in details if detail.startswith(told)]


def wait_for_tries(httpd, domain, name, *types):
    """The history is written when all is done, after the certificate is in use."""
    try:
        wait_for(lambda: tried(httpd, domain, name) == list(types), "the end of the order", 5)
    except AssertionError:
        assert tried(httpd, domain, name) == list(types)


def test_the_next_attempt_takes_the_other_way(make_ca, make_httpd, clock, lead):
    """http-01 blocked: tls-alpn-01. Later tls-alpn-01 blocked: http-01. With nothing configured, across a restart."""
    lead("moves.example.org", TLS_ONLY)
    config = LISTEN + STATUS_HANDLER + "ACMEDomain moves.example.org"
    httpd = make_httpd(config + "\n" + host("moves.example.org"), ca=make_ca(), **clock.options()).start()
    line = httpd.wait_for_log(r"moves\.example\.org: the CA could not validate")
    assert "by http-01" in line and TLS_ONLY in line
    assert httpd.ca.orders() == 1
    clock.advance(AFTER_A_FAILURE)
    httpd.wait_for_certificate("moves.example.org")
    wait_for_tries(httpd, "moves.example.org", "moves.example.org", "http-01", "tls-alpn-01")

    httpd.stop()
    lead("moves.example.org", HTTP_ONLY)
    httpd.configure(config + " more.example.org\n" + host("moves.example.org", "more.example.org"))
    before = httpd.log_size()
    httpd.start()
    line = httpd.wait_for_log(r"moves\.example\.org: the CA could not validate", since=before)
    assert "by tls-alpn-01" in line and HTTP_ONLY in line
    clock.advance(AFTER_A_FAILURE)
    httpd.wait_for_certificate("more.example.org")
    wait_for_tries(
        httpd, "moves.example.org", "moves.example.org", "http-01", "tls-alpn-01", "tls-alpn-01", "http-01"
    )
    assert httpd.ca.orders() == 4


def test_each_name_of_a_certificate_by_its_own_type(make_ca, make_httpd, clock, lead):
    lead("plain.example.org", HTTP_ONLY)
    lead("secure.example.org", TLS_ONLY)
    names = ("plain.example.org", "secure.example.org")
    config = LISTEN + STATUS_HANDLER + f"ACMEDomain {' '.join(names)}\n"
    httpd = make_httpd(config + host(*names), ca=make_ca(), **clock.options()).start()
    httpd.wait_for_log(r"the CA could not validate secure\.example\.org by http-01")
    clock.advance(AFTER_A_FAILURE)
    assert httpd.wait_for_certificate("secure.example.org").names == sorted(names)
    assert httpd.ca.orders() == 2
    wait_for_tries(httpd, names[0], names[0], "http-01", "http-01")
    wait_for_tries(httpd, names[0], names[1], "http-01", "tls-alpn-01")


def dns_common(bind, way):
    return (
        f"ACMEDnsResolver {PRIMARY}:{bind.port}\nACMEDnsPort {bind.port}\nACMEDns01Wait timeout=30s\n"
        f"ACMEChallengeDns01 {way}\n"
    )


def test_a_wildcard_by_dns_beside_a_name_by_http(make_bind, make_ca, make_httpd):
    """ACMECAChallenges in the order of preference: what can be proved without DNS is."""
    bind = make_bind(("zone.example",), lag=1)
    names = ("www.zone.example", "*.sub.zone.example")
    way = f"rfc2136 server={PRIMARY}:{bind.port} key={bind.key_file}"
    config = f"ACMECAChallenges http-01 dns-01\nACMEDomain {' '.join(names)}\n"
    httpd = make_httpd(config + vhost(*names), ca=make_ca(dns=bind), common=dns_common(bind, way)).start()
    assert httpd.wait_for_certificate("www.zone.example", "any.sub.zone.example").names == sorted(names)
    assert bind.added("_acme-challenge.sub.zone.example") == 1
    assert bind.added("_acme-challenge.www.zone.example") == 0
    assert httpd.ca.orders() == 1
    wait_for(lambda: bind.is_clean("_acme-challenge.sub.zone.example"), "clean zone", 15)


HOOK = """#!/bin/sh
case $2 in
*.zone.example | zone.example) ;;
*) echo "$2 is in no zone of mine"; exit 1 ;;
esac
[ "$1" = setup ] && verb=add || verb=delete
nsupdate <<END
server {primary} {port}
key {key}
update $verb _acme-challenge.$2 1 TXT $3
send
END
"""


def test_a_name_whose_zone_is_not_ours_by_http_the_next_time(make_bind, make_ca, make_httpd, clock, folder):
    """A wildcard lets all names be tried by dns-01 first; the program says no to one of them."""
    bind = make_bind(("zone.example", "other.example"), lag=1)
    hook = folder / "hook"
    hook.write_text(HOOK.format(primary=PRIMARY, port=bind.port, key=bind.nsupdate_key()))
    hook.chmod(0o755)
    names = ("www.other.example", "*.zone.example")
    httpd = make_httpd(
        f"ACMEDomain {' '.join(names)}\n" + vhost(*names),
        ca=make_ca(dns=bind), common=dns_common(bind, f"exec version=2 {hook}"), **clock.options(),
    ).start()
    httpd.wait_for_log(r"www\.other\.example could not be set.*in no zone of mine")
    clock.advance(AFTER_A_FAILURE)
    assert httpd.wait_for_certificate("www.other.example", "any.zone.example").names == sorted(names)
    assert not httpd.ca.authorizations_made_invalid()
    wait_for(lambda: bind.is_clean("_acme-challenge.zone.example"), "clean zone", 15)
