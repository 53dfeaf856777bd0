"""What a CA allows is planned with: nobody is refused, first things come first, and all are told.

SPDX-License-Identifier: Apache-2.0
"""

from test_many import all_in_use, many
from world.httpd import vhost
from world.processes import wait_for

STATUS = "<Location /acme-status>\n  SetHandler acme-status\n</Location>\n"
HOUR = 3600


def test_orders_wait_for_their_turn(make_ca, make_httpd, clock):
    """25 domains where 20 orders an hour are allowed: 18 begin, for a tenth is kept for names that come with
    a reload; these need not wait; an hour later all have been ordered."""
    names, config = many(25)
    config = "ACMERateLimits orders=20/1h\n" + STATUS + config
    ca = make_ca()
    httpd = make_httpd(config, ca=ca, **clock.options()).start()
    line = httpd.wait_for_log(r"7 of 25 domains wait for their turn, so that its limits are kept")
    assert "notice" in line and "all will have been ordered about 20" in line
    wait_for(lambda: ca.issued() == 18, "18 certificates")
    waiting = httpd.status()["waiting"]
    assert (waiting["count"], waiting["of"]) == (7, 25)
    assert waiting["text"] == f"7 of 25 waiting, done about {waiting['until'][:10]}"
    httpd.configure(config + f"ACMEDomain urgent.example.org\n{vhost('urgent.example.org')}")
    httpd.graceful()
    httpd.wait_for_certificate("urgent.example.org")
    assert ca.orders() == 19
    clock.advance(HOUR)
    all_in_use(httpd, names, 30)
    assert ca.orders() == 26
    clock.advance(120)
    wait_for(lambda: "waiting" not in httpd.status(), "that nobody waits")
    assert httpd.log_lines("no domain waits for its turn any more")


def test_a_full_registered_domain_is_in_nobodys_way(make_ca, make_httpd):
    names, config = many(8)
    others = "".join(f"ACMEDomain www.other{i}.net\n{vhost(f'www.other{i}.net')}" for i in range(3))
    ca = make_ca()
    httpd = make_httpd("ACMERateLimits domain=5/7d\n" + STATUS + config + others, ca=ca).start()
    for i in range(3):
        httpd.wait_for_certificate(f"www.other{i}.net")
    httpd.wait_for_log(r"3 of 11 domains wait for their turn")
    wait_for(lambda: ca.issued() == 8, "eight certificates")
    assert httpd.status()["waiting"]["count"] == 3
    assert httpd.verified(names[0])
    before = httpd.log_size()
    httpd.graceful()
    httpd.wait_for_log("3 of 11 domains wait for their turn", since=before)
    assert ca.orders() == 8
