"""Checks a bundle that a Sluice audit ledger gave out, with nothing of Sluice: Python 3.11 and package `cryptography`.

    python verify.py BUNDLE --key KEY

KEY is the log's public key (c2sp.org/signed-note), or a file that holds it: where you pinned it, not from who gave you
the bundle. Exit 0: it verifies; 1: it does not; 2: bad input. The tree is that of RFC 6962. What this cannot show: that
the log gave nobody else another history. For that compare the checkpoint with a witness's.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

EMPTY_ROOT = hashlib.sha256().digest()


class Wrong(Exception):
    """Something does not verify; the message says what."""


def leaf_hash(entry: bytes) -> bytes:
    """RFC 6962, 2.1: the hash of one entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """RFC 6962, 2.1: the hash of two subtrees."""
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size: int) -> int:
    """The largest power of two below a size that is greater than one."""
    return int(1 << (size - 1).bit_length() - 1)


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 6962, 2.1.2. Raises Wrong when a tree of `old` entries is not the beginning of the one of `new`."""
    steps = list(proof)

    def roots(size: int, whole: int, beginning: bool) -> tuple[bytes, bytes]:
        if size == whole and beginning:
            return old_root, old_root
        if not steps:
            raise Wrong(f"the consistency proof from {old} to {new} is too short")
        step = steps.pop()
        if size == whole:
            return step, step
        middle = split(whole)
        if size <= middle:
            first, second = roots(size, middle, beginning)
            return first, node_hash(second, step)
        first, second = roots(size - middle, whole - middle, False)
        return node_hash(step, first), node_hash(step, second)

    found = roots(old, new, True) if 0 < old <= new else (EMPTY_ROOT, new_root)
    if not 0 <= old <= new or found != (old_root, new_root) or steps:
        raise Wrong(f"the tree of {old} is not the beginning of the tree of {new}: the log was forked or cut")


def root_of_some(leaves: Iterable[tuple[int, bytes]], size: int, hashes: Iterable[bytes]) -> bytes:
    """The root of a tree from some leaves, in order, and the hash of each largest part without any. Raises Wrong."""
    known, others = iter(leaves), iter(hashes)
    upcoming = next(known, None)

    def root(low: int, high: int) -> bytes:
        nonlocal upcoming
        if upcoming is None or upcoming[0] >= high:
            if (found := next(others, None)) is None:
                raise Wrong("the proof holds too few hashes")
            return found
        if upcoming[0] < low:
            raise Wrong(f"entry {upcoming[0]} is out of order or stands twice")
        if high - low == 1:
            leaf, upcoming = upcoming[1], next(known, None)
            return leaf
        middle = low + split(high - low)
        left = root(low, middle)
        return node_hash(left, root(middle, high))

    found = root(0, size) if size else EMPTY_ROOT
    if upcoming is not None or next(others, None) is not None:
        raise Wrong("the proof holds too many hashes, or entries beyond its end")
    return found


@dataclass(frozen=True)
class LogKey:
    """An Ed25519 public key (32 bytes) under a log's name, as c2sp.org/signed-note writes it: NAME+ID+BASE64."""

    name: str
    public: bytes

    @classmethod
    def read(cls, text: str) -> LogKey:
        """Reads the text form. Raises ValueError when it is none."""
        name, _, encoded = text.strip().partition("+")
        key = cls(name, base64.b64decode(encoded[9:], validate=True)[1:])
        if name and len(key.public) == 32 and str(key) == text.strip():
            return key
        raise ValueError("not a log's public key: expected NAME+ID+BASE64")

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([1]) + self.public).decode()}"

    @property
    def id(self) -> bytes:
        """Four bytes that stand before each of its signatures."""
        return hashlib.sha256(self.name.encode() + b"\n\x01" + self.public).digest()[:4]


