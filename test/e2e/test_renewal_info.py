"""Renewal at the moment the CA suggests (RFC 9773), and what is ordered then.

SPDX-License-Identifier: Apache-2.0
"""

import datetime
import json
import ssl
import subprocess
import urllib.request

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from world import tls
from world.httpd import vhost
from world.processes import wait_for

HOUR = 3600
SITE = "<Location /acme-status>\n  SetHandler acme-status\n</Location>\nACMEDomain example.org\n" + vhost("example.org")


def suggest(ca, certificate, clock, begin, end, why=None):
    """The CA suggests a window from now (as httpd's clock has it) + begin to now + end."""
    now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=clock.offset)
    window = {
        name: (now + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for name, seconds in (("start", begin), ("end", end))
    }
    answer = {"suggestedWindow": window}
    if why:
        answer["explanationURL"] = why
    body = {
        "Certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
        "ARIResponse": json.dumps(answer),
    }
    request = urllib.request.Request(
        f"https://localhost:{ca.management_port}/set-renewal-info/", data=json.dumps(body).encode()
    )
    context = ssl.create_default_context(cafile=str(ca.certificate_file))
    assert urllib.request.urlopen(request, context=context, timeout=5).status == 200
    return window


def obtain(httpd):
    """The first certificate, when it is planned as well when the CA is asked about it."""
    found = httpd.wait_for_certificate("example.org")
    wait_for((httpd.store / "staging" / "example.org" / "renewal.json").exists, "the plan for its renewal")
    return found


def info(httpd):
    certificate = httpd.domain_status("example.org")["cert"]["p-256"]
    return certificate.get("renewal-info")


def test_a_window_is_asked_for_kept_moved_and_obeyed(make_ca, make_httpd, clock):
    """An hour after issuance the window is known; moved, it is seen at the next poll and obeyed, with
    restarts in between that ask nothing and keep the moment."""
    ca = make_ca()
    httpd = make_httpd(SITE, ca=ca, **clock.options()).start()
    first = obtain(httpd)
    clock.advance(HOUR + 120)
    known = wait_for(lambda: info(httpd), "the CA's window on the status page")
    polls = ca.requests("/draft-ietf-acme-ari-03/renewalInfo")
    assert polls == 1, ca.text()
    before = httpd.log_size()
    httpd.graceful()
    httpd.wait_for_log("the engine is up", since=before)
    assert info(httpd) == known
    assert httpd.domain_status("example.org")["renew-at"] == known["renew-at"]

    window = suggest(ca, first.certificate, clock, 7 * HOUR, 7 * HOUR + 1, "https://ca.example/why")
    clock.advance(6 * HOUR + 40 * 60)
    wait_for(lambda: info(httpd)["window"]["from"] == window["start"], "the window that moved")
    assert httpd.log_lines(r"suggests to renew.*https://ca\.example/why")
    httpd.stop()
    httpd.start()
    assert info(httpd)["window"]["from"] == window["start"]
    assert httpd.verified("example.org").serial == first.serial
    polls = ca.requests("/draft-ietf-acme-ari-03/renewalInfo")
    assert polls == 2, ca.text()

    clock.advance(21 * 60)
    httpd.wait_for_certificate("example.org", other_than=first.serial)
    assert ca.orders() == 2


def test_the_ca_is_told_what_is_replaced(make_ca, make_httpd, clock):
    ca = make_ca()
    httpd = make_httpd(SITE, ca=ca, **clock.options()).start()
    first = obtain(httpd)
    assert "is a replacement of" not in ca.text()
    suggest(ca, first.certificate, clock, -2 * HOUR, -HOUR)
    clock.advance(HOUR + 120)
    httpd.wait_for_certificate("example.org", other_than=first.serial)
    ca.wait_for_log("ARI: order .* is a replacement of")
    ca.wait_for_log("has been marked as replaced")


def test_what_was_replaced_already_is_ordered_all_the_same(make_ca, make_httpd, clock, folder):
    """A second server begins with a copy of the store from before the renewal; the CA refuses its
    replacement, and it gets its certificate without that word."""
    ca = make_ca()
    httpd = make_httpd(SITE, ca=ca, **clock.options()).start()
    first = obtain(httpd)
    suggest(ca, first.certificate, clock, -2 * HOUR, -HOUR)
    httpd.stop()
    subprocess.run(["cp", "-a", httpd.store, folder / "copy"], check=True)
    clock.advance(HOUR + 120)
    httpd.start()
    httpd.wait_for_certificate("example.org", other_than=first.serial)
    ca.wait_for_log("has been marked as replaced")
    httpd.stop()

    other = make_httpd(SITE, name="other", ca=ca, store=folder / "copy", **clock.options()).start()
    other.wait_for_certificate("example.org", other_than=first.serial)
    assert other.log_lines("ordered without saying which certificate it replaces")
    assert ca.orders() == 3


def test_without_renewal_info_nothing_is_asked_and_nothing_replaced(make_ca, make_httpd, clock):
    ca = make_ca()
    httpd = make_httpd("ACMERenewViaARI off\n" + SITE, ca=ca, **clock.options()).start()
    first = httpd.wait_for_certificate("example.org")
    suggest(ca, first.certificate, clock, -2 * HOUR, -HOUR)
    clock.advance(62 * 24 * HOUR)
    httpd.wait_for_certificate("example.org", other_than=first.serial)
    assert ca.requests("/draft-ietf-acme-ari-03/renewalInfo") == 0
    assert "is a replacement of" not in ca.text()


PROFILES = {
    "classic": {"description": "ninety days", "validityPeriod": 7776000},
    "shortlived": {"description": "six days", "validityPeriod": 518400},
}


def lifetime(handshake):
    certificate = handshake.certificate
    return certificate.not_valid_after - certificate.not_valid_before


@pytest.mark.parametrize("name,days", [("classic", 90), ("ShortLived", 6)])
def test_a_profile_is_ordered(make_ca, make_httpd, name, days):
    ca = make_ca(profiles=PROFILES)
    httpd = make_httpd(f"ACMEProfile {name}\n{SITE}", ca=ca).start()
    found = httpd.wait_for_certificate("example.org")
    assert round(lifetime(found).total_seconds() / 86400) == days
    assert httpd.domain_status("example.org")["cert"]["p-256"]["profile"] == name


def test_a_profile_that_is_not_offered(make_ca, make_httpd):
    """Without it there is a warning, and where it is mandatory nothing is ordered."""
    ca = make_ca(profiles=PROFILES)
    config = (
        "ACMEProfile tiny\n" + SITE
        + "<ACMEDomain strict.example.org>\n  ACMEProfileMandatory on\n</ACMEDomain>\n" + vhost("strict.example.org")
    )
    httpd = make_httpd(config, ca=ca).start()
    httpd.wait_for_certificate("example.org")
    httpd.wait_for_log(r"acme:error.*strict\.example\.org.*no profile tiny \(it offers classic, shortlived\)")
    assert httpd.log_lines(r"acme:warn.* example\.org: .*no profile tiny \(it offers classic, shortlived\)")
    assert ca.orders() == 1


def root_name(ca, number):
    root = x509.load_pem_x509_certificate(ca.management(f"/roots/{number}").encode())
    return root.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value


def test_the_preferred_chain_is_served(make_ca, make_httpd):
    """Of three chains the CA offers, the one up to the issuer that is named; else the first."""
    ca = make_ca(env={"PEBBLE_ALTERNATE_ROOTS": "2", "PEBBLE_CHAIN_LENGTH": "2"})
    config = (
        f'<ACMEDomain example.org>\n  ACMEPreferredChain "{root_name(ca, 2)}"\n</ACMEDomain>\n' + vhost("example.org")
        + '<ACMEDomain other.example.org>\n  ACMEPreferredChain "No Such Root"\n</ACMEDomain>\n'
        + vhost("other.example.org")
    )
    httpd = make_httpd(config, ca=ca).start()
    last = ca.folder / "root2.pem"
    last.write_text(ca.management("/roots/2"))
    wait_for(lambda: tls.handshake(httpd.https_port, "example.org", root=last), "a chain up to the third root")
    httpd.wait_for_certificate("other.example.org")
    assert httpd.log_lines(r'other\.example\.org: .* offers no chain up to "No Such Root"')
