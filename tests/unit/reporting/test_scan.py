from pathlib import Path

from panna_exp.reporting.scan import scan


def test_one_unreadable_folder_and_one_nested_json_hide_no_run(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.yaml").write_text("{}\n")
        (tmp_path / name / "environment.json").write_text("{}\n")
    (tmp_path / "b/result.json").write_text("[" * 100_000)
    (tmp_path / "a/metrics.dat").write_bytes(b"epoch MAE\n0 \xff\xfe\n")
    is_file = Path.is_file

    def refused(path):
        if path.parent.name == "c":
            raise PermissionError(13, "Permission denied", str(path))
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", refused)
    found = scan([tmp_path], lambda path: False)
    assert [path.name for path, _ in found.damaged] == ["a", "b", "c"]
    assert all("\n" not in text for _, text in found.damaged)
