"""The S3 witness: locks, versions, listings, two that put at once, and stores that do not do as they say."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.errors import MissingPart, Refused, StoreError
from infra.home import Home
from infra.ledger.log import Ledger
from infra.ledger.witness import compare, publish
from infra.ledger.witness_s3 import S3Witness
from infra.ledger.witnessed_log import Forked, KnownLog, Moved

Copied = Callable[[str], Home]


def opened(bucket: Any, ledger: Ledger) -> S3Witness:
    settings = bucket.settings
    log = KnownLog(ledger.origin, ledger.keys)
    return S3Witness(
        settings.witness,
        log,
        endpoint=settings.witness_endpoint,
        retention_days=settings.witness_retention_days,
    )


def append(ledger: Ledger, events: Any, *numbers: int) -> None:
    ledger.append_many([(events.admitted(number), None) for number in numbers])


def test_each_checkpoint_is_an_object_that_nobody_can_take_away(bucket: Any, ledger: Ledger, events: Any) -> None:
    for number in range(3):
        append(ledger, events, number)
        publish(ledger, opened(bucket, ledger))
    versions = bucket.versions()
    assert [version["Key"].split("/checkpoint/")[1] for version in versions] == [
        f"000/000/000/000/00{size}" for size in (1, 2, 3)
    ]
    assert all(version["Key"].startswith("acme/audit/") for version in versions)
    for version in versions:
        kept = bucket.client.get_object(Bucket=bucket.name, Key=version["Key"])
        assert kept["ObjectLockMode"] == "COMPLIANCE"
        until = kept["ObjectLockRetainUntilDate"] - datetime.now(UTC)
        assert timedelta(days=29, hours=23) < until < timedelta(days=30, hours=1)
        with pytest.raises(bucket.client.exceptions.ClientError, match="AccessDenied"):
            bucket.client.delete_object(Bucket=bucket.name, Key=version["Key"], VersionId=version["VersionId"])


def test_a_delete_marker_or_a_later_version_hides_nothing(
    bucket: Any, ledger: Ledger, events: Any, copied: Copied
) -> None:
    append(ledger, events, 0, 1)
    restored = copied("older")
    append(ledger, events, 2)
    publish(ledger, opened(bucket, ledger))
    (version,) = bucket.versions()
    older = Ledger.open(restored)
    append(older, events, 10)
    bucket.client.delete_object(Bucket=bucket.name, Key=version["Key"])
    with pytest.raises(Forked, match="holds a checkpoint of 3"):
        publish(older, opened(bucket, older))
    with older.proofs() as proofs:
        bucket.client.put_object(Bucket=bucket.name, Key=version["Key"], Body=proofs.edge.note.encode())
    with pytest.raises(Forked, match="holds a checkpoint of 3"):
        publish(older, opened(bucket, older))
    assert compare(ledger, opened(bucket, ledger)) == ()


@pytest.mark.parametrize("more", [3, 4, 5])
def test_two_forks_that_put_at_the_same_moment_are_found(
    bucket: Any, ledger: Ledger, events: Any, copied: Copied, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    append(ledger, events, 0, 1)
    publish(ledger, opened(bucket, ledger))
    other = Ledger.open(copied("fork"))
    append(ledger, events, *range(2, 2 + more))
    append(other, events, *range(100, 104))
    witness, rival = opened(bucket, ledger), opened(bucket, other)
    put = witness._client.put_object

    def late(**wanted: Any) -> Any:
        """After the check and before the put, the rival puts: it goes on from the same checkpoint."""
        monkeypatch.setattr(witness._client, "put_object", put)
        publish(other, rival)
        return put(**wanted)

    monkeypatch.setattr(witness._client, "put_object", late)
    with pytest.raises(Forked):
        publish(ledger, witness)
    assert len({version["Key"] for version in bucket.versions()}) == len(bucket.versions()), "none was overwritten"


def test_one_log_that_two_put_at_the_same_moment_is_fine(
    bucket: Any, ledger: Ledger, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, events, 0, 1)
    publish(ledger, opened(bucket, ledger))
    append(ledger, events, 2)
    witness, rival = opened(bucket, ledger), opened(bucket, ledger)
    put = witness._client.put_object

    def late(**wanted: Any) -> Any:
        monkeypatch.setattr(witness._client, "put_object", put)
        append(ledger, events, 3)
        publish(ledger, rival)
        return put(**wanted)

    monkeypatch.setattr(witness._client, "put_object", late)
    publish(ledger, witness)
    last = opened(bucket, ledger).latest()
    assert last is not None and last.size == 4
    assert len(bucket.versions()) == 3


def test_the_newest_of_many_is_found(bucket: Any, ledger: Ledger, events: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """With pages of five names, over more than one folder of 1,000 sizes."""
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "5")
    witness = opened(bucket, ledger)
    append(ledger, events, *range(990))
    for number in range(990, 1_010):
        append(ledger, events, number)
        publish(ledger, witness)
    fresh = opened(bucket, ledger)
    last = fresh.latest()
    assert last is not None and last.size == 1_010
    append(ledger, events, 2_000)
    assert publish(ledger, fresh) is not None
    last = witness.latest()
    assert last is not None and last.size == 1_011


def test_what_stands_at_another_s_place_is_refused(bucket: Any, ledger: Ledger, events: Any) -> None:
    append(ledger, events, 0)
    publish(ledger, opened(bucket, ledger))
    (version,) = bucket.versions()
    note = bucket.client.get_object(Bucket=bucket.name, Key=version["Key"])["Body"].read()
    bucket.client.put_object(Bucket=bucket.name, Key=version["Key"][:-1] + "7", Body=note)
    with pytest.raises(Refused, match="the witness's checkpoint of 7 is one of 1"):
        publish(ledger, opened(bucket, ledger))


def test_the_client_checks_before_it_puts(bucket: Any, ledger: Ledger, events: Any) -> None:
    append(ledger, events, 0, 1, 2)
    publish(ledger, opened(bucket, ledger))
    append(ledger, events, 3)
    with ledger.proofs() as proofs:
        note, proof = proofs.edge.note, proofs.consistency(3)
    for wrong in ([], proof[::-1], [bytes(32)] * len(proof)):
        with pytest.raises(Forked):
            opened(bucket, ledger).accept(note, 3, wrong)
    with pytest.raises(Moved) as caught:
        opened(bucket, ledger).accept(note, 2, proof)
    assert caught.value.size == 3
    with pytest.raises(Moved) as caught:
        opened(bucket, ledger).accept(note, 0, [])
    assert caught.value.size == 3 and len(bucket.versions()) == 1
    assert opened(bucket, ledger).accept(note, 3, proof) == note
    assert opened(bucket, ledger).accept(note, 4, []) == note, "the same again changes nothing"


def test_a_bucket_without_locks_is_no_witness(make_bucket: Callable[..., Any], ledger: Ledger, events: Any) -> None:
    append(ledger, events, 0)
    with pytest.raises(StoreError, match="the store answered InvalidRequest") as caught:
        publish(ledger, opened(make_bucket(lock=False), ledger))
    assert "object lock" in caught.value.cure


def test_a_store_that_forgets_the_lock_is_told(
    bucket: Any, ledger: Ledger, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, events, 0)
    witness = opened(bucket, ledger)
    put = witness._client.put_object

    def forgetful(**wanted: Any) -> Any:
        return put(**{name: value for name, value in wanted.items() if not name.startswith("ObjectLock")})

    monkeypatch.setattr(witness._client, "put_object", forgetful)
    with pytest.raises(StoreError, match="does not keep what it is given"):
        publish(ledger, witness)


def test_without_credentials_nobody_else_is_asked_for_some(
    bucket: Any, ledger: Ledger, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(ledger, events, 0)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", bucket.endpoint)
    with pytest.raises(StoreError, match=r"the store does not answer \(NoCredentialsError\)"):
        publish(ledger, opened(bucket, ledger))


def test_a_bucket_that_is_not_there_is_told(bucket: Any, ledger: Ledger, events: Any) -> None:
    append(ledger, events, 0)
    log = KnownLog(ledger.origin, ledger.keys)
    witness = S3Witness("s3://no-such-bucket", log, endpoint=bucket.endpoint, retention_days=1)
    with pytest.raises(StoreError, match="the store answered NoSuchBucket") as caught:
        publish(ledger, witness)
    assert caught.value.where == "s3://no-such-bucket"


def test_without_boto3_the_extra_is_named(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(MissingPart) as caught:
        S3Witness("s3://bucket", KnownLog(ledger.origin, ledger.keys), endpoint="", retention_days=1)
    assert caught.value.cure == "pip install 'sluicegate[s3]'"
