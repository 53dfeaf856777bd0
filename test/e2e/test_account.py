"""The account at the CA: external binding, contacts, keys of the administrator's own.

SPDX-License-Identifier: Apache-2.0
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from world.httpd import STATUS_HANDLER, vhost
from world.processes import wait_for
from world.store import Store

KID = "kid-1"
HMAC = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
CUSTOMERS = {"externalAccountBindingRequired": True, "externalAccountMACKeys": {KID: HMAC}}
DOMAIN = "ACMEDomain example.org\n" + vhost("example.org") + STATUS_HANDLER


def write_secret(file, text, mode=0o600):
    file.write_text(text)
    file.chmod(mode)
    return file


def assert_hidden(httpd, secret):
    """Neither in what is said nor in what is kept."""
    assert secret not in httpd.log() + httpd.output
    answer = httpd.get_plain("localhost", "/acme-status")
    assert secret not in answer.text
    for file in httpd.store.rglob("*"):
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file


def test_a_customer_by_file(make_ca, make_httpd, folder):
    file = write_secret(folder / "eab.json", json.dumps({"kid": KID, "hmac": HMAC}))
    httpd = make_httpd(f"ACMEExternalAccountBinding {file}\n" + DOMAIN, ca=make_ca(**CUSTOMERS)).start()
    httpd.wait_for_certificate("example.org")
    assert not httpd.log_lines("can be read by others")
    assert_hidden(httpd, HMAC)


def test_a_customer_by_two_words(make_ca, make_httpd):
    httpd = make_httpd(f"ACMEExternalAccountBinding {KID} {HMAC}==\n" + DOMAIN, ca=make_ca(**CUSTOMERS)).start()
    httpd.wait_for_certificate("example.org")
    assert_hidden(httpd, HMAC)


def test_a_ca_for_customers_says_so_once(make_ca, make_httpd):
    httpd = make_httpd(DOMAIN, ca=make_ca(**CUSTOMERS)).start()
    httpd.wait_for_log("ACMEExternalAccountBinding KEYID HMAC")
    wait_for(
        lambda: "ACMEExternalAccountBinding"
        in httpd.domain_status("example.org")["ca"].get("trouble", {}).get("detail", ""),
        "the trouble on the status page",
        5,
    )
    httpd.graceful()
    assert len(httpd.log_lines("acme:error.*ACMEExternalAccountBinding")) == 1
    # the line is added: the account is made at once
    httpd.configure(f"ACMEExternalAccountBinding {KID} {HMAC}\n" + DOMAIN).graceful()
    httpd.wait_for_certificate("example.org")


def test_a_wrong_binding_is_explained(make_ca, make_httpd):
    httpd = make_httpd("ACMEExternalAccountBinding kid-2 c2VjcmV0c2VjcmV0\n" + DOMAIN, ca=make_ca(**CUSTOMERS)).start()
    httpd.wait_for_log(r"ACMEExternalAccountBinding has the key id \(here: kid-2\)")
    assert_hidden(httpd, "c2VjcmV0c2VjcmV0")


@pytest.mark.root
def test_files_with_bindings_are_judged(make_httpd, folder):
    good = json.dumps({"kid": KID, "hmac": HMAC})
    for name, text, mode, why in [
        ("open", good, 0o644, "chmod 600"),
        ("bad", "{", 0o600, "this is not JSON"),
        ("none", None, 0o600, "cannot be read"),
    ]:
        file = folder / f"{name}.json"
        if text is not None:
            write_secret(file, text, mode)
        httpd = make_httpd(
            f"ACMECertificateAuthority https://localhost:1/dir\nACMECertificateAgreement accepted\n"
            f"ACMEExternalAccountBinding {file}\n" + DOMAIN,
            name=name,
        )
        status, output = httpd.run("-t")
        assert status == 0, output
        line = httpd.line_of("ACMEExternalAccountBinding")
        assert f"httpd.conf:{line}: ACMEExternalAccountBinding: " in output and why in output
        assert HMAC not in output


@pytest.mark.parametrize("words", [f"{KID} {HMAC} more", f"{KID} {HMAC} alg=HS1", f"{KID} {HMAC}.", ""])
def test_words_that_are_no_binding(make_httpd, words):
    httpd = make_httpd(f"ACMEExternalAccountBinding {words}\n")
    status, output = httpd.run("-t")
    assert status != 0
    assert "ACMEExternalAccountBinding: " in output
    assert HMAC not in output


def another(name):
    return f"ACMEDomain {name}\n" + vhost(name)


def account_updates(ca):
    return ca.requests("/my-account/")


def test_contacts_are_told_when_they_change(make_ca, make_httpd):
    ca = make_ca()
    httpd = make_httpd("ACMEContactEmail a@example.org\n" + DOMAIN, ca=ca).start()
    httpd.wait_for_certificate("example.org")
    changed = "ACMEContactEmail b@example.org\n" + DOMAIN + another("two.example.org")
    httpd.configure(changed).graceful()
    httpd.wait_for_log("contacts of the account are now: mailto:b@example.org")
    httpd.wait_for_certificate("two.example.org")
    assert account_updates(ca) == 1
    httpd.configure(changed + another("three.example.org")).graceful()
    httpd.wait_for_certificate("three.example.org")
    assert account_updates(ca) == 1
    assert ca.requests("/sign-me-up") == 1


def test_a_ca_that_forgot_everything(make_ca, make_httpd):
    ca = make_ca()
    httpd = make_httpd(DOMAIN, ca=ca).start()
    httpd.wait_for_certificate("example.org")
    ca.stop()
    ca.start()  # with nothing in its memory, and a new root
    (ca.folder / "root.pem").unlink()
    httpd.configure(DOMAIN + another("two.example.org")).graceful()
    httpd.wait_for_certificate("two.example.org")
    assert len(httpd.log_lines("no longer knows our account")) == 1


# ---- a key of the administrator's own

DATA = Path(__file__).resolve().parents[1] / "data"


def test_two_servers_share_an_account(make_ca, make_httpd, folder):
    ca = make_ca()
    file = write_secret(folder / "account.pem", (DATA / "key-p384.pem").read_text())
    line = f"ACMEAccountKeyFile {file}\n"
    first = make_httpd(line + DOMAIN, ca=ca).start()
    first.wait_for_certificate("example.org")
    made = re.search(r"account (\S+) was made", first.log()).group(1)
    first.stop()
    second = make_httpd(line + DOMAIN, name="second", ca=ca).start()
    second.wait_for_certificate("example.org")
    second.wait_for_log(f"account {re.escape(made)} was found")
    for httpd in (first, second):
        assert not list(httpd.store.glob("accounts/*/privkey*"))


@pytest.mark.root
def test_account_keys_are_judged(make_httpd, folder):
    good = (DATA / "key-p256.pem").read_text()
    for name, text, mode, why in [
        ("good", good, 0o600, None),
        ("open", good, 0o604, "chmod 600"),
        ("bad", "no key", 0o600, "has no account key"),
        ("none", None, 0o600, "cannot be read"),
    ]:
        file = folder / f"{name}.pem"
        if text is not None:
            write_secret(file, text, mode)
        httpd = make_httpd(
            f"ACMECertificateAuthority https://localhost:1/dir\nACMECertificateAgreement accepted\n"
            f"ACMEAccountKeyFile {file}\n" + DOMAIN,
            name=name,
        )
        status, output = httpd.run("-t")
        assert status == 0, output
        line = httpd.line_of("ACMEAccountKeyFile")
        assert (f"httpd.conf:{line}: ACMEAccountKeyFile: " in output) == (why is not None)
        assert why is None or why in output


def test_a_bad_account_key_leaves_the_rest_alone(make_ca, make_httpd, folder):
    ca = make_ca()
    file = write_secret(folder / "account.pem", "no key")
    httpd = make_httpd(f"ACMEAccountKeyFile {file}\n" + DOMAIN, ca=ca).start()
    httpd.wait_for_log("acme:error.*ACMEAccountKeyFile cannot be used: .*account.pem has no account key")
    assert httpd.get_plain("localhost").status == 200
    assert ca.requests("/sign-me-up") == 0


# ---- wishes of root


def ask(httpd, **members):
    """Asks the running engine, and waits until it has seen to it."""
    store = Store(httpd.store)
    owner = (httpd.store / "requests").stat().st_uid
    store.wish("test", owner=owner, **members)
    wait_for(lambda: not store.wishes(), "end of the wish", 15)


def account_key(httpd):
    return next(httpd.store.glob("accounts/*/privkey")).read_bytes()


def test_a_new_account_key(make_ca, make_httpd):
    ca = make_ca()
    httpd = make_httpd(DOMAIN, ca=ca).start()
    httpd.wait_for_certificate("example.org")
    before = account_key(httpd)
    ask(httpd, wish="account-rollover", ca=ca.directory_url)
    httpd.wait_for_log("the account has a new key")
    assert ca.requests("/rollover-account-key") == 1
    assert account_key(httpd) != before
    assert not list(httpd.store.glob("accounts/*/privkey.new"))
    # it is the account of before, with the new key, in this process and the next
    for name in ("two.example.org", "three.example.org"):
        httpd.configure(DOMAIN + another(name)).graceful()
        httpd.wait_for_certificate(name)
    assert ca.requests("/sign-me-up") == 1


def test_an_account_is_closed(make_ca, make_httpd):
    ca = make_ca()
    httpd = make_httpd(DOMAIN, ca=ca).start()
    httpd.wait_for_certificate("example.org")
    ask(httpd, wish="account-deactivate", ca=ca.directory_url)
    httpd.wait_for_log("is closed, as was wished")
    httpd.configure(DOMAIN + another("two.example.org")).graceful()
    httpd.wait_for_log("acme:error.*was closed by your wish")
    assert httpd.handshake("example.org", root=httpd.root_file())
    assert ca.requests("/sign-me-up") == 1
    folder = next(httpd.store.glob("accounts/*"))
    httpd.stop()
    shutil.rmtree(folder)
    httpd.start()
    httpd.wait_for_certificate("two.example.org")


@pytest.mark.parametrize("key", ["account", "certificate"])
def test_a_revoked_certificate_is_replaced(make_ca, make_httpd, key):
    ca = make_ca()
    httpd = make_httpd(DOMAIN, ca=ca).start()
    first = httpd.wait_for_certificate("example.org")
    ask(httpd, wish="revoke", domain="example.org", reason="keyCompromise", key=key)
    assert '"Revoked"' in ca.management(f"/cert-status-by-serial/{first.serial:x}")
    second = httpd.wait_for_certificate("example.org", other_than=first.serial)
    assert '"Valid"' in ca.management(f"/cert-status-by-serial/{second.serial:x}")
    assert ca.orders() == 2
    assert not httpd.log_lines("acme:error")


@pytest.mark.root
def test_nobody_else_can_wish(make_ca, make_httpd):
    ca = make_ca()
    httpd = make_httpd(DOMAIN, ca=ca).start()
    httpd.wait_for_certificate("example.org")
    wish = httpd.store / "requests" / "mine"
    wish.write_text(json.dumps({"version": 1, "wish": "account-deactivate", "ca": ca.directory_url}))
    wish.chmod(0o644)
    httpd.wait_for_log("requests/mine in the store is ignored")
    assert not wish.exists()
    assert account_updates(ca) == 0
