"""descriptors --report on data that ship: table, warnings, numbers, pictures; and mistakes."""

import json


def test_report(program):
    words = ("data.train=builtin:tutorial_validation.h5", "data.species=[H,C,O,N]")
    done = program.run("descriptors", "--report", *words)
    assert "180 structures, mBP variant C (384 components), computed" in done.stdout
    assert "warning: around C (60 atoms): 347 of 384 components are zero in every" in done.stdout
    folder = program.folder / "descriptor_report"
    for name in ("radial", "angular", "ranges"):
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    found = json.loads((folder / "report.json").read_text())
    assert found["atoms"] == {"H": 540, "C": 60, "O": 60, "N": 60}
    first = found["components"][2]
    assert (first["kind"], first["species"]) == ("radial", ["H"])
    assert set(first["central_atom"]["C"]) == {"min", "max", "mean", "std"}
    assert len(found["components"]) == 384
    assert not list(program.folder.rglob("*.h5"))


def test_mistakes_are_told_together(program):
    done = program.run("descriptors", "--report", "format=bin", "derivatives=dense", code=2)
    for text in (
        "data.train is missing",
        "format=bin: means nothing with report=true",
        "derivatives=dense: means nothing with report=true",
    ):
        assert text in done.stderr
