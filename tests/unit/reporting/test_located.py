import hashlib
import json

import numpy as np
import pytest

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.evaluation.evaluated_data import (
    EvaluatedData,
    folder_for,
    read_evaluated_data,
)
from panna_exp.readers.files import FileRecord
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.reporting.entry import make_entry
from panna_exp.reporting.located import locate
from panna_exp.reporting.run import read_run

HEADER = "#filename n_atoms e_ref e_nn\n"
SPECIES = Species(("H", "O"))
ENERGIES = {"H": -13.6, "O": -2041.8}
WATER = np.array([[0.0, 0.8, -0.4], [0.0, -0.8, -0.4], [0.0, 0.0, 0.1]])


def water(length, positions=True):
    """Without a name and with the energy of all others: nothing to guess by."""
    return Structure(
        origin="w",
        name="",
        species=np.array([0, 0, 1]),
        energy=-2069.0,
        positions=length * WATER if positions else None,
        descriptors=None if positions else np.ones((3, 4), dtype=np.float32),
    )


def write_data(path, structures):
    write_hdf5(path, StructureSet.from_structures(structures), SPECIES)
    return file_of(path, len(structures))


def file_of(path, records, **changes):
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "0" * 64
    facts = {"path": path, "kind": "hdf5", "num_records": records, "sha256": sha256}
    return FileRecord(**{**facts, **changes})


def evaluated_data(files, records, **changes):
    facts = {
        "name": "validation",
        "fingerprint": "f" * 64,
        "files": files,
        "reading": {},
        "species": SPECIES.symbols,
        "records": np.array(records),
        "counts": np.array([[2, 1]] * len(records)),
    }
    return EvaluatedData(**{**facts, **changes})


def test_structures_are_found_by_file_and_record_alone(tmp_path):
    first = write_data(tmp_path / "a.h5", [water(1.0), water(1.1)])
    second = write_data(tmp_path / "b.h5", [water(1.2), water(1.3), water(1.4)])
    data = evaluated_data([first, second], [3, 0, 4, 1])
    found = locate(data, [0, 1, 2])
    assert found.notes == []
    for row, length, origin in (
        (0, 1.3, "b.h5, structure 1"),
        (1, 1.0, "a.h5, structure 0"),
        (2, 1.4, "b.h5, structure 2"),
    ):
        np.testing.assert_allclose(found.found[row].positions, length * WATER)
        assert origin in found.found[row].origin
        assert found.found[row].symbols == ("H", "H", "O")


def test_a_file_that_changed_or_moved_is_not_used_unless_its_content_is_the_same(tmp_path):
    file = write_data(tmp_path / "a.h5", [water(1.0)])
    data = evaluated_data([file], [0])
    moved = (tmp_path / "a.h5").rename(tmp_path / "elsewhere.h5")
    assert "a.h5 is not there any more: --data PATH names" in locate(data, [0]).notes[0]
    assert locate(data, [0], [str(moved)]).found[0].origin.startswith(str(moved))
    write_data(tmp_path / "a.h5", [water(2.0)])
    found = locate(data, [0])
    assert found.found == {}
    assert "a.h5 was changed after it was evaluated" in found.notes[0]


def test_files_that_are_too_large_or_of_another_time_are_noted(tmp_path):
    big = file_of(tmp_path / "b.h5", 10**7)
    assert "has 10000000 structures" in locate(evaluated_data([big], [0]), [0]).notes[0]
    stone = file_of(tmp_path / "b.h5", 1, kind="stone")
    assert "format is unknown, 'stone'" in locate(evaluated_data([stone], [0]), [0]).notes[0]
    other = write_data(tmp_path / "a.h5", [water(1.0)])
    later = evaluated_data([other], [0], reading={"stone_key": "x"})
    assert "stone_key" in locate(later, [0]).notes[0]


def test_data_with_descriptors_only_have_no_positions(tmp_path):
    file = write_data(tmp_path / "a.h5", [water(1.0, positions=False)])
    assert locate(evaluated_data([file], [0]), [0]).found[0].positions is None


