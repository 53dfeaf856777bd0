"""The tests' own world stands: the CA answers, httpd runs with the module, everything ends.

SPDX-License-Identifier: Apache-2.0
"""

import pytest

from world.processes import accepts_connections


def test_the_ca_answers_and_ends(make_ca):
    ca = make_ca()
    assert "newOrder" in ca.directory()
    assert "BEGIN CERTIFICATE" in ca.root_pem()
    assert ca.requests("/dir") == 1
    ca.stop()
    with pytest.raises(OSError):
        accepts_connections(ca.port)


@pytest.mark.parametrize("mpm", ["event", "worker", "prefork"])
def test_httpd_runs_with_the_module_loaded(make_httpd, mpm):
    httpd = make_httpd(mpm=mpm, directives=False)
    status, said = httpd.run("-M")
    assert status == 0, said
    assert "acme_module" in said
    httpd.start()
    assert httpd.get_plain("localhost").status == 200
    assert httpd.children_pids()
    httpd.stop()
    assert not httpd.pids()


@pytest.mark.root
def test_httpd_runs_without_root(make_httpd):
    httpd = make_httpd(as_root=False, directives=False).start()
    assert httpd.get_plain("localhost").status == 200
    httpd.graceful()
    assert httpd.get_plain("localhost").status == 200
