"""Names of what a run directory holds, and the folder of a sweep or of a committee."""

CONFIG, OVERRIDES, ENVIRONMENT = "config.yaml", "overrides.json", "environment.json"
METADATA = "networks_metadata.json"
RESULT, METRICS, LOG = "result.json", "metrics.dat", "train.log"
CHECKPOINTS, EVALUATE, MODEL = "_models", "evaluate", "model"
JOURNAL = "tracking.jsonl"
COMMITTEE = "committee.json"  # names the members, in the folder of all of them
JOB = "job.json"  # says which job of a sweep a folder is of
LOCK = ".lock"  # locked while a process trains here