def test_the_record_is_read_as_it_was_written(tmp_path):
    files = [file_of(tmp_path / "a.h5", 2), file_of(tmp_path / "b.h5", 3)]
    written = evaluated_data(files, [4, 0, 2], reading={"energy_key": "dft energy"})
    written.write(tmp_path)
    assert (tmp_path / "evaluation_records.tsv").read_text() == (
        "#file\trecord\tH\tO\n1\t2\t2\t1\n0\t0\t2\t1\n1\t0\t2\t1\n"
    )
    found = read_evaluated_data(tmp_path)
    assert [found.place(row)[1] for row in range(3)] == [2, 0, 0]
    for name in ("name", "fingerprint", "files", "reading", "species"):
        assert getattr(found, name) == getattr(written, name)
    np.testing.assert_array_equal(found.records, written.records)
    np.testing.assert_array_equal(found.counts, written.counts)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("evaluation_data.json", "{", "expected a JSON object"),
        ("evaluation_data.json", "[" * 10**5, "expected a JSON object"),
        ("evaluation_data.json", '{"name": 1}', "'name': expected str, found 1"),
        ("evaluation_records.tsv", "#file\n1\t2\n", "line 2: expected 4 whole numbers"),
        ("evaluation_records.tsv", "#file\n0\t-1\t2\t1\n", "line 2: expected 4 whole numbers"),
        ("evaluation_records.tsv", "#file\n7\t0\t2\t1\n", "names files that"),
    ],
)
def test_damaged_records_are_named(tmp_path, name, text, message):
    evaluated_data([file_of(tmp_path / "a.h5", 2)], [0]).write(tmp_path)
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=message):
        read_evaluated_data(tmp_path)


def test_each_data_set_has_a_folder_of_its_own(tmp_path):
    assert folder_for(tmp_path, "test", "a" * 64) == tmp_path / "test"
    (tmp_path / "test").mkdir()
    evaluated_data([], [], fingerprint="a" * 64, name="test").write(tmp_path / "test")
    assert folder_for(tmp_path, "test", "a" * 64) == tmp_path / "test"
    assert folder_for(tmp_path, "test", "b" * 64) == tmp_path / "test_bbbbbbbb"
    assert folder_for(tmp_path, "../a\x1b[1m", "a" * 64) == tmp_path / "_a_[1m"
    assert folder_for(tmp_path, "..", "a" * 64) == tmp_path / "data"


def run_on(make_run, dat, summary=None, data=None):
    run = make_run("run", environment={"data": {"reference_energies": ENERGIES}})
    (run / "evaluate").mkdir()
    (run / "evaluate/epoch_2_step_20.dat").write_text(HEADER + dat)
    if summary is not None:
        (run / "evaluate/epoch_2_step_20.json").write_text(json.dumps(summary))
    if data is not None:
        data.write(run / "evaluate")
    return read_run(run, running=False)


def only(entry):
    (shown,) = entry.evaluations.values()
    return shown


@pytest.mark.parametrize("summary", [None, {}, {"data": {"fingerprint": "of other data"}}])
def test_an_older_evaluation_is_not_guessed_at(make_run, tmp_path, summary):
    file = write_data(tmp_path / "a.h5", [water(1.0)])
    run = run_on(make_run, "N.A. 3 -2069.0 -2069.1\n", summary, evaluated_data([file], [0]))
    shown = only(make_entry(run, 0, "run", "", worst=8))
    assert (shown.worst, shown.located.found) == ([0], {})
    assert "does not say which records of which files" in shown.located.notes[0]
    assert shown.evaluation.data is None


@pytest.mark.parametrize("known", [True, False])
def test_predictions_without_free_atoms_get_them_or_are_not_shown(make_run, tmp_path, known):
    # Free atoms: 2 * -13.6 - 2041.8 = -2069.0; predicted -2068.8, error 0.3 eV.
    summary = {"energy": {"mae_mev_per_atom": 1000 * 0.3 / 3}}
    data = None
    if known:
        summary["data"] = {"fingerprint": "f" * 64}
        data = evaluated_data([file_of(tmp_path / "gone.h5", 1)], [0])
    shown = only(make_entry(run_on(make_run, "w 3 -2069.1 0.2\n", summary, data), 0, "run", ""))
    if known:
        np.testing.assert_allclose(shown.evaluation.error, [0.3], atol=1e-9)
        assert shown.notes == []
    else:
        assert np.isnan(shown.evaluation.error).all()
        assert "errors of single structures are not shown" in shown.notes[0]


def test_a_damaged_evaluation_does_not_cost_the_page(make_run):
    run = run_on(make_run, dat="w 3\n")
    warnings = []
    entry = make_entry(run, 27, "run", "", warn=warnings.append)
    assert entry.evaluations == {}
    assert "line 2: expected 4 columns, found 2" in warnings[0]
    assert "cannot be read" in entry.notes[0]
    assert entry.letter == "AB"
