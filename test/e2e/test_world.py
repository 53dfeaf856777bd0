"""The tests' own world stands: the CA answers, httpd runs with the module, everything ends.

SPDX-License-Identifier: Apache-2.0
"""

import pytest

from world.processes import accepts_connections
from world.sanitizers import is_our_leak

MALLOC = "    #0 0x7f in __interceptor_malloc asan_malloc_linux.cpp:69\n"
CRYPTO = "    #1 0x7f in EVP_PKEY_new (/lib/x86_64-linux-gnu/libcrypto.so.3+0x21c73e)\n"
OUR_CALLBACK = "    #2 0x7f in choose_certificate mod_acme/httpd/mod_acme_live.c:163\n"
MOD_SSL = "    #3 0x7f  (/usr/lib/apache2/modules/mod_ssl.so+0x19a5d)\n"
HTTPD = "    #4 0x55 in main (/usr/sbin/apache2+0x3b18d)\n"


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


@pytest.mark.parametrize(
    "stack,is_ours",
    [
        (OUR_CALLBACK, True),
        (CRYPTO + OUR_CALLBACK, True),
        (CRYPTO + OUR_CALLBACK + MOD_SSL + HTTPD, True),
        ("    #1 0x7f  (/tmp/mod_acme-x1/httpd/mod_acme.so+0x12)\n" + HTTPD, True),
        (CRYPTO + MOD_SSL + HTTPD, False),
        (CRYPTO + MOD_SSL + OUR_CALLBACK + HTTPD, False),
        (CRYPTO, False),
    ],
)
def test_whose_leak_it_is(stack, is_ours):
    leak = "Direct leak of 152 byte(s) in 1 object(s) allocated from:\n" + MALLOC + stack
    assert is_our_leak(leak) == is_ours
    assert not is_our_leak(MALLOC + stack)
