"""Full-text search over what is sealed, without a text: each word as a keyed hash, with the entries that hold it.

Who has the table and not the home's key learns how often words repeat, and no word. An erased subject's rows are
deleted, not only unlinked. The table is a convenience, not evidence: entries that it finds are checked like any other;
`sluice audit verify` does not vouch that it finds all.

It follows the log by itself (`catch_up`): appends never wait for it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from infra.contracts.request_events import RequestAdmitted, RequestCompleted
from infra.errors import StoreError
from infra.ledger.log import Ledger
from infra.ledger.record import read_event
from infra.ledger.vault import Vault
from infra.stores.insert import insert

_WORD = re.compile(r"\w+")
_LONGEST = 64
"""Characters of a word that count."""
_BATCH = 500
_PURPOSE = "ledger search"


class SearchIndex:
    """The words of one ledger. Thread-safe; several processes may follow the log at once."""

    def __init__(self, ledger: Ledger, vault: Vault) -> None:
        self._ledger = ledger
        self._vault = vault
        self._database = ledger.store.search
        self._hash = lru_cache(maxsize=65_536)(_hasher(vault.derived_key(_PURPOSE, 32)))

    def words(self, text: str) -> tuple[int, ...]:
        """The words of a text as the table holds them, each once: for `AuditFilter.words`."""
        return tuple(sorted({self._hash(word) for word in split(text)}))

    def catch_up(self) -> int:
        """Reads what was recorded since the last time; returns how many entries it read. Raises StoreError."""
        count = 0
        while read := self._follow():
            count += read
        return count

    def add(self, texts: Iterable[tuple[int, str]]) -> None:
        """Writes the words of entries' texts (index, text) that are known already. Raises StoreError."""
        rows = [(word, index) for index, text in texts for word in self.words(text)]
        with self._database.writing() as connection:
            insert(connection, "words", ("word", "idx"), rows)

    def forget(self, subject: str) -> int:
        """Deletes every word of a subject's entries for good; returns how many entries those were.

        To be called before the subject's key is destroyed; afterwards it still works, by reading the whole table.
        """
        self.catch_up()
        entries = list(self._sealed(self._ledger.sealed_of(subject)))
        self._delete(entries)
        return len(entries)

    def drop(self, gone: Iterable[tuple[int, bytes, bytes]]) -> None:
        """Deletes the words of entries that expired: index, bytes and sealed payload of each. Raises StoreError."""
        self._delete(list(self._opened(gone)))

    def _delete(self, entries: list[tuple[int, str | None]]) -> None:
        with self._database.writing() as connection:
            for index, text in entries:
                if text is None:
                    connection.execute("DELETE FROM words WHERE idx = ?", (index,))
                else:
                    rows = [(word, index) for word in self.words(text)]
                    connection.executemany("DELETE FROM words WHERE word = ? AND idx = ?", rows)
        self._database.checkpoint()

    def _follow(self) -> int:
        with self._database.reading() as connection:
            row = connection.execute("SELECT upto FROM followed").fetchone()
        first = int(row[0]) if row else 0
        until = min(first + _BATCH, len(self._ledger))
        if until <= first:
            return 0
        texts = {index: text for index, text in self._sealed(range(first, until)) if text is not None}
        rows = [(word, index) for index, text in texts.items() for word in self.words(text)]
        with self._database.writing() as connection:
            row = connection.execute("SELECT upto FROM followed").fetchone()
            if (int(row[0]) if row else 0) != first:
                return until - first  # another process was faster
            insert(connection, "words", ("word", "idx"), rows)
            connection.execute(
                "INSERT INTO followed (one, upto) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET upto = excluded.upto",
                (until,),
            )
        # A subject may have been erased, or entries have expired, between the reading and the writing.
        still = {index for index, text in self._sealed(texts) if text is not None}
        if late := [(index, text) for index, text in texts.items() if index not in still]:
            self._delete(list(late))
        return until - first

    def _sealed(self, indices: Iterable[int]) -> Iterator[tuple[int, str | None]]:
        """The texts that are sealed with entries; None where its key was destroyed."""
        return self._opened(self._ledger.sealed_entries(indices))

    def _opened(self, entries: Iterable[tuple[int, bytes, bytes]]) -> Iterator[tuple[int, str | None]]:
        for index, data, payload in entries:
            event = read_event(data)
            subject = event.subject if isinstance(event, RequestCompleted) else self._subject(event)
            try:
                yield index, _text(self._vault.unseal(subject, payload))
            except StoreError:
                yield index, None

    def _subject(self, event: object) -> str:
        """Whose an older entry is, which did not say so itself."""
        entries = self._ledger.of_response(getattr(event, "response_id", ""))
        return next((entry.event.subject for entry in entries if isinstance(entry.event, RequestAdmitted)), "")


def split(text: str) -> Iterator[str]:
    """The words of a text: letters and digits, without case and accents ('Año' is 'ano')."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    plain = "".join(char for char in folded if not unicodedata.combining(char))
    return (found[:_LONGEST] for found in _WORD.findall(plain))


def _text(sealed: bytes) -> str:
    """What a caller and the model said; the JSON around it is not text."""
    try:
        kept = json.loads(sealed)
        said = [str(turn["content"]) for turn in kept["messages"]]
        return " ".join([*said, *map(str, kept.get("choices", [kept["answer"]]))])
    except (ValueError, KeyError, TypeError):
        return sealed.decode(errors="replace")


def _hasher(key: bytes) -> Callable[[str], int]:
    def hashed(word: str) -> int:
        digest = hashlib.blake2b(word.encode(), digest_size=8, key=key).digest()
        return int.from_bytes(digest, "big") >> 1

    return hashed
