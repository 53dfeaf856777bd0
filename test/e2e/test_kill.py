"""kill -9 of whatever works, at moments nobody chose, and an engine that finds the store in use.

SPDX-License-Identifier: Apache-2.0
"""

import os
import random
import signal
import time

import pytest

from world.httpd import vhost
from world.processes import NotInTime, is_alive, send, wait_for
from world.store import Store

SLOW = {"PEBBLE_VA_NOSLEEP": "", "PEBBLE_VA_SLEEPTIME": "2"}
# A server that is dead when the CA comes to validate has failed the validation, and has to wait for ten
# minutes by its own rules.  What is tested here is what it remembers, so the CA takes its word for it.
TRUSTING = {**SLOW, "PEBBLE_VA_ALWAYS_VALID": "1"}


def fifty(stem):
    names = [f"{stem}{number}.example.org" for number in range(50)]
    return names, "".join(f"ACMEDomain {name}\n{vhost(name)}" for name in names)


def kill_engine(httpd):
    holder = Store(httpd.store).lock_holder()
    if holder:
        send(holder, signal.SIGKILL)


def kill_parent(httpd):
    """The children become orphans that keep the port, so they have to go too."""
    os.kill(httpd.parent_pid, signal.SIGKILL)
    for pid in httpd.pids():
        send(pid, signal.SIGKILL)


def kill_all(httpd):
    for pid in httpd.pids():
        send(pid, signal.SIGKILL)


def kill_and_start(httpd, kill):
    """Kills and lets it go on; returns how many domains stood at ORDER meanwhile."""
    kill(httpd)
    if kill is kill_engine:
        wait_for(lambda: Store(httpd.store).lock_holder(), "another child takes over", 15)
        return len(Store(httpd.store).runs_at("ORDER"))
    wait_for(lambda: not httpd.pids(), "end of all processes")
    at_order = len(Store(httpd.store).runs_at("ORDER"))
    httpd.start()
    return at_order


@pytest.mark.parametrize("kill", [kill_engine, kill_parent, kill_all])
def test_killed_while_fifty_orders_run(make_ca, make_httpd, all_of_it, kill):
    dice = random.Random(time.time_ns())
    kills = planned = 20 if all_of_it else 4 if kill is kill_engine else 8
    ca = make_ca(env=TRUSTING)
    httpd = make_httpd("", ca=ca, log_level="warn acme:info", many=True)
    names, config, at_order = [], "", 0
    while kills:
        if ca.issued() >= len(names):
            more, lines = fifty(f"{kill.__name__.replace('_', '-')}-{len(names)}-")
            names += more
            config += lines
            httpd.configure(config)
            if httpd.parent_pid:
                httpd.graceful()
            else:
                httpd.start()
        time.sleep(dice.uniform(0.05, 0.7))
        at_order += kill_and_start(httpd, kill)
        kills -= 1
    wait_for(lambda: ca.issued() >= len(names), "all certificates issued", 60, poll=0.1)
    httpd.wait_for_certificate(*names, timeout=30)
    print(f"{planned} kills, {len(names)} domains, {ca.orders()} orders, {at_order} times at ORDER when killed")
    assert ca.orders() <= len(names) + at_order
    assert len(ca.authorizations_made_valid()) == len(set(ca.authorizations_made_valid()))
    assert not ca.authorizations_made_invalid()
    assert ca.validations_begun() <= ca.orders(), "an authorization was validated twice"


@pytest.mark.root
def test_a_second_server_leaves_the_store_alone(make_ca, make_httpd):
    """Orphans of a killed parent keep port and lock; another server on the store serves and orders nothing."""
    names, config = fifty("orphan")
    ca = make_ca(env=SLOW)
    first = make_httpd(config, ca=ca).start()
    first.wait_for_certificate(names[0], timeout=30)
    parent = first.parent_pid
    os.kill(parent, signal.SIGKILL)
    wait_for(lambda: not is_alive(parent), "end of the parent")
    orphans = first.pids()
    assert orphans
    holder = wait_for(lambda: Store(first.store).lock_holder(), "the lock's holder")
    assert holder in orphans

    second = make_httpd(
        config + "ACMEDomain second.example.org\n" + vhost("second.example.org"),
        name="second",
        ca=ca,
        store=first.store,
        http_port=None,
        https_port=None,
    ).start()
    line = second.wait_for_log(r"another engine|lock")
    assert str(holder) in line
    served = second.wait_for_certificate(names[0], timeout=10)
    assert served.is_from_pebble
    with pytest.raises(NotInTime):
        wait_for(lambda: second.log_lines("second.example.org: ORDER"), "an order", 2)
    first.end_orphans()
    wait_for(lambda: Store(first.store).lock_holder() in second.pids(), "the second server's engine", 30)
    second.wait_for_log("second.example.org: ORDER")