@dataclass(frozen=True)
class Checkpoint:
    """How long the log was, and the root of its tree then."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """What is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def note_text(note: str, keys: Sequence[LogKey]) -> str:
    """The text of a signed note, once a known key's signature verifies. Raises Wrong when none does, or one fails."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    text, found, signatures = note.rpartition("\n\n")
    *lines, end = signatures.split("\n")
    if not found or end or not 0 < len(lines) <= 64 or re.search(r"[\0-\x09\x0b-\x1f]", note):
        raise Wrong("not a signed note")
    verified = False
    for mark, _, signature in (line.partition(" ") for line in lines):
        name, _, encoded = signature.partition(" ")
        raw = _base64(encoded)
        if mark != "—" or not name or len(raw) < 5:
            raise Wrong("not a signed note")
        for key in (key for key in keys if (key.name, key.id) == (name, raw[:4])):
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(raw[4:], f"{text}\n".encode())
            except InvalidSignature:
                raise Wrong(f"the signature of {name} does not verify") from None
            verified = True
    if not verified:
        raise Wrong("no signature by a key that is trusted here")
    return f"{text}\n"


def open_checkpoint(note: str, keys: Sequence[LogKey]) -> Checkpoint:
    """A checkpoint from its signed note. Raises Wrong; nothing is read before the signature verifies."""
    text = note_text(note, keys)
    found = re.fullmatch(r"([^\n]+)\n(0|[1-9][0-9]*)\n([^\n]+)\n", text)
    checkpoint = Checkpoint(found[1], int(found[2]), _base64(found[3])) if found else None
    if checkpoint is None or len(checkpoint.root) != 32 or checkpoint.text != text:
        raise Wrong("not a checkpoint")
    return checkpoint


def verify_bundle(folder: Path, keys: Sequence[LogKey]) -> str:
    """Checks a whole bundle and says what it holds. Raises Wrong, and what reading raises."""
    tip = open_checkpoint((folder / "checkpoint").read_text("utf-8"), keys)
    proof = json.loads((folder / "proof.json").read_bytes())
    if root_of_some(_leaves(folder, proof["ranges"]), tip.size, map(_base64, proof["hashes"])) != tip.root:
        raise Wrong("the entries do not lead to the checkpoint's root: entries and hashes were changed together")
    for earlier in proof["earlier"]:
        before = open_checkpoint((folder / f"checkpoints/{int(earlier['size'])}").read_text("utf-8"), keys)
        if (before.origin, before.size) != (tip.origin, earlier["size"]):
            raise Wrong(f"the checkpoint of {earlier['size']} is another one's")
        check_consistency(before.size, tip.size, before.root, tip.root, [*map(_base64, earlier["hashes"])])
    for name, digest in json.loads((folder / "manifest.json").read_bytes())["files"].items():
        if _digest(folder / name) != digest:
            raise Wrong(f"{name} is not the file that the manifest names")
    count = sum(end - first for first, end in proof["ranges"])
    agree = f"{len(proof['earlier'])} earlier checkpoints agree"
    return f"{count:,} entries of {tip.origin} are in its tree of {tip.size:,}; {agree}{_walk(folder, proof['ranges'])}"


def _leaves(folder: Path, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """The hash of each entry, held against the list of them, so that one that was changed is named."""
    with (folder / "events.jsonl").open("rb") as events, (folder / "leaves").open("rb") as leaves:
        for index in (index for first, end in ranges for index in range(first, end)):
            line, listed = events.readline(), leaves.read(32)
            if not line.endswith(b"\n"):
                raise Wrong(f"entry {index} is missing")
            if leaf_hash(line[:-1]) != listed:
                raise Wrong(f"entry {index} is not the one that was logged")
            yield index, listed
        if events.readline() or leaves.read(1):
            raise Wrong("there are more entries than the proof names")


def _walk(folder: Path, ranges: Sequence[tuple[int, int]]) -> str:
    """A receipt's walk: each step's document is the one that an entry, and a step before it, name by its SHA-256."""
    lines = (folder / "events.jsonl").read_bytes().split(b"\n")
    entries = dict(zip((index for first, end in ranges for index in range(first, end)), lines, strict=False))
    walk = json.loads((folder / "walk.json").read_bytes())
    named = walk["response_id"]
    for step in walk["steps"]:
        said = "".join(entries[index].decode() for index in step["entries"])
        if step["digest"]:
            document = folder / "documents" / step["digest"][7:]
            if _digest(document) != step["digest"] or step["digest"] not in named:
                raise Wrong(f"the {step['step']} is not the one that the step before it names")
            named += document.read_text("utf-8")
        if said and (step["digest"] or walk["response_id"]) not in said:
            raise Wrong(f"the entries of the {step['step']} are about something else")
        named += said
    return f"; {len(walk['steps'])} steps lead back from {walk['response_id']}" if walk["steps"] else ""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command. Ends with the exit status 1 or 2 where not everything verifies."""
    parser = argparse.ArgumentParser(description="Checks a bundle of a Sluice audit ledger.")
    parser.add_argument("bundle", type=Path, help="its folder")
    parser.add_argument("--key", action="append", required=True, help="the log's public key, or a file that holds it")
    given = parser.parse_args(arguments)
    try:
        keys = [LogKey.read(text if "+" in text else Path(text).read_text("ascii")) for text in given.key]
        print("verified:", verify_bundle(given.bundle, keys))
    except Wrong as wrong:
        sys.exit(f"DOES NOT VERIFY: {wrong}")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        parser.error(f"cannot be checked: {type(error).__name__}: {error}")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Wrong("a hash or a signature is not base64") from None


if __name__ == "__main__":
    main()
