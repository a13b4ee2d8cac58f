"""What trackers learn of a committee: its configuration at the start, its data from a member."""

from pathlib import Path

from panna_exp.assembly.restart import flatten
from panna_exp.config.composed import yaml_text
from panna_exp.files import write_text_atomic
from panna_exp.run_files import CONFIG
from panna_exp.runs.job import Job
from panna_exp.runs.run_directory import environment
from panna_exp.runs.run_info import LONGEST_NAME, swept_first, swept_keys
from panna_exp.tracking import journal
from panna_exp.tracking.base import Dataset, RunInfo
from panna_exp.tracking.journal import last_start


def committee_info(job: Job) -> RunInfo:
    """Returns what trackers learn at the start."""
    facts = environment(job.launch_dir)
    told = swept_first(job.command.overrides, swept_keys(job.parent))
    tracking, folder = job.config.tracking, job.run_dir.resolve()
    return RunInfo(
        run_dir=folder,
        name=tracking.run_name or f"committee {' '.join(told)}"[:LONGEST_NAME],
        experiment=tracking.experiment,
        params=flatten(job.plain),
        tags={
            "git_commit": str(facts["git_commit"]),
            "panna_exp": str(facts["panna_exp"]),
            "run_dir": str(folder),
        },
        parent=job.parent,
    )


def write_config(job: Job) -> Path:
    """Writes the resolved configuration of a committee; returns its path."""
    write_text_atomic(job.run_dir / CONFIG, yaml_text(job.plain))
    return job.run_dir / CONFIG


def member_data(member: Path) -> list[Dataset]:
    """Returns the data sets that a tracked member was last trained on, none of others."""
    start = last_start(member / journal.NAME)
    return [] if start is None else [Dataset(**item) for item in start["datasets"]]
