"""dns-01 with a real BIND: set, seen by all, told, removed; also when something dies in the middle.

SPDX-License-Identifier: Apache-2.0
"""

import re
import signal
import subprocess

import pytest

from world.bind import PRIMARY, SECONDARY, find_program
from world.httpd import STATUS_HANDLER, vhost
from world.processes import send, wait_for
from world.store import Store

ZONE = "zone.example"
OTHER = "acme.example"


@pytest.fixture
def world(make_bind, make_ca, make_httpd):
    """world(config, …): name servers, a CA that asks the secondary, and an httpd with dns-01 only."""

    def make(config, way=None, lag=3, wait="timeout=60s", common="", **options):
        bind = make_bind((ZONE, OTHER), lag=lag)
        ca = make_ca(dns=bind)
        way = way or f"rfc2136 server={PRIMARY}:{bind.port} key={bind.key_file}"
        lines = [
            f"ACMEDnsResolver {PRIMARY}:{bind.port}",
            f"ACMEDnsPort {bind.port}",
            f"ACMEChallengeDns01 {way}",
            f"ACMEDns01Wait {wait}",
            "ACMECAChallenges dns-01",
            common,
        ]
        httpd = make_httpd(STATUS_HANDLER + config, ca=ca, common="\n".join(lines), **options)
        return bind, ca, httpd

    return make


def challenge(name):
    return f"_acme-challenge.{name}"


def clean(bind, *names):
    return wait_for(lambda: bind.is_clean(*map(challenge, names)), "clean zones", 15)


def test_the_ca_is_told_when_both_show_it(world):
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"))
    httpd.start()
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    assert ca.orders() == 1
    assert not ca.authorizations_made_invalid()
    assert httpd.log_lines(r"waiting for the TXT record _acme-challenge\.www\.zone\.example: ns2.* lacks it")
    assert bind.added(challenge("www.zone.example")) == 1
    clean(bind, "www.zone.example")


def test_a_cname_into_another_zone_is_followed(world):
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"))
    bind.update(f"update add {challenge('www.zone.example')} 1 CNAME www.acme.example")
    wait_for(lambda: bind.ask(challenge("www.zone.example"), "CNAME", SECONDARY), "CNAME at the secondary", 15)
    httpd.start()
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    assert ca.orders() == 1
    assert bind.added("www.acme.example") == 1
    wait_for(lambda: bind.is_clean("www.acme.example"), "clean zones", 15)
    assert bind.ask(challenge("www.zone.example"), "CNAME") == ["www.acme.example"]


def test_a_wildcard_alone(world):
    bind, ca, httpd = world("ACMEDomain *.zone.example\n" + vhost("a.zone.example", "*.zone.example"))
    httpd.start()
    seen = httpd.wait_for_certificate("a.zone.example", "whatever.zone.example", timeout=40)
    assert seen.names == sorted(["*.zone.example"])
    wait_for((httpd.store / "domains" / "_wildcard.zone.example").exists, "root's copy")
    clean(bind, "zone.example")


def test_name_and_wildcard_and_others_in_one_certificate(world):
    bind, ca, httpd = world(
        "ACMEDomain zone.example *.zone.example a.b.zone.example\n"
        + vhost("zone.example", "*.zone.example", "a.b.zone.example")
    )
    httpd.start()
    seen = httpd.wait_for_certificate("zone.example", timeout=40)
    assert seen.names == sorted(["zone.example", "*.zone.example", "a.b.zone.example"])
    assert ca.orders() == 1
    assert bind.added(challenge("zone.example")) == 2  # side by side
    clean(bind, "zone.example", "a.b.zone.example")


def test_killed_in_the_wait(world):
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"))
    bind.stop(SECONDARY)
    httpd.start()
    httpd.wait_for_log(r"waiting for the TXT record", timeout=40)
    for pid in httpd.pids():
        send(pid, signal.SIGKILL)
    wait_for(lambda: not httpd.pids(), "end of httpd")
    assert bind.ask(challenge("www.zone.example"))
    bind.start(SECONDARY)
    httpd.start()
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    assert ca.orders() == 1
    assert bind.added(challenge("www.zone.example")) == 1  # it was there, and known to be
    clean(bind, "www.zone.example")


