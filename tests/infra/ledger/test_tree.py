"""The tree: the vectors of RFC 6962, agreement with pymerkle, and proofs that prove nothing else."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree
from pymerkle import verify_consistency as peer_consistency
from pymerkle import verify_inclusion as peer_inclusion

from infra.ledger.tree import (
    TILE,
    Frontier,
    TileHash,
    consistency_proof,
    inclusion_proof,
    ranges_of,
    root_of_entry,
    subset_proof,
    subtree,
)
from infra.ledger.verify import (
    EMPTY_ROOT,
    Wrong,
    check_consistency,
    leaf_hash,
    root_of_some,
)

# The tree of google/certificate-transparency's merkle_tree_test, with its roots and proofs.
_ENTRIES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
_A, _B, _C = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
_D, _E, _F = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
)
_INCLUSION = (
    (0, 1, ()),
    (0, 8, (_A, _B, _C)),
    (5, 8, (_D, _E, _ROOTS[4])),
    (2, 3, (_ROOTS[2],)),
    (1, 5, (_ROOTS[1], _B, _D)),
)
_CONSISTENCY = ((1, 1, ()), (1, 8, (_A, _B, _C)), (6, 8, (_F, _E, _ROOTS[4])), (2, 5, (_B, _D)))


class Kept:
    """A tree whose hashes are kept as the ledger keeps them: leaves, and the roots of whole tiles."""

    def __init__(self) -> None:
        self.frontier = Frontier()
        self._levels: dict[int, list[bytes]] = {0: []}

    def append(self, entry: bytes) -> None:
        leaf = leaf_hash(entry)
        self._levels[0].append(leaf)
        for tile in self.frontier.append(leaf):
            level = self._levels.setdefault(tile.level, [])
            assert tile.number == len(level)
            level.append(tile.hash)

    def hashes(self, level: int, first: int, count: int) -> Sequence[bytes]:
        found = self._levels.get(level, [])[first : first + count]
        assert len(found) == count, "the tree asks for a hash that is not there"
        return found


def tree_of(entries: Sequence[bytes]) -> Kept:
    kept = Kept()
    for entry in entries:
        kept.append(entry)
    return kept


def _hex(proof: Sequence[bytes]) -> tuple[str, ...]:
    return tuple(step.hex() for step in proof)


def test_the_roots_are_the_known_ones() -> None:
    assert EMPTY_ROOT.hex() == _ROOTS[0] == Frontier().root.hex()
    for size in range(len(_ENTRIES) + 1):
        assert tree_of(_ENTRIES[:size]).frontier.root.hex() == _ROOTS[size]


@pytest.mark.parametrize(("index", "size", "known"), _INCLUSION)
def test_the_inclusion_proofs_are_the_known_ones(index: int, size: int, known: tuple[str, ...]) -> None:
    proof = inclusion_proof(tree_of(_ENTRIES), index, size)
    assert _hex(proof) == known
    assert root_of_entry(index, size, leaf_hash(_ENTRIES[index]), proof).hex() == _ROOTS[size]


@pytest.mark.parametrize(("old", "new", "known"), _CONSISTENCY)
def test_the_consistency_proofs_are_the_known_ones(old: int, new: int, known: tuple[str, ...]) -> None:
    proof = consistency_proof(tree_of(_ENTRIES), old, new)
    assert _hex(proof) == known
    check_consistency(old, new, bytes.fromhex(_ROOTS[old]), bytes.fromhex(_ROOTS[new]), proof)


_BIG = 10_000


@lru_cache(maxsize=1)
def _both() -> tuple[Kept, InmemoryTree, list[bytes]]:
    source = random.Random(6962)
    entries = [source.randbytes(source.randrange(40)) for _ in range(_BIG)]
    peer = InmemoryTree()
    for entry in entries:
        peer.append(entry)
    return tree_of(entries), peer, entries


@settings(max_examples=60, deadline=None)
@given(st.integers(1, _BIG), st.data())
def test_roots_and_proofs_agree_with_pymerkle(size: int, data: st.DataObject) -> None:
    ours, peer, entries = _both()
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    root, old_root = peer.get_state(size), peer.get_state(old)
    leaf = leaf_hash(entries[index])

    theirs = peer.prove_inclusion(index + 1, size)
    peer_inclusion(leaf, root, theirs)
    proof = inclusion_proof(ours, index, size)
    assert sorted(proof) == sorted(theirs.path[1:])
    assert root_of_entry(index, size, leaf, proof) == root == Frontier.of(size, ours).root

    peer_consistency(old_root, root, peer.prove_consistency(old, size))
    check_consistency(old, size, old_root, root, consistency_proof(ours, old, size))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 700), st.integers(0, 400))
def test_a_tree_grown_from_its_stored_edge_is_the_same(size: int, more: int) -> None:
    ours, _, entries = _both()
    grown, whole = Frontier.of(size, ours), Frontier()
    for entry in entries[:size]:
        whole.append(leaf_hash(entry))
    assert (grown.size, grown.root) == (whole.size, whole.root)
    for entry in entries[size : size + more]:
        assert grown.copy().append(leaf_hash(entry)) == whole.append(leaf_hash(entry)) == grown.append(leaf_hash(entry))
    assert grown.root == whole.root


def test_tiles_are_those_of_the_specification() -> None:
    """'A tree of size 70,000 will be represented by 273 full level 0 tiles, ... one full level 1 tile.'"""
    frontier, found = Frontier(), list[TileHash]()
    for number in range(70_000):
        found += frontier.append(number.to_bytes(32, "big"))
    assert [sum(tile.level == level for tile in found) for level in (1, 2, 3)] == [273, 1, 0]
    kept = Kept()
    for number in range(TILE + 1):
        kept.append(b"%d" % number)
    assert kept.hashes(1, 0, 1) == [subtree(kept, 0, TILE)]


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 600), st.data())
def test_no_other_leaf_index_or_proof_leads_to_the_root(size: int, data: st.DataObject) -> None:
    ours, _, entries = _both()
    index = data.draw(st.integers(0, size - 1))
    proof, leaf = inclusion_proof(ours, index, size), leaf_hash(entries[index])
    root = subtree(ours, 0, size)
    other = data.draw(st.integers(0, size - 1))
    changed = list(proof)
    how = data.draw(st.sampled_from(("leaf", "index", "step", "cut", "longer", "swap")))
    if how == "leaf":
        leaf = leaf_hash(b"another")
    elif how == "index" and other != index:
        index = other
    elif how == "step" and proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        changed[place] = leaf_hash(changed[place])
    elif how == "cut" and proof:
        del changed[data.draw(st.integers(0, len(proof) - 1))]
    elif how == "swap" and len(proof) > 1:
        changed[0], changed[1] = changed[1], changed[0]
    else:
        changed.append(leaf_hash(b"more"))
    with suppress(Wrong):
        assert root_of_entry(index, size, leaf, changed) != root


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 600), st.data())
def test_no_consistency_with_another_history_is_proved(new: int, data: st.DataObject) -> None:
    ours, _, _ = _both()
    old = data.draw(st.integers(1, new))
    proof = consistency_proof(ours, old, new)
    old_root, new_root = subtree(ours, 0, old), subtree(ours, 0, new)
    how = data.draw(st.sampled_from(("old root", "new root", "step", "cut", "longer")))
    if how == "old root":
        old_root = leaf_hash(old_root)
    elif how == "new root":
        new_root = leaf_hash(new_root)
    elif how == "step" and proof:
        place = data.draw(st.integers(0, len(proof) - 1))
        proof[place] = leaf_hash(proof[place])
    elif how == "cut" and proof:
        del proof[data.draw(st.integers(0, len(proof) - 1))]
    else:
        proof.append(leaf_hash(b"more"))
    with pytest.raises(Wrong):
        check_consistency(old, new, old_root, new_root, proof)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 600), st.data())
def test_some_entries_lead_to_the_root_and_no_others(size: int, data: st.DataObject) -> None:
    ours, _, entries = _both()
    some = sorted(data.draw(st.sets(st.integers(0, max(0, size - 1)), max_size=30))) if size else []
    ranges = ranges_of(some)
    assert [index for first, end in ranges for index in range(first, end)] == some
    hashes = subset_proof(ours, ranges, size)
    leaves = [(index, leaf_hash(entries[index])) for index in some]
    root = subtree(ours, 0, size) if size else EMPTY_ROOT
    assert root_of_some(leaves, size, hashes) == root
    if not some:
        return
    place = data.draw(st.integers(0, len(some) - 1))
    how = data.draw(st.sampled_from(("changed", "dropped", "repeated", "moved", "hash")))
    if how == "changed":
        leaves[place] = (some[place], leaf_hash(b"another"))
    elif how == "dropped":
        del leaves[place]
    elif how == "repeated":
        leaves.insert(place, leaves[place])
    elif how == "moved":
        leaves[place] = (some[place] + 1, leaves[place][1])
    else:
        hashes.append(leaf_hash(b"more"))
    with suppress(Wrong):
        assert root_of_some(leaves, size, hashes) != root
