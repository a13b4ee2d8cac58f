"""``panna-exp train``: one run, a committee, or a sweep of them."""

from dataclasses import replace

from panna_exp.assembly import torchrun
from panna_exp.config.launch import asks_for_sweep, launch
from panna_exp.errors import ConfigError
from panna_exp.quoting import key_of
from panna_exp.runs.choice import way_to_train
from panna_exp.runs.job import Job, remove_empty
from panna_exp.runs.sweep_job import train_sweep_job


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    torchrun.refuse_separate_tasks()  # before anything is made
    read = None
    if any(key_of(item) == "data.train" for item in arguments):
        from panna_exp.runs.own_data import completed  # reads data: nothing for other trainings

        own = completed(arguments)
        arguments, read = own.arguments, own.read
    if asks_for_sweep(arguments) and torchrun.world_size() > 1:
        raise _several("-m")
    for composed in launch(arguments, "train", "panna-exp train", train_sweep_job):
        job = replace(Job.of(composed), read=read)
        if job.config.training.seeds and torchrun.world_size() > 1:
            remove_empty(job.run_dir, job.launch_dir)
            raise _several("training.seeds")
        return way_to_train(job)(job).code
    return 0


def _several(what: str) -> ConfigError:
    return ConfigError(
        f"{what}: trains several potentials, but torchrun started {torchrun.world_size()} "
        "processes for one: start panna-exp without torchrun, hydra/launcher=joblib runs the "
        "jobs of a sweep side by side"
    )
