"""Events of a journal as MLflow's parameters, tags, metrics and data sets, within its limits.

What is cut to fit is in the run's files as a whole: ``config.yaml`` has every parameter,
``environment.json`` every file of the data.
"""

import contextlib
import getpass
import json
from collections.abc import Iterator, Mapping
from typing import Any

from panna_exp.masking import masked, masked_values
from panna_exp.tracking.journal_events import Event
from panna_exp.tracking.mlflow_store import clean_key

# MLflow's limits, in characters.
_PARAM, _TAG, _NAME, _DIGEST, _SOURCE = 6000, 5000, 500, 36, 65535
_CONTEXT_TAG = "mlflow.data.context"


def metrics_of(event: Event, prefix: str = "") -> Iterator[Any]:
    """Yields the metrics of a ``metrics`` or ``evaluation`` event."""
    from mlflow.entities import Metric

    for name, value in event["values"].items():
        yield Metric(clean_key(f"{prefix}{name}"), value, event["time"], event["step"])


def params_of(event: Event) -> dict[str, str]:
    """Returns the parameters of a ``start`` or ``resume`` event."""
    cut = "... (all of it: config.yaml)"
    params = masked_values(event["params"])
    return {clean_key(name): _fitted(value, _PARAM, cut) for name, value in params.items()}


def tags_of(event: Event, known: Mapping[str, str]) -> dict[str, str]:
    """Returns the tags of a ``start`` or ``resume`` event.

    MLflow never changes a parameter: one that is ``known`` with another value, since a resumed run
    changed it, becomes a tag, ``resumed.training.max_epochs``.
    """
    tags = {clean_key(name): value for name, value in event["tags"].items()}
    for name, value in params_of(event).items():
        if name in known and known[name] != value:
            tags[clean_key(f"resumed.{name}")] = value
    return {name: _fitted(masked(value), _TAG, "...") for name, value in tags.items()}


def system_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Returns what MLflow's table of runs shows in its columns User, Source and Version."""
    found = {"mlflow.source.name": "panna-exp", "mlflow.source.type": "LOCAL"}
    commit = tags.get("git_commit", "None").rstrip("+")
    if commit != "None":
        found["mlflow.source.git.commit"] = commit
    with contextlib.suppress(KeyError, ImportError, OSError):  # a user without a name
        found["mlflow.user"] = getpass.getuser()
    return found


def inputs_of(event: Event) -> list[Any]:
    """Returns the data sets of a ``start`` or ``resume`` event as inputs of the run.

    ``mlflow.data.get_source`` takes them for local files. The digest is the beginning of the
    fingerprint, of which the profile has the whole.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    inputs = []
    for item in event.get("datasets", ()):
        dataset = Dataset(
            name=item["name"][:_NAME],
            digest=item["fingerprint"][:_DIGEST],
            source_type="local",
            source=_source(item["uri"], item["files"]),
            profile=json.dumps({**item["profile"], "fingerprint": item["fingerprint"]}),
        )
        inputs.append(DatasetInput(dataset, [InputTag(_CONTEXT_TAG, item["context"])]))
    return inputs


def _source(uri: str, files: list[dict[str, Any]]) -> str:
    """Returns the place and as many of its files as MLflow has room for."""
    shown = len(files)
    while True:
        source = json.dumps({"uri": uri, "files": files[:shown]})
        if len(source) <= _SOURCE or shown == 0:
            return source
        shown //= 2


def _fitted(text: str, length: int, cut: str) -> str:
    return text if len(text) <= length else text[: length - len(cut)] + cut