@pytest.mark.parametrize(
    "moment", ["is adding the TXT record", "PUBLISH -> RESPOND", "FINALIZE -> POLL", "is removing the TXT record"]
)
def test_killed_anywhere_the_zone_is_clean_in_the_end(world, moment):
    bind, ca, httpd = world("ACMEDomain zone.example *.zone.example\n" + vhost("zone.example", "*.zone.example"), lag=1)
    httpd.start()
    httpd.wait_for_log(moment, timeout=40)
    for pid in httpd.pids():
        send(pid, signal.SIGKILL)
    wait_for(lambda: not httpd.pids(), "end of httpd")
    httpd.start()
    httpd.wait_for_certificate("zone.example", timeout=40)
    assert ca.orders() == 1
    clean(bind, "zone.example")
    wait_for(lambda: not Store(httpd.store).names("challenges/dns-01"), "no records of proofs", 15)


def test_a_way_that_is_gone_is_told(world):
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"))
    bind.stop(SECONDARY)
    httpd.start()
    httpd.wait_for_log(r"waiting for the TXT record", timeout=40)
    httpd.stop()
    text = httpd.config_file.read_text()
    httpd.config_file.write_text(
        "\n".join(line for line in text.splitlines() if not line.startswith(("ACMEChallengeDns01", "ACMECAChallenges")))
    )
    httpd.start()
    httpd.wait_for_log(r"the TXT record _acme-challenge\.www\.zone\.example with the value .* may be left behind")


def test_restarted_in_the_wait(world):
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"))
    bind.stop(SECONDARY)
    httpd.start()
    httpd.wait_for_log(r"waiting for the TXT record", timeout=40)
    httpd.graceful()
    bind.start(SECONDARY)
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    assert ca.orders() == 1
    assert bind.added(challenge("www.zone.example")) == 1
    clean(bind, "www.zone.example")


def test_who_lacks_it_at_the_limit_is_named(world):
    bind, ca, httpd = world(
        "ACMEDomain www.zone.example\n" + vhost("www.zone.example"), lag=3600, wait="timeout=4s"
    )
    httpd.start()
    line = httpd.wait_for_log(r"is not shown by all name servers", timeout=30)
    assert "ns2.zone.example (127.0.0.3) lacks it" in line
    assert not ca.authorizations_made_invalid() and not ca.authorizations_made_valid()
    wait_for(lambda: not bind.ask(challenge("www.zone.example")), "clean zone", 15)


HOOK = """#!/bin/sh
# usage: hook setup|teardown DOMAIN VALUE
verb=add
[ "$1" = setup ] || verb=delete
echo "server {primary} {port}
update $verb _acme-challenge.$2 1 TXT $3
send" | nsupdate -k {key}
"""


def test_mod_mds_value_works_as_it_is(world, folder):
    hook = folder / "hook"
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"), way=f"{hook}")
    bind.key_file.chmod(0o644)
    hook.write_text(HOOK.format(primary=PRIMARY, port=bind.port, key=bind.key_file))
    hook.chmod(0o755)
    httpd.start()
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    clean(bind, "www.zone.example")


def test_by_hand(world):
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"), way="manual")
    httpd.start()
    name = challenge("www.zone.example")
    httpd.wait_for_log(rf"waiting for the TXT record {name}", timeout=30)
    value = wait_for(lambda: values_in(httpd, name), "the value in the log")
    shown = httpd.domain_status("www.zone.example")["manual"]
    assert shown == [{"type": "dns-01", "identifier": "www.zone.example", "name": name, "value": value}]
    bind.update(f"update add {name} 1 TXT {value}")
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    wait_for(lambda: "manual" not in httpd.domain_status("www.zone.example"), "nothing more to set")


def values_in(httpd, name):
    for line in httpd.log_lines(re.escape(name)):
        found = re.search(r"\b([A-Za-z0-9_-]{43})\b", line.replace(name, ""))
        if found:
            return found.group(1)
    return None


def test_an_exposed_key_is_told(world):
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"))
    bind.key_file.chmod(0o644)
    httpd.start()
    httpd.wait_for_log(rf"{bind.key_file} can be read by others than root")


def test_nsupdate_without_the_right_key_is_told(world, folder):
    wrong = folder / "wrong.key"
    key = subprocess.run(
        [find_program("tsig-keygen"), "-a", "hmac-sha256", "acme-key"], capture_output=True, text=True, check=True
    )
    wrong.write_text(key.stdout)
    wrong.chmod(0o600)
    bind, ca, httpd = world("ACMEDomain www.zone.example\n" + vhost("www.zone.example"))
    text = httpd.config_file.read_text().replace(str(bind.key_file), str(wrong))
    httpd.config_file.write_text(text)
    httpd.start()
    httpd.wait_for_log(r"the TXT record _acme-challenge\.www\.zone\.example could not be set", timeout=30)
    assert not ca.authorizations_made_invalid()
