"""Settings: read once from the environment, unknown names refused, all problems at once, sources told."""

import pytest

from infra.errors import ConfigError, StoreError
from infra.settings import read_settings


def test_defaults_listen_on_loopback_only(tmp_path) -> None:
    settings = read_settings({"SLUICE_HOME": str(tmp_path / "home")})
    assert settings.servers.host == "127.0.0.1"
    assert settings.telemetry.telemetry_content == "none"
    assert settings.home.root == tmp_path / "home"
    assert all(row.source == "default" for row in settings.sources if row.name != "SLUICE_HOME")


def test_a_value_from_the_environment_is_told(tmp_path) -> None:
    settings = read_settings({"SLUICE_HOME": str(tmp_path), "SLUICE_GATEWAY_PORT": "8123"})
    assert settings.servers.gateway_port == 8123
    row = next(row for row in settings.sources if row.name == "SLUICE_GATEWAY_PORT")
    assert (row.value, row.source) == ("8123", "environment")


def test_every_problem_comes_at_once(tmp_path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"SLUICE_HOM": "x", "SLUICE_GATEWAY_PORT": "many", "SLUICE_MLFLOW_PORT": "70000"})
    keys = {problem.key for problem in caught.value.problems}
    assert keys == {"SLUICE_HOM", "SLUICE_GATEWAY_PORT", "SLUICE_MLFLOW_PORT"}
    assert "SLUICE_HOME" in str(caught.value)


def test_other_names_are_left_alone(tmp_path) -> None:
    read_settings({"SLUICE_HOME": str(tmp_path), "PATH": "/bin", "SLUICE_TEST_DATA": "/data"})


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot make the folder"):
        read_settings({"SLUICE_HOME": str(tmp_path / "file" / "home")})


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("SLUICE_REVIEW_EXPIRES_DAYS", "-1", "greater than or equal to 0"),
        ("SLUICE_REVIEW_NOTIFY_COMMAND", "mail 'ana", "a quotation mark is open"),
        ("SLUICE_REVIEW_NOTIFY_WEBHOOK", "file:///etc/passwd", "not an address"),
        ("SLUICE_REVIEW_NOTIFY_WEBHOOK", "example.org/hook", "not an address"),
    ],
)
def test_who_is_told_of_a_review_is_checked_at_the_door(tmp_path, name: str, value: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"SLUICE_HOME": str(tmp_path), name: value})
    (problem,) = caught.value.problems
    assert problem.key == name and what in problem.what and value not in problem.what


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [
        ("SLUICE_WITNESS", "ftp://elsewhere", "not a place for a witness"),
        ("SLUICE_WITNESS", "s3:///prefix", "not a place for a witness"),
        ("SLUICE_WITNESS_ENDPOINT", "minio:9000", "not an address"),
        ("SLUICE_WITNESS_RETENTION_DAYS", "0", "greater than or equal to 1"),
    ],
)
def test_where_the_witness_is_is_checked_at_the_door(tmp_path, name: str, value: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"SLUICE_HOME": str(tmp_path), name: value})
    (problem,) = caught.value.problems
    assert problem.key == name and what in problem.what


def test_an_http_witness_needs_its_key(tmp_path) -> None:
    with pytest.raises(ConfigError) as caught:
        read_settings({"SLUICE_HOME": str(tmp_path), "SLUICE_WITNESS": "https://witness.example/w1"})
    assert [problem.key for problem in caught.value.problems] == ["SLUICE_WITNESS_KEY"]


def test_the_witness_is_the_same_place_from_every_folder(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"SLUICE_HOME": "home", "SLUICE_WITNESS": "elsewhere", "SLUICE_WITNESS_KEY": "w1.pub"}
    found = read_settings(given).witness
    assert (found.witness, found.witness_key) == (str(tmp_path / "elsewhere"), str(tmp_path / "w1.pub"))
    given = {"SLUICE_HOME": "home", "SLUICE_WITNESS": "s3://bucket/prefix", "SLUICE_WITNESS_KEY": "w1+00+AA"}
    found = read_settings(given).witness
    assert (found.witness, found.witness_key) == ("s3://bucket/prefix", "w1+00+AA")
