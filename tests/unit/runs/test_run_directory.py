"""What a run directory says of the program itself."""

from panna_exp.runs.run_directory import environment, source_sha256


def test_the_source_is_known_by_names_and_contents(tmp_path):
    def digest(**files):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        for name, text in files.items():
            path = folder / name.replace("__", "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.with_suffix(".py").write_text(text)
        (folder / "notes.txt").write_text(str(folder))
        return source_sha256(folder)

    first = digest(a="x = 1\n", part__b="y\n")
    assert digest(a="x = 1\n", part__b="y\n") == first
    others = [
        digest(a="x = 2\n", part__b="y\n"),
        digest(a="x = 1\n", b="y\n"),
        digest(a="x = 1\ny\n", part__b=""),
    ]
    assert len({first, *others}) == 4


def test_the_record_has_it(tmp_path):
    assert len(environment(tmp_path)["source_sha256"]) == 64
