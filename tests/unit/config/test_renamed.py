import pytest

from panna_exp.assembly.restart import flatten
from panna_exp.config import renamed

TABLE = {
    "execution=loops": "execution=numba",
    "execution=eager": "execution=torch",
    "training.share": "training.fraction",
    "training.stream": "data.streaming",
}


@pytest.fixture(autouse=True)
def table(monkeypatch):
    monkeypatch.setattr(renamed, "RENAMED", TABLE)
    monkeypatch.setattr(renamed, "_said", set())


@pytest.mark.parametrize(
    ("typed", "now"),
    [
        ("execution=loops", "execution=numba"),
        ("++execution=loops,eager,auto", "++execution=numba,torch,auto"),
        ("execution=choice(loops,eager)", "execution=choice(numba,torch)"),
        ("training.share=0.5", "training.fraction=0.5"),
        ("~training.share", "~training.fraction"),
        ("io.train_dir=loops", "io.train_dir=loops"),
        ("training.shared=1", "training.shared=1"),
        ("+species@network.species.H=deep", "+species@network.species.H=deep"),
        ("-m", "-m"),
        ("a=b=c\nd", "a=b=c\nd"),
    ],
)
def test_overrides(typed, now):
    assert renamed.renamed_override(typed) == now


def test_files_of_a_group_and_of_all(capsys):
    values = {"execution": "loops", "training": {"share": 1, "x": 2, "stream": True}, 1: {"a": 3}}
    now = {
        "execution": "numba",
        "training": {"fraction": 1, "x": 2},
        "data": {"streaming": True},
        1: {"a": 3},
    }
    assert renamed.renamed_values(values, recorded=True) == now
    assert capsys.readouterr().err == ""
    assert renamed.renamed_values(values) == now
    assert renamed.renamed_values({"share": 1}, "training") == {"fraction": 1}
    assert capsys.readouterr().err.splitlines() == [
        "note: execution=loops is now called execution=numba",
        "note: training.share is now called training.fraction",
        "note: training.stream is now called data.streaming",
    ]


def test_records_of_earlier_runs_compare():
    assert flatten({"training": {"share": 1}}) == flatten({"training": {"fraction": 1}})
