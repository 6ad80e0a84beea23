"""Releases: only what verifies, was approved and was never rejected is in force; everything else is refused by name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.contracts.lifecycle_events import Released
from infra.contracts.release import Release
from infra.contracts.signed import Signed
from infra.errors import BadInput, Refused, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.signing import Signer, TrustedKeys
from infra.stores.releases import Releases, VerifiedRelease
from infra.stores.reviewers import Reviewers
from infra.stores.trust import installation_signer


def test_a_release_comes_back_with_what_it_stands_on(home: Home, maker: Any) -> None:
    release = maker.release(1)
    found = Releases(home).current("support-triage")
    assert found == VerifiedRelease(release, *_parents(home, release))
    assert Releases(home).inspect("support-triage").refusals == ()
    assert Releases(home).release(release.digest) == found
    assert Releases(home).pipelines() == ("support-triage",)
    assert Releases(home).current("banking77") is None


def _parents(home: Home, release: Release) -> tuple[Any, Any]:
    releases = Releases(home)
    return releases.manifest(release.manifest), releases.approval_for(release.manifest)


def test_the_newest_release_is_in_force_and_names_the_one_before(home: Home, maker: Any) -> None:
    made = [maker.release(version) for version in (1, 2, 3)]
    current = Releases(home).current("support-triage")
    assert current is not None and current.release == made[-1]
    assert [release.sequence for release in Releases(home).history("support-triage")] == [1, 2, 3]
    assert [release.previous for release in made] == [None, made[0].digest, made[1].digest]
    assert [manifest.version for manifest in Releases(home).manifests("support-triage")] == [1, 2, 3]


def test_what_nobody_approved_is_not_released(maker: Any) -> None:
    manifest, other = maker.manifest(1), maker.manifest(2)
    approval = maker.approve(manifest)
    rejected = maker.approve(other, decision="rejected")
    wrong = [
        maker.draft(other, approval, 1),
        maker.draft(other, rejected, 1),
        maker.draft(manifest, approval, 1).model_copy(update={"version": 2}),
        maker.draft(manifest, approval.model_copy(update={"reason": "never signed"}), 1),
    ]
    for release in wrong:
        with pytest.raises(Refused):
            maker.releases.put_release(release)
    with pytest.raises(BadInput, match="no manifest"):
        maker.releases.put_release(maker.draft(manifest.model_copy(update={"run_id": "never kept"}), approval, 1))
    assert maker.releases.history("support-triage") == ()


def test_one_rejection_is_final(home: Home, maker: Any) -> None:
    first, second = maker.release(1), maker.release(2)
    manifest = maker.releases.manifest(second.manifest)
    rejection = maker.approve(manifest, by="luis", decision="rejected", minutes=-5)
    maker.approve(manifest, by="eva", minutes=5)
    assert maker.releases.approval_for(manifest.digest) == rejection
    state = Releases(home).inspect("support-triage")
    assert state.current is not None and state.current.release == first
    assert [(refusal.sequence, refusal.version) for refusal in state.refusals] == [(2, 2)]
    assert "rejected by luis" in state.refusals[0].reason


def test_a_decision_needs_the_reviewers_own_key(home: Home, maker: Any, tmp_path: Path) -> None:
    manifest = maker.manifest(1)
    approval = maker.approve(manifest, by="ana")
    maker.reviewers.add("luis")
    stranger = Signer.load_or_create(tmp_path / "stranger.key")
    for signer in (maker.reviewers.signer("luis"), stranger, installation_signer(home)):
        with pytest.raises(Refused, match="not the trusted key"):
            maker.releases.put_approval(approval, signer)
    with pytest.raises(Refused, match="another version"):
        maker.releases.put_approval(approval.model_copy(update={"version": 2}), maker.reviewers.signer("ana"))


def test_a_decision_in_another_reviewers_name_does_not_count(home: Home, maker: Any) -> None:
    manifest = maker.manifest(1)
    claimed = maker.approve(manifest, by="luis").model_copy(update={"reviewer": "ana"})
    maker.reviewers.add("ana")
    folder = home.releases / "support-triage" / "approvals" / manifest.digest[7:]
    forged = maker.reviewers.signer("luis").sign(claimed).to_json()
    (folder / f"{claimed.digest[7:]}.json").write_bytes(forged)
    (folder / f"{'0' * 64}.json").write_bytes(next(folder.glob("*.json")).read_bytes())
    assert [approval.reviewer for approval in maker.releases.approvals(manifest.digest)] == ["luis"]


def test_a_signed_manifest_under_another_name_is_refused(home: Home, maker: Any) -> None:
    one, two = maker.manifest(1), maker.manifest(2)
    path = _file(home, f"manifests/{one.digest[7:]}.json")
    path.write_bytes(_file(home, f"manifests/{two.digest[7:]}.json").read_bytes())
    with pytest.raises(Refused, match="file name"):
        maker.releases.manifest(one.digest)
    elsewhere = home.releases / "banking77" / "manifests"
    elsewhere.mkdir(parents=True)
    path.rename(elsewhere / f"{two.digest[7:]}.json")
    _file(home, f"manifests/{two.digest[7:]}.json").unlink()
    with pytest.raises(Refused, match="file name"):
        maker.releases.manifest(two.digest)
    assert maker.releases.manifests("banking77") == ()


def test_a_reviewer_whose_key_is_gone_approves_nothing_any_more(home: Home, maker: Any) -> None:
    maker.release(1)
    (home.keys / "reviewers" / "ana.pub").unlink()
    state = Releases(home).inspect("support-triage")
    assert state.current is None
    assert "no approval by a trusted reviewer" in state.refusals[0].reason


def test_planted_files_are_refused(home: Home, maker: Any, tmp_path: Path) -> None:
    good = maker.release(1)
    folder = home.releases / "support-triage" / "releases"
    stranger = Signer.load_or_create(tmp_path / "stranger.key")
    newer = good.model_copy(update={"sequence": 2})
    installation = installation_signer(home)
    plants = {
        2: stranger.sign(newer).to_json(),
        3: installation.sign(newer).to_json(),  # a true release under another number
        4: b"not JSON",
        5: installation.sign(maker.releases.manifest(good.manifest)).to_json(),
        6: installation.sign(good.model_copy(update={"sequence": 6, "pipeline": "banking77"})).to_json(),
        8: b"",
    }
    for sequence, data in plants.items():
        (folder / f"{sequence:08d}.json").write_bytes(data)
    (folder / "notes.json").write_bytes(b"{}")
    state = Releases(home).inspect("support-triage")
    assert state.current is not None and state.current.release == good
    assert [refusal.sequence for refusal in state.refusals] == [8, 7, 6, 5, 4, 3, 2]
    assert "missing" in state.refusals[1].reason
    with Releases(home).allocate("support-triage") as slot:
        assert (slot.sequence, slot.previous) == (9, good.digest)


_PARTS: dict[str, Callable[[Home, Release], Path]] = {
    "manifest": lambda home, release: _file(home, f"manifests/{release.manifest[7:]}.json"),
    "approval": lambda home, release: _file(home, f"approvals/{release.manifest[7:]}/{release.approval[7:]}.json"),
    "release": lambda home, release: _file(home, f"releases/{release.sequence:08d}.json"),
}


def _file(home: Home, name: str) -> Path:
    return home.releases / "support-triage" / name


@pytest.fixture
def two(maker: Any) -> tuple[Release, Release]:
    return maker.release(1), maker.release(2)


@pytest.mark.parametrize("part", _PARTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_changed_byte_of_a_signed_file_ends_its_force(
    home: Home, two: tuple[Release, Release], part: str, data: st.DataObject
) -> None:
    first, second = two
    path = _PARTS[part](home, second)
    original = path.read_bytes()
    place = data.draw(st.integers(0, len(original) - 1))
    changed = original[:place] + bytes([original[place] ^ data.draw(st.integers(1, 255))]) + original[place + 1 :]
    path.write_bytes(changed)
    try:
        state = Releases(home).inspect("support-triage")
    finally:
        path.write_bytes(original)
    if state.current is not None and state.current.release == second:
        # Only a change that leaves the same signed text may pass: the unused bits of base64's last digit.
        assert Signed.from_json(changed).payload == Signed.from_json(original).payload
    else:
        assert state.current is not None and state.current.release == first
        assert [refusal.sequence for refusal in state.refusals] == [2]


@pytest.mark.parametrize("part", _PARTS)
def test_a_missing_file_ends_its_force(home: Home, two: tuple[Release, Release], part: str) -> None:
    _PARTS[part](home, two[1]).unlink()
    current = Releases(home).current("support-triage")
    assert current is not None and current.release == two[0]


def test_sequence_numbers_are_given_once(home: Home, maker: Any) -> None:
    manifest = maker.manifest(1)
    approval = maker.approve(manifest)

    def release(_: int) -> int:
        releases = Releases(home)
        with releases.allocate("support-triage") as slot:
            releases.put_release(maker.draft(manifest, approval, slot.sequence))
        return slot.sequence

    with ThreadPoolExecutor(6) as pool:
        assert sorted(pool.map(release, range(12))) == list(range(1, 13))
    for taken in (1, 12, 14, 0):
        with pytest.raises(StoreError, match="next one"):
            maker.releases.put_release(maker.draft(manifest, approval, taken))


def test_another_process_waits_for_the_number(home: Home, maker: Any) -> None:
    maker.release(1)
    program = (
        "import sys; from pathlib import Path\n"
        "from infra.home import Home; from infra.stores.releases import Releases\n"
        "with Releases(Home.open(Path(sys.argv[1]))).allocate('support-triage') as slot: print(slot.sequence)"
    )
    with maker.releases.allocate("support-triage") as slot:
        waiting = subprocess.Popen([sys.executable, "-c", program, str(home.root)], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(1.5)
        manifest = maker.manifest(2)
        maker.releases.put_release(maker.draft(manifest, maker.approve(manifest), slot.sequence))
    assert waiting.communicate(timeout=20)[0].strip() == "3"


def test_names_stay_in_their_folder(maker: Any) -> None:
    for wrong in ("../other", "", ".hidden", "a/b"):
        with pytest.raises(BadInput):
            maker.releases.current(wrong)
    for wrong in ("", "sha256:*", "../x"):
        with pytest.raises(BadInput):
            maker.releases.manifest(wrong)
        with pytest.raises(BadInput):
            maker.releases.approval_for(wrong)


def test_errors_hold_no_reason_text(home: Home, maker: Any) -> None:
    manifest = maker.manifest(1)
    approval = maker.approve(manifest)
    path = _file(home, f"approvals/{manifest.digest[7:]}/{approval.digest[7:]}.json")
    path.write_text(
        json.dumps({"schema": "sluice/signed/1", "payload": "secret words", "key_id": "k", "signature": ""})
    )
    with pytest.raises(Refused) as caught:
        maker.releases.put_release(maker.draft(manifest, approval, 1))
    assert "secret" not in str(caught.value)


def test_reviewers_are_added_once_and_known_by_name(home: Home) -> None:
    reviewers = Reviewers(home)
    assert (reviewers.names(), reviewers.key("ana")) == ((), None)
    with pytest.raises(BadInput, match="sluice reviewer add ana"):
        reviewers.signer("ana")
    added = reviewers.add("ana")
    assert reviewers.add("ana").verify_key == added.verify_key == reviewers.key("ana")
    assert reviewers.signer("ana").verify_key == added.verify_key
    assert (home.keys / "reviewers" / "ana.key").stat().st_mode & 0o777 == 0o600
    assert Reviewers(home).by_key_id(added.verify_key.key_id) == ("ana", TrustedKeys(added.verify_key))
    assert reviewers.by_key_id("0" * 16) is None
    for wrong in ("", "Ana", "../ana", "a b", "x" * 64):
        for ask in (reviewers.add, reviewers.signer, reviewers.key):
            with pytest.raises(BadInput, match="name"):
                ask(wrong)
    assert reviewers.names() == ("ana",)


def test_a_lost_private_key_is_never_replaced_in_silence(home: Home) -> None:
    installation_signer(home)
    (home.keys / "installation.key").unlink()
    with pytest.raises(StoreError, match="private key is gone"):
        installation_signer(home)
    assert not (home.keys / "installation.key").exists()


def test_a_lost_public_key_is_made_again_from_the_private_one(home: Home) -> None:
    key = installation_signer(home).verify_key
    (home.keys / "installation.pub").unlink()
    assert installation_signer(home).verify_key == key
    assert (home.keys / "installation.pub").read_text().strip() == key.to_text()


def test_a_rejected_version_does_not_bring_back_what_was_rolled_back(home: Home, maker: Any) -> None:
    first, second = maker.release(1), maker.release(2)
    manifest = maker.releases.manifest(first.manifest)
    back = first.model_copy(update={"sequence": 3, "kind": "rollback", "previous": second.digest})
    maker.releases.put_release(back)
    current = Releases(home).current("support-triage")
    assert current is not None and current.release == back
    maker.approve(manifest, by="luis", decision="rejected")
    state = Releases(home).inspect("support-triage")
    assert state.current is None
    assert [(refusal.sequence, refusal.version) for refusal in state.refusals] == [(3, 1)]
    with maker.releases.allocate("support-triage") as slot:
        assert (slot.sequence, slot.previous) == (4, None)


def test_two_rejections_fall_through_to_what_the_first_replaced(home: Home, maker: Any) -> None:
    made = [maker.release(version) for version in (1, 2, 3)]
    for release in made[1:]:
        maker.approve(maker.releases.manifest(release.manifest), by="luis", decision="rejected")
    state = Releases(home).inspect("support-triage")
    assert state.current is not None and state.current.release == made[0]
    assert [refusal.sequence for refusal in state.refusals] == [3, 2]


@pytest.mark.parametrize("damage", ["deleted", "altered"])
def test_what_a_lost_rollback_took_off_stays_off(home: Home, maker: Any, damage: str) -> None:
    first, second, third = (maker.release(version) for version in (1, 2, 3))
    back = second.model_copy(update={"sequence": 4, "kind": "rollback", "previous": third.digest})
    maker.releases.put_release(back)
    ledger = Ledger.open(home)
    for release in (first, second, third, back):
        ledger.append(
            Released(
                event_id=f"release/{release.digest}",
                at=release.released,
                pipeline=release.pipeline,
                release=release.digest,
                manifest=release.manifest,
                version=release.version,
                sequence=release.sequence,
                release_kind=release.kind,
                actor=release.actor,
            )
        )
    current = Releases(home).current("support-triage")
    assert current is not None and current.release == back
    path = _file(home, "releases/00000004.json")
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes().replace(b"ana", b"eva"))
    state = Releases(home).inspect("support-triage")
    assert state.current is not None and state.current.release == first, "not version 3"
    assert (state.refusals[0].sequence, state.refusals[0].version) == (4, 2)
    assert "what it took off stays off" in state.refusals[0].reason
    _file(home, "releases/00000003.json").unlink()
    assert Releases(home).current("support-triage") is None, "nobody knows what else was lost"
