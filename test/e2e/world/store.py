"""The module's store as the file system shows it.

SPDX-License-Identifier: Apache-2.0
"""

import base64
import datetime
import fcntl
import hashlib
import hmac
import json
import os
import struct
from pathlib import Path

FLOCK = "hhqqi4x"  # struct flock of 64-bit Linux


class Store:
    def __init__(self, path):
        self.path = Path(path)

    def lock_holder(self):
        """The pid of the engine that works on this store, or None."""
        try:
            with open(self.path / "lock", "rb+") as file:
                asked = struct.pack(FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
                kind, _, _, _, pid = struct.unpack(FLOCK, fcntl.fcntl(file, fcntl.F_GETLK, asked))
        except OSError:
            return None
        return None if kind == fcntl.F_UNLCK else pid

    def names(self, folder):
        """What is there, without files that are being written."""
        try:
            return sorted(entry.name for entry in (self.path / folder).iterdir() if not entry.name.startswith(".tmp"))
        except OSError:
            return []

    def record(self, name):
        """The record of the run in progress, or None."""
        try:
            return json.loads((self.path / "staging" / name / "order.json").read_text())
        except (OSError, ValueError):
            return None

    def runs_at(self, step):
        """The domains whose run in progress stands at a step."""
        found = []
        for name in self.names("staging"):
            record = self.record(name)
            if record and record.get("step") == step:
                found.append(name)
        return found

    def job(self, name):
        try:
            return json.loads((self.path / "staging" / name / "job.json").read_text())
        except (OSError, ValueError):
            return None

    def certificate_file(self, name):
        """The first of root's copies, or None."""
        return next(iter(sorted((self.path / "domains" / name).glob("pubcert*.pem"))), None)

    def everything(self):
        """{path: (mode, owner, size)} of all that is there."""
        found = {}
        for file in self.path.rglob("*"):
            state = file.lstat()
            found[str(file.relative_to(self.path))] = (oct(state.st_mode & 0o7777), state.st_uid, state.st_size)
        return found

    # ---- what root's program does

    def _seal_key(self, label):
        """The key for records of one label, derived from the store's secret (HKDF-SHA256, RFC 5869)."""
        text = json.loads((self.path / "store.json").read_text())["secret"]
        secret = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        extracted = hmac.digest(bytes(32), secret, hashlib.sha256)
        return hmac.digest(extracted, f"mod_acme record {label}".encode() + b"\x01", hashlib.sha256)

    def wish(self, name, owner=None, **members):
        """Asks the running engine for something: a sealed record in requests/."""
        place = f"requests/{name}"
        asked = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        head = json.dumps({"version": 1, "asked": asked, **members})[:-1]
        bound = f"requests\0{place}\0".encode()
        code = hmac.digest(self._seal_key("requests"), bound + head.encode(), hashlib.sha256)
        digits = base64.urlsafe_b64encode(code).decode().rstrip("=")
        temporary = self.path / "requests" / f".tmp.{name}"
        temporary.write_text(f'{head},\n"seal":"{digits}"}}')
        if owner is not None:
            os.chown(temporary, owner, -1)
        temporary.rename(self.path / place)

    def wishes(self):
        return [name for name in self.names("requests") if not name.startswith(".")]
