"""Options of tracking."""

from panna_exp.config.schema import TrackingConfig
from panna_exp.config.validation.problems import Problems


def check_tracking(tracking: TrackingConfig, problems: Problems) -> None:
    """Adds the mistakes in the options of tracking."""
    seconds = tracking.wait_seconds
    problems.check(seconds >= 0, f"tracking.wait_seconds={seconds} must be >= 0")
    name = tracking.register
    if name is None:
        return
    problems.check(
        bool(name.strip(". ")) and not set(name) & set("/:'\""),
        f"tracking.register={name!r}: expected a name without slashes, colons and quotes",
    )
    problems.check(
        tracking.mlflow and tracking.log_model,
        f"tracking.register={name}: registers the model that tracking=mlflow with "
        "tracking.log_model=true logs: set both, or leave it out",
    )
