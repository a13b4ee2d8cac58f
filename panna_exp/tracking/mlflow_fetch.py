"""Potentials from MLflow, by their address."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from panna_exp.errors import NetworkError
from panna_exp.tracking.mlflow_store import quiet

_FACTS = "potential.json"  # in a potential's folder


@contextmanager
def fetched_potential(address: str) -> Iterator[Path]:
    """Within the block there is the folder of a model's potential.

    Args:
        address: ``models:/NAME/VERSION``, ``models:/m-ID`` or ``runs:/ID/MODEL``, of the store that
            ``MLFLOW_TRACKING_URI`` names.

    Raises:
        NetworkError: No such model, or one that is no potential of ours.
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
            raise NetworkError(f"{address}: is no potential of panna_exp: it has no {_FACTS}")
        yield found[0].parent
