"""The error tree: what, where and cure in one sentence; exit codes; copies across processes."""

import pickle  # to show that errors cross process borders; nothing of ours unpickles

import pytest

from infra import errors

KINDS = [errors.BadInput, errors.CheckFailed, errors.Refused, errors.MissingPart, errors.PartFailed, errors.StoreError]


@pytest.mark.parametrize(
    ("kind", "code", "standard"),
    [
        (errors.BadInput, 2, ValueError),
        (errors.CheckFailed, 1, Exception),
        (errors.Refused, 1, PermissionError),
        (errors.MissingPart, 3, ImportError),
        (errors.PartFailed, 3, RuntimeError),
        (errors.StoreError, 3, OSError),
    ],
)
def test_exit_code_and_standard_class(kind: type[errors.SluiceError], code: int, standard: type[Exception]) -> None:
    assert kind.exit_code == code
    assert issubclass(kind, standard)


@pytest.mark.parametrize("kind", KINDS)
def test_says_what_where_and_cure(kind: type[errors.SluiceError]) -> None:
    text = str(kind("it broke", where="file.yaml", cure="mend it"))
    assert text == "file.yaml: it broke\n  cure: mend it"


@pytest.mark.parametrize("kind", KINDS)
def test_survives_a_process_border(kind: type[errors.SluiceError]) -> None:
    error = kind("it broke", where="here", cure="mend it")
    copy = pickle.loads(pickle.dumps(error))
    assert (type(copy), str(copy)) == (kind, str(error))


def test_a_config_error_lists_every_problem() -> None:
    rows = (errors.Problem(3, "a.b", "unknown key", "delete it"), errors.Problem(9, "c", "missing", "add it"))
    error = errors.ConfigError("p.yaml", rows)
    assert "p.yaml: 2 problems" in str(error)
    assert "line 3, key a.b: unknown key" in str(error)
    assert "line 9, key c: missing" in str(error)
    assert pickle.loads(pickle.dumps(error)).problems == rows
