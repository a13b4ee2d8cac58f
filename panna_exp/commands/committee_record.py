"""What trackers learn of a committee: its configuration at the start, its data from a member."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from panna_exp.assembly.restart import flatten
from panna_exp.commands.run_directory import environment
from panna_exp.commands.run_info import LONGEST_NAME, swept_first, swept_keys
from panna_exp.commands.train_run import plain_values
from panna_exp.config.schema import TrackingConfig
from panna_exp.files import write_text_atomic
from panna_exp.reporting.run import CONFIG
from panna_exp.tracking import journal
from panna_exp.tracking.base import Dataset, RunInfo
from panna_exp.tracking.journal import last_start


def committee_info(
    composed: DictConfig,
    tracking: TrackingConfig,
    folder: Path,
    launch_dir: Path,
    overrides: Sequence[str],
    parent: Path | None,
) -> RunInfo:
    """Returns what trackers learn at the start.

    Args:
        composed: The configuration.
        tracking: Names the run and its experiment.
        folder: The committee's.
        launch_dir: Where the user started.
        overrides: The command line's.
        parent: Folder of the sweep that it is a job of, or None.
    """
    facts = environment(launch_dir)
    told = swept_first(overrides, swept_keys(parent))
    return RunInfo(
        run_dir=folder.resolve(),
        name=tracking.run_name or f"committee {' '.join(told)}"[:LONGEST_NAME],
        experiment=tracking.experiment,
        params=flatten(plain_values(composed)),
        tags={
            "git_commit": str(facts["git_commit"]),
            "panna_exp": str(facts["panna_exp"]),
            "run_dir": str(folder.resolve()),
        },
        parent=parent,
    )


def write_config(composed: DictConfig, folder: Path) -> Path:
    """Writes the resolved configuration of a committee; returns its path."""
    write_text_atomic(folder / CONFIG, OmegaConf.to_yaml(plain_values(composed)))
    return folder / CONFIG


def member_data(member: Path) -> list[Dataset]:
    """Returns the data sets that a tracked member was last trained on, none of others."""
    start = last_start(member / journal.NAME)
    return [] if start is None else [Dataset(**item) for item in start["datasets"]]
