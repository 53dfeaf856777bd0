"""BIND: a primary and a secondary that lags behind it, on loopback addresses of their own.

SPDX-License-Identifier: Apache-2.0
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

from .processes import Daemon, free_port, wait_for
from .relay import Relay

PRIMARY = "127.0.0.2"
SECONDARY = "127.0.0.3"


def find_program(name):
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


class Bind:
    """Two name servers for some zones, in which every name is this machine.

    The secondary is told nothing: it asks every `lag` seconds whether there is anything new. Both
    listen on one port. `port` and `host` make it a resolver for Pebble: it asks the secondary, so
    whoever tells the CA too early fails.
    """

    def __init__(self, folder, zones, lag=3):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.zones = list(zones)
        self.lag = lag
        self.port = free_port()
        self.host = SECONDARY
        self.key_file = self.folder / "acme.key"
        key = subprocess.run(
            [find_program("tsig-keygen"), "-a", "hmac-sha256", "acme-key"], capture_output=True, text=True, check=True
        )
        self.key_file.write_text(key.stdout)
        self.key_file.chmod(0o600)
        self.ports = {PRIMARY: free_port(), SECONDARY: free_port()}  # behind the relays
        self.relays = {address: Relay(address, self.port, self.ports[address]) for address in self.ports}
        self.daemons = {}
        for address in (PRIMARY, SECONDARY):
            self._write(address)

    def _home(self, address):
        return self.folder / address

    def _zone_text(self, zone):
        return (
            f"$TTL 1\n@ IN SOA ns1.{zone}. hostmaster.{zone}. 1 {self.lag} {self.lag} 3600 1\n"
            f"@ IN NS ns1.{zone}.\n@ IN NS ns2.{zone}.\n@ IN A 127.0.0.1\n* IN A 127.0.0.1\n"
            f"ns1 IN A {PRIMARY}\nns2 IN A {SECONDARY}\n"
        )

    def _zone_config(self, zone, address):
        if address == PRIMARY:
            return (
                f'zone "{zone}" {{ type primary; file "{zone}.zone";'
                " allow-update { key acme-key; }; allow-transfer { any; }; };\n"
            )
        return (
            f'zone "{zone}" {{ type secondary; file "{zone}.zone"; primaries {{ 127.0.0.1 port {self.ports[PRIMARY]}; }};'
            f" min-refresh-time {self.lag}; max-refresh-time {self.lag}; }};\n"
        )

    def _write(self, address):
        home = self._home(address)
        home.mkdir()
        text = (
            f'include "{self.key_file}";\ncontrols {{ }};\n'
            f'options {{ directory "{home}"; listen-on port {self.ports[address]} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};\n'
            "  recursion yes; allow-recursion { any; }; dnssec-validation no; notify no; pid-file none; session-keyfile none; };\n"
            'zone "." { type primary; file "root.zone"; };\n'  # an own root: nobody outside is ever asked
        )
        (home / "root.zone").write_text("$TTL 1\n@ IN SOA . . 1 60 60 60 1\n@ IN NS ns.root.\nns.root. IN A 127.0.0.1\n")
        for zone in self.zones:
            text += self._zone_config(zone, address)
            if address == PRIMARY:
                (home / f"{zone}.zone").write_text(self._zone_text(zone))
        (home / "named.conf").write_text(text)

    def start(self, *addresses):
        for address in addresses or (PRIMARY, SECONDARY):
            home = self._home(address)
            if address == SECONDARY:
                for zone in self.zones:  # with a copy it would be in no hurry to look for a newer one
                    (home / f"{zone}.zone").unlink(missing_ok=True)
            self.daemons[address] = Daemon(
                [find_program("named"), "-g", "-p", str(self.ports[address]), "-c", home / "named.conf"], home / "named.log"
            )
            # one after the other: a primary that does not answer is left alone for minutes
            for zone in self.zones:
                wait_for(lambda: self.ask(f"ns1.{zone}", "A", address) == [PRIMARY], f"{zone} at {address}", 20)
        return self

    def stop(self, *addresses):
        for address in addresses or list(self.daemons):
            daemon = self.daemons.pop(address, None)
            if daemon:
                daemon.stop()
        if not addresses:
            for relay in self.relays.values():
                relay.stop()
            self.relays = {}

    def ask(self, name, kind="TXT", address=PRIMARY):
        done = subprocess.run(
            [find_program("dig"), f"@{address}", "-p", str(self.port), "+short", "+tries=1", "+time=1", kind, name],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise OSError(done.stdout)
        return [line.strip('"').rstrip(".") for line in done.stdout.splitlines() if not line.startswith(";")]

    def nsupdate_key(self):
        """The key as nsupdate reads it after the word "key"."""
        found = re.search(r'key "(.+)" \{\s*algorithm (\S+);\s*secret "(.+)";', self.key_file.read_text())
        return f"{found.group(2)}:{found.group(1)} {found.group(3)}"

    def update(self, *commands):
        text = f"server {PRIMARY} {self.port}\n" + "".join(f"{command}\n" for command in commands) + "send\n"
        subprocess.run(
            [find_program("nsupdate"), "-k", str(self.key_file)], input=text, text=True, check=True, capture_output=True
        )

    def added(self, name):
        """How often a TXT record was added at the name."""
        text = (self._home(PRIMARY) / "named.log").read_text(errors="replace")
        return len(re.findall(rf"adding an RR at '{re.escape(name)}' TXT", text))

    def is_clean(self, *names):
        return all(not self.ask(name, "TXT", address) for name in names for address in self.daemons)
