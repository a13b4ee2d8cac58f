"""Records of an earlier training in a run directory that starts over."""

from pathlib import Path

from panna_exp.tracking import journal, mlflow_delivery

EVENT_FILES = "events.out.tfevents.*"
VALIDATION = "validation"  # TensorBoard's folder for it


def archive(run_dir: Path, folder: str) -> bool:
    """Moves what trackers left to ``run_dir/folder``, so that a training can begin anew there.

    Without this the new training would continue the old one's record, and its first steps would
    be skipped as redone ones. TensorBoard shows the folder as a run of its own.

    Returns:
        Whether there was anything.
    """
    names = (journal.NAME, mlflow_delivery.STATE, VALIDATION)
    found = [run_dir / name for name in names if (run_dir / name).exists()]
    found += run_dir.glob(EVENT_FILES)
    for path in found:
        (run_dir / folder).mkdir(exist_ok=True)
        path.rename(run_dir / folder / path.name)
    return bool(found)
