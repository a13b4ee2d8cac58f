"""The table of runs as its link opens it: with the columns that tell runs apart.

MLflow keeps a view that somebody shares as a tag of the experiment, and its page takes the view's
name in the address. Columns that no run has are left out by the page.
"""

import json

VIEW = "panna_exp"
_TAG = f"mlflow.sharedViewState.{VIEW}"
_COLUMNS = {
    "attributes": ("Created", "Dataset"),
    "metrics": ("result/energy_mae", "result/force_mae", "validation/loss"),
    "params": ("training.learning_rate", "seed"),
    "tags": ("network", "descriptor", "structures"),
}


def view_tags() -> dict[str, str]:
    """Returns the tags of an experiment that make the view."""
    columns = [f"{kind}.`{name}`" for kind, names in _COLUMNS.items() for name in names]
    return {_TAG: json.dumps({"selectedColumns": columns})}
