"""dns-persist-01: a record that stands in a real BIND, found before the CA is told, or shown and waited for.

SPDX-License-Identifier: Apache-2.0
"""

import re
import time

import pytest
from world.bind import PRIMARY
from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for

ZONE = "zone.example"
ISSUER = "pebble.letsencrypt.org"


@pytest.fixture
def world(make_bind, make_ca, make_httpd):
    """world(names, …): name servers, a CA that asks the secondary, an httpd with one domain."""

    def make(names, types="dns-persist-01", common="", **options):
        bind = make_bind((ZONE,), lag=1)
        ca = make_ca(dns=bind)
        first = names.split()[0].replace("*", "www")
        lines = [
            f"ACMEDnsResolver {PRIMARY}:{bind.port}",
            f"ACMEDnsPort {bind.port}",
            f"ACMECAChallenges {types}" if types else "",
            common,
        ]
        config = STATUS_HANDLER + f"ACMEDomain {names}\n" + vhost(first, *names.split())
        return bind, ca, make_httpd(config, ca=ca, common="\n".join(lines), **options).start()

    return make


def record(name):
    return f"_validation-persist.{name}"


def manual(httpd, name):
    return (httpd.domain_status(name) or {}).get("manual")


def wanted(httpd, name):
    """What the status page says is to be set, which the log has said too."""
    entries = wait_for(lambda: manual(httpd, name), "what to set on the status page", 20)
    assert all(entry["type"] == "dns-persist-01" for entry in entries)
    for entry in entries:
        line = f'{entry["name"]}. IN TXT "{entry["value"]}"'
        httpd.wait_for_log(re.escape(line))
        assert len(httpd.log_lines(rf'{re.escape(entry["identifier"])}: dns-persist-01 can be used when .*{re.escape(line)}')) == 1
    return entries


def publish(bind, name, value):
    bind.update(f'update add {record(name)} 1 TXT "{value}"')


def test_the_record_shown_is_the_one_that_works(world):
    bind, ca, httpd = world("www.zone.example")
    entry, = wanted(httpd, "www.zone.example")
    assert entry["identifier"] == "www.zone.example"
    assert entry["name"] == record("www.zone.example")
    assert entry["reason"] == "there is none"
    assert re.fullmatch(rf"{ISSUER}; accounturi=https://\S+", entry["value"])
    publish(bind, "www.zone.example", entry["value"])
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    assert ca.orders() == 1
    assert not ca.authorizations_made_invalid()
    wait_for(lambda: manual(httpd, "www.zone.example") is None, "nothing more to set")
    assert bind.ask(record("www.zone.example"))  # it stands


def test_a_name_and_its_wildcard_by_one_record(world):
    bind, ca, httpd = world("zone.example *.zone.example")
    entries = wait_for(lambda: len(wanted(httpd, "zone.example")) == 2 and wanted(httpd, "zone.example"), "both names")
    value, = {entry["value"] for entry in entries if entry["identifier"].startswith("*.")}
    assert value.endswith("; policy=wildcard")
    publish(bind, "zone.example", value)
    seen = httpd.wait_for_certificate("zone.example", timeout=40)
    assert seen.names == sorted(["zone.example", "*.zone.example"])
    assert not ca.authorizations_made_invalid()


def test_the_policy_of_a_wildcard_is_missed_before_the_ca_misses_it(world):
    bind, ca, httpd = world("*.zone.example")
    entry, = wanted(httpd, "*.zone.example")
    publish(bind, "zone.example", entry["value"].replace("; policy=wildcard", ""))
    httpd.wait_for_log("it lacks policy=wildcard", timeout=40)
    entry, = manual(httpd, "*.zone.example")
    assert "it lacks policy=wildcard" in entry["reason"]
    publish(bind, "zone.example", entry["value"])
    httpd.wait_for_certificate("www.zone.example", timeout=80)
    assert ca.orders() == 1
    assert not ca.authorizations_made_invalid()


def test_records_beside_it_do_not_matter(world):
    bind, ca, httpd = world("www.zone.example")
    entry, = wanted(httpd, "www.zone.example")
    value = entry["value"]
    publish(bind, "www.zone.example", "v=spf1 -all")
    publish(bind, "www.zone.example", "other.example; accounturi=https://other.example/1")
    publish(bind, "www.zone.example", f"{value}/other")
    publish(bind, "www.zone.example", f"{value}; persistUntil=1700000000")
    httpd.wait_for_log("as yet (not all name servers|the one there)", timeout=40)
    publish(bind, "www.zone.example", value)
    httpd.wait_for_certificate("www.zone.example", timeout=80)
    assert not ca.authorizations_made_invalid()


def test_a_restart_goes_on_with_the_wait(world):
    bind, ca, httpd = world("www.zone.example")
    entry, = wanted(httpd, "www.zone.example")
    httpd.graceful()
    publish(bind, "www.zone.example", entry["value"])
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    assert ca.orders() == 1
    assert len(httpd.log_lines("as yet there is none")) == 1


def test_an_end_that_is_near_is_warned_of(world):
    bind, ca, httpd = world("www.zone.example")
    entry, = wanted(httpd, "www.zone.example")
    until = int(time.time()) + 10 * 86400
    publish(bind, "www.zone.example", f'{entry["value"]}; persistUntil={until}')
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    httpd.wait_for_log(r"ends in \d+ days, at .*; give it a later persistUntil")
    standing, = httpd.domain_status("www.zone.example")["standing"]
    assert standing["value"].endswith(f"; persistUntil={until}")
    assert "give it a later persistUntil" in standing["warning"]


def test_the_next_type_is_used_where_there_is_none(world):
    bind, ca, httpd = world("www.zone.example", types="dns-persist-01 http-01")
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    entry, = wanted(httpd, "www.zone.example")  # it is liked better, so it is still told
    assert entry["reason"] == "there is none"


def test_it_is_not_looked_for_where_others_work(world):
    bind, ca, httpd = world("www.zone.example", types=None)
    httpd.wait_for_certificate("www.zone.example", timeout=40)
    assert manual(httpd, "www.zone.example") is None
    assert not httpd.log_lines("dns-persist-01")

