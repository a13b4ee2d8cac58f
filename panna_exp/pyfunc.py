"""The code of the models that are logged in MLflow, which keeps a copy of this file with each.

MLflow runs it where such a model is loaded; energies come from the panna_exp installed there.
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel, PythonModelContext


class PannaModel(PythonModel):  # type: ignore[misc]
    """Predicts energies, and forces where asked, with the potential of a training."""

    def load_context(self, context: PythonModelContext) -> None:
        """Reads the potential; NetworkError if it is of a version that cannot be read."""
        # Imported here: MLflow runs this file also where it logs a model, and needs no torch there.
        from panna_exp.predictor import Predictor

        self._predictor = Predictor.load(context.artifacts["potential"])

    def predict(
        self,
        context: PythonModelContext,
        model_input: pd.DataFrame,
        params: Mapping[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Returns a row per structure: ``energy``, ``atomic_energies``, ``forces`` if asked for.

        Of a committee these are means, with ``energy_std`` and ``forces_std`` beside them.

        Args:
            context: Not needed.
            model_input: A row per structure: ``symbols``, ``positions``, and for periodic ones
                ``cell`` and ``pbc`` (see :meth:`panna_exp.predictor.Predictor.predict`).
            params: ``forces``: whether to compute these.
        """
        wanted = bool((params or {}).get("forces", False))
        rows = self._predictor.predict(model_input.to_dict("records"), wanted)
        return pd.DataFrame(rows, index=model_input.index)


set_model(PannaModel())
