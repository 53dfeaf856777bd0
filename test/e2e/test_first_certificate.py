"""From an empty store to a certificate in use, without a restart.

SPDX-License-Identifier: Apache-2.0
"""

import time

import pytest

from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

TWO_NAMES = "ACMEDomain example.org www.example.org\n" + vhost("example.org", "www.example.org")
BY_VHOST = vhost("shop.example.org", "store.example.org", body="  ACMEDomain")
LATER = "ACMEDomain later.example.org\n" + vhost("later.example.org")


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_domains_are_served_without_a_restart(make_ca, make_httpd, mpm):
    httpd = make_httpd(TWO_NAMES + BY_VHOST + STATUS_HANDLER, ca=make_ca(), mpm=mpm, children=4).start()
    wait_for(lambda: len(httpd.serving_pids()) == 4, "all children")
    before = httpd.serving_pids()

    assert httpd.wait_for_certificate("example.org", "www.example.org").names == [
        "example.org",
        "www.example.org",
    ]
    assert httpd.wait_for_certificate("shop.example.org").names == ["shop.example.org", "store.example.org"]
    assert set(before) <= set(httpd.serving_pids())  # prefork may add a spare child
    assert httpd.get("example.org", root=httpd.root_file()).status == 200

    httpd.configure(TWO_NAMES + BY_VHOST + LATER + STATUS_HANDLER)
    httpd.graceful()
    wait_for(lambda: len(httpd.serving_pids()) == 4, "all children of the second generation", 15)
    before = httpd.serving_pids()
    httpd.wait_for_certificate("later.example.org")
    assert set(before) <= set(httpd.serving_pids())  # prefork may add a spare child
    assert httpd.ca.orders() == 3


def test_first_handshake_within_three_seconds(make_ca, make_httpd):
    httpd = make_httpd(TWO_NAMES, ca=make_ca())
    began = time.monotonic()
    httpd.start()
    httpd.wait_for_certificate("example.org")
    assert time.monotonic() - began < 3.0


def test_the_status_handler_tells_it(make_ca, make_httpd):
    httpd = make_httpd(TWO_NAMES + STATUS_HANDLER, ca=make_ca()).start()
    seen = httpd.wait_for_certificate("example.org")
    domain = httpd.domain_status("example.org")
    assert sorted(domain["domains"]) == ["example.org", "www.example.org"]
    assert f"{seen.serial:x}" in str(domain).lower()
    store = str(httpd.store)
    assert store not in httpd.get_plain("localhost", "/acme-status").text


def test_names_are_folded(make_ca, make_httpd):
    httpd = make_httpd("ACMEDomain Example.ORG.\n" + vhost("example.org"), ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")
    assert httpd.handshake("EXAMPLE.org").is_from_pebble


def test_the_placeholder_is_unavailable_until_then(make_ca, make_httpd):
    ca = make_ca(start=False)
    httpd = make_httpd(TWO_NAMES + STATUS_HANDLER, ca=ca).start()
    answer = httpd.get("example.org")
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) > 0
    assert httpd.get("example.org", "/acme-status").status == 200
    assert httpd.get_plain("example.org", "/").status == 200


def test_the_placeholder_may_serve(make_ca, make_httpd):
    httpd = make_httpd("ACMEPlaceholder serve\n" + TWO_NAMES, ca=make_ca(start=False)).start()
    assert httpd.get("example.org").status == 200


def test_a_certificate_of_the_administrator_stays(make_ca, make_httpd, folder):
    from world.ca import make_server_certificate

    own, key = make_server_certificate(folder, ("static.example.org",))
    static = vhost(
        "static.example.org", body=f"  SSLCertificateFile {own}\n  SSLCertificateKeyFile {key}\n"
    )
    httpd = make_httpd(static + TWO_NAMES, ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")
    assert not httpd.handshake("static.example.org").is_from_pebble
    assert httpd.get("static.example.org").status == 200


BLOCKING = {
    "rewrite": ("rewrite", "RewriteEngine on\nRewriteRule ^ https://elsewhere.example.org/ [R=301,L]\n"),
    "redirect": ("alias", "Redirect permanent / https://elsewhere.example.org/\n"),
    "denied": ("authz_core", '<Location "/">\n  Require all denied\n</Location>\n'),
    "proxy": ("proxy proxy_http", "ProxyPass / http://127.0.0.1:1/\n"),
    "cache": ("cache cache_socache", "CacheEnable socache /\nCacheSocache shmcb\nCacheIgnoreCacheControl On\n"),
}


@pytest.mark.parametrize("what", sorted(BLOCKING))
def test_a_challenge_is_answered_before(make_ca, make_httpd, what):
    modules, config = BLOCKING[what]
    plain = "<VirtualHost 127.0.0.1:{http}>\n  ServerName example.org\n" + config + "</VirtualHost>\n"
    extra = [name for name in modules.split() if name not in ("alias", "authz_core")]
    httpd = make_httpd(TWO_NAMES + plain, ca=make_ca(), modules=extra).start()
    httpd.wait_for_certificate("example.org")


def test_tokens_of_others_are_left_to_others(make_ca, make_httpd):
    httpd = make_httpd(TWO_NAMES, ca=make_ca())
    place = httpd.folder / "htdocs" / ".well-known" / "acme-challenge"
    place.mkdir(parents=True)
    (place / "of-another-client").write_text("another client's answer")
    httpd.start()
    path = "/.well-known/acme-challenge/"
    assert httpd.get_plain("example.org", path + "of-another-client").text == "another client's answer"
    httpd.wait_for_certificate("example.org")
    assert httpd.get_plain("example.org", path + "of-another-client").text == "another client's answer"
    assert httpd.get_plain("example.org", path + "nobodys-token").status == 404


def test_answers_are_as_without_the_module(make_ca, make_httpd):
    """A host that is not managed gets no header more or less."""
    own = "<VirtualHost 127.0.0.1:{http}>\n  ServerName plain.example.org\n</VirtualHost>\n"
    httpd = make_httpd(own + TWO_NAMES, ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")
    bare = make_httpd(own, name="bare", acme=False, http_port=None, https_port=None).start()
    with_module, without = httpd.get_plain("plain.example.org"), bare.get_plain("plain.example.org")
    assert set(with_module.headers) == set(without.headers)
    assert with_module.headers.get("upgrade") == without.headers.get("upgrade")


@pytest.mark.parametrize("keys, types", [
    ("P-256", ["EllipticCurve"]),
    ("P-384", ["EllipticCurve"]),
    ("RSA 2048", ["RSA"]),
    ("RSA 2048 P-256", ["EllipticCurve", "RSA"]),
])
def test_key_types(make_ca, make_httpd, keys, types):
    import ssl

    httpd = make_httpd(f"ACMEPrivateKeys {keys}\n" + TWO_NAMES, ca=make_ca()).start()
    httpd.wait_for_certificate("example.org")

    def seen():
        found = set()
        for only in ("RSA", "EC"):
            try:
                shown = httpd.handshake("example.org", version=ssl.TLSVersion.TLSv1_2, only=only)
            except ssl.SSLError:
                continue
            assert shown.is_from_pebble
            found.add(shown.key_type)
        return sorted(found)

    wait_for(lambda: len(seen()) == len(types), f"certificates of {types}")
    assert seen() == types
