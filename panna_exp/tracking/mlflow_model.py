"""Potentials as MLflow models: logged with their signature, registered, fetched by their address.

A model is known by the checkpoint in its tags: one that is in the store is not logged again, one
that a killed sender left unfinished is replaced.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from panna_exp import __version__
from panna_exp.errors import NetworkError
from panna_exp.tracking.journal_events import Event
from panna_exp.tracking.mlflow_store import quiet

_FACTS = "potential.json"  # in a potential's folder

_NAME = "potential"  # of one whose run has no name
_LONGEST_NAME = 100
_CHECKPOINT_TAG = "panna_exp.checkpoint"
_RESULTS = "result/"
# MLflow copies it beside the model and runs it where the model is loaded.
_CODE = Path(__file__).resolve().parents[1] / "pyfunc.py"


def log_model(client: Any, run_id: str, run_dir: Path, event: Event) -> str:
    """Logs the potential of a ``model`` event unless the store has it; returns its address.

    Args:
        client: MLflow's, of the store.
        run_id: The run's.
        run_dir: The run directory, in which the model's folder is.
        event: Of the journal.

    Raises:
        MlflowException, OSError: The store does not take it.
    """
    run = client.get_run(run_id)
    model_id = _find(client, run, event["name"]) or _create(client, run, run_dir, event)
    if event["register"]:
        _register(client, run_id, model_id, event["register"])
    return f"models:/{model_id}"


def _find(client: Any, run: Any, name: str) -> str | None:
    """Returns the id of the model that was logged before, after removing what is unfinished."""
    from mlflow.entities import LoggedModelStatus

    found = client.search_logged_models(
        [run.info.experiment_id], filter_string=f"source_run_id = '{run.info.run_id}'"
    )
    same = [model for model in found if model.tags.get(_CHECKPOINT_TAG) == name]
    for model in same:
        if model.status == LoggedModelStatus.READY:
            return str(model.model_id)
        client.delete_logged_model(model.model_id)
    return None


def _create(client: Any, run: Any, run_dir: Path, event: Event) -> str:
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    run_id = run.info.run_id
    model = client.create_logged_model(
        run.info.experiment_id,
        name=_model_name(run),
        source_run_id=run_id,
        tags={_CHECKPOINT_TAG: event["name"], "panna_exp": __version__},
        params={"checkpoint": event["name"], "species": " ".join(event["species"])},
        model_type="interatomic potential",
    )
    client.log_outputs(run_id, [LoggedModelOutput(model.model_id, event["step"])])
    _log_results(client, run, model.model_id, event["step"])
    with tempfile.TemporaryDirectory() as folder:
        _save(Path(folder) / "model", run_dir / event["folder"], event, run_id, model)
        client.log_model_artifacts(model.model_id, str(Path(folder) / "model"))
    client.finalize_logged_model(model.model_id, LoggedModelStatus.READY)
    return str(model.model_id)


def _model_name(run: Any) -> str:
    """Returns the run's name, less the characters that MLflow forbids in those of models."""
    plain = re.sub(r"[/:.%\"'\s]+", "_", run.info.run_name or "").strip("_")
    return plain[:_LONGEST_NAME] or _NAME


def _save(path: Path, potential: Path, event: Event, run_id: str, model: Any) -> None:
    """Writes the model as MLflow keeps it: the potential's folder, our code, the signature."""
    import mlflow.pyfunc
    from mlflow.models import Model

    mlflow.pyfunc.save_model(
        path,
        python_model=str(_CODE),
        artifacts={"potential": str(potential)},
        signature=_signature(event.get("members", 1) > 1),
        input_example=_example(event["species"]),
        pip_requirements=[f"panna-exp=={__version__}"],
        mlflow_model=Model(
            artifact_path=model.artifact_location,
            model_uuid=model.model_id,
            run_id=run_id,
            model_id=model.model_id,
        ),
    )


def _signature(is_committee: bool) -> Any:
    """Returns what the model takes and gives, a committee standard deviations as well.

    ``cell`` and ``pbc`` are of any type, so that molecules may leave them out beside crystals.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import (
        AnyType,
        Array,
        ColSpec,
        DataType,
        ParamSchema,
        ParamSpec,
        Schema,
    )

    vectors = Array(Array(DataType.double))
    spread = [
        ColSpec(DataType.double, "energy_std"),
        ColSpec(vectors, "forces_std", required=False),
    ]
    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(Array(DataType.string), "symbols"),
                ColSpec(vectors, "positions"),
                ColSpec(AnyType(), "cell", required=False),
                ColSpec(AnyType(), "pbc", required=False),
            ]
        ),
        outputs=Schema(
            [
                ColSpec(DataType.double, "energy"),
                ColSpec(Array(DataType.double), "atomic_energies"),
                ColSpec(vectors, "forces", required=False),
                *(spread if is_committee else []),
            ]
        ),
        params=ParamSchema([ParamSpec("forces", DataType.boolean, False)]),
    )


def _example(species: list[str]) -> tuple[list[dict[str, Any]], dict[str, bool]]:
    """Returns two atoms of the potential's species, one angstrom apart."""
    pair = [species[0], species[-1]]
    return [{"symbols": pair, "positions": [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]}], {"forces": False}


def _log_results(client: Any, run: Any, model_id: str, step: int) -> None:
    """Shows the run's result with the model; the run itself has the same points once."""
    from mlflow.entities import Metric

    points = [
        Metric(
            key, point.value, point.timestamp, point.step, model_id=model_id, run_id=run.info.run_id
        )
        for key in run.data.metrics
        if key.startswith(_RESULTS)
        for point in client.get_metric_history(run.info.run_id, key)
        if point.step == step
    ]
    if points:
        client.log_batch(run.info.run_id, metrics=points)


def _register(client: Any, run_id: str, model_id: str, name: str) -> None:
    """Makes the model the next version of a registered one, unless it is a version of it."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
    source = f"models:/{model_id}"
    if not client.tracking_uri.startswith("http"):
        # A database would look for the model in MLflow's global store instead of in itself.
        source = client.get_logged_model(model_id).artifact_location
    versions = client.search_model_versions(f"name = '{name}' and run_id = '{run_id}'")
    if all(version.source != source for version in versions):
        client.create_model_version(
            name, source, run_id=run_id, model_id=model_id, await_creation_for=None
        )


@contextmanager
def fetched_potential(address: str) -> Iterator[Path]:
    """Within the block there is the folder of a model's potential.

    Args:
        address: ``models:/NAME/VERSION``, ``models:/m-ID`` or ``runs:/ID/MODEL``, of the store that
            ``MLFLOW_TRACKING_URI`` names.

    Raises:
        NetworkError: No such model, or one that is not a potential of ours.
    """
    quiet()
    from mlflow.artifacts import download_artifacts
    from mlflow.exceptions import MlflowException

    with tempfile.TemporaryDirectory() as target:
        try:
            folder = Path(download_artifacts(artifact_uri=address, dst_path=target))
        except (MlflowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise NetworkError(f"{address}: MLflow does not give it: {reason}") from None
        found = sorted(folder.rglob(_FACTS), key=lambda path: len(path.parts))
        if not found:
            raise NetworkError(f"{address}: is not a potential of panna_exp: it has no {_FACTS}")
        yield found[0].parent
