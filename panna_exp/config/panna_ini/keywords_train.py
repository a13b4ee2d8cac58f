"""The keywords of training inputs."""

from panna_exp.config.panna_ini import values
from panna_exp.config.panna_ini.keywords import SPECIES, Keyword, Rows

_LONG_RANGE = "long-range electrostatics are not supported"
_IN_MEMORY = "all data are read into memory once before the first step"
FORMATS = values.one_of(tfr="tfrecord", TFR="tfrecord", example="example")


def _io() -> list[Keyword]:
    row = Rows("train", "IO_INFORMATION")
    return [
        row.honoured("data_dir", "data.train", note="required"),
        row.honoured("train_dir", "io.train_dir", note="required"),
        row.honoured(
            "log_frequency",
            "io.log_frequency",
            values.whole(1),
            default="1",
            note="in 1.x inputs the lines of delta_e.dat as well",
        ),
        row.honoured(
            "save_checkpoint_steps",
            "io.save_checkpoint_steps",
            values.whole(1),
            default="log_frequency",
            note="the last step is saved as well",
        ),
        row.honoured(
            "checkpoint_frequency",
            "io.save_checkpoint_steps",
            values.whole(1),
            only=1,
            note="another name of save_checkpoint_steps",
        ),
        row.honoured("max_ckpt_to_keep", "io.max_ckpt_to_keep", values.whole(1), default="1000"),
        row.honoured(
            "metrics",
            "io.metrics",
            values.some_of("MAE", "RMSE", "loss"),
            default="MAE",
            only=2,
            note="columns of metrics.dat; 1.x inputs get all of them",
        ),
        row.honoured(
            "input_format",
            "data.kind",
            FORMATS,
            default="tfr",
            note="tfr: tfrecord; example: descriptors are computed while training",
        ),
        row.honoured(
            "gvect_ini",
            "descriptor.*",
            only=2,
            note="read, and its [GVECT_PARAMETERS] taken over, with input_format = example",
        ),
        row.honoured("dataset_shuffle", "training.shuffle", values.boolean, default="True", only=2),
        *_restart(row),
        *_one_time_saves(row),
        *_io_without_effect(row),
    ]


def _restart(row: Rows) -> list[Keyword]:
    modes = ("default", "force_default", "continue_from_last_ckpt", "specific_ckpt", "metadata")
    return [
        row.honoured(
            "restart_mode",
            "io.restart_mode",
            values.one_of(*modes),
            default="default",
            only=2,
            note="1.x has no modes: it goes on from train_dir, which is continue_from_last_ckpt",
        ),
        row.honoured(
            "restart_file",
            "io.restart_checkpoint",
            only=2,
            note="with restart_mode = specific_ckpt: a checkpoint of ours, with or without .pt",
        ),
        row.honoured(
            "restart_epoch",
            "io.restart_epoch",
            values.whole(0),
            default="0",
            only=2,
            note="with restart_mode = specific_ckpt: epochs are counted from here",
        ),
        row.honoured(
            "restart_step",
            "io.restart_step",
            values.whole(0),
            default="0",
            only=2,
            note="with restart_mode = specific_ckpt: steps are counted from here",
        ),
    ]


def _one_time_saves(row: Rows) -> list[Keyword]:
    note = "a weights folder train_dir/{} after this step; -1: none"
    return [
        row.honoured(
            key,
            f"io.{key}",
            values.whole(-1, "a step, or -1"),
            default="-1",
            only=2,
            note=note.format(key.removesuffix("_save")),
        )
        for key in ("starting_model_save", "final_model_save")
    ]


def _io_without_effect(row: Rows) -> list[Keyword]:
    return [
        row.without_effect(
            "progbar_interval",
            values.number(0),
            "the progress line refreshes itself",
            default="1.0",
            only=2,
        ),
        row.without_effect("profile", values.names, "TensorFlow's profiler", only=2),
        *_loader(row, only=2),
        *(
            row.without_effect(
                key,
                values.whole(1),
                "deprecated, PANNA 2.x warns and goes on: the speed is always shown",
                only=1,
                weak=True,
            )
            for key in ("avg_speed_step", "avg_speed_steps")
        ),
        row.without_effect(
            "log_device_placement", values.boolean, "the device is always shown", only=1, weak=True
        ),
        row.without_effect(
            "tensorboard_log_frequency",
            values.whole(1),
            "scalars are written every log_frequency steps",
            only=1,
        ),
    ]


def _loader(row: Rows, only: int) -> list[Keyword]:
    return [
        row.without_effect(
            "num_parallel_readers", values.whole(1), _IN_MEMORY, default="1", only=only
        ),
        row.without_effect(
            "num_parallel_calls", values.whole(1), _IN_MEMORY, default="1", only=only
        ),
        row.without_effect(
            "shuffle_buffer_size_multiplier",
            values.whole(1),
            "all structures are shuffled, not a window of so many batches",
            default="10",
            only=only,
        ),
        row.without_effect(
            "prefetch_buffer_size_multiplier", values.whole(0), _IN_MEMORY, default="10", only=only
        ),
        row.without_effect(
            "dataset_cache", values.boolean, f"always so: {_IN_MEMORY}", default="False", only=only
        ),
    ]


def _parallelization() -> list[Keyword]:
    row = Rows("train", "PARALLELIZATION")
    threads = "threads=N sets the CPU threads"
    return [
        *_loader(row, only=1),
        row.without_effect("inter_op_parallelism_threads", values.whole(0), threads, only=1),
        row.without_effect("intra_op_parallelism_threads", values.whole(0), threads, only=1),
        row.without_effect("number_of_process", values.whole(1), threads, only=1),
    ]


def _data() -> list[Keyword]:
    row = Rows("train", "DATA_INFORMATION")
    return [
        row.honoured(
            "atomic_sequence",
            "data.species",
            values.names,
            note="required; 1.x: or the species of networks_metadata",
        ),
        row.honoured(
            "output_offset",
            "data.reference_energies",
            values.numbers,
            default="those of networks_metadata, else 0",
            note="one a species; a section [H] with its own comes first; 0 with total energies: a "
            "warning, since networks hardly learn these",
        ),
        row.honoured(
            "energy_rescale",
            "training.energy_rescale",
            values.number(above=0),
            default="1",
            note="undone in evaluation and, unlike in PANNA, in the last layer of extracted "
            "weights, whose metadata say so",
        ),
        row.without_effect(
            "sparse_derivatives",
            values.boolean,
            "each record says how its derivatives are stored",
            default="False",
        ),
        row.without_effect(
            "examples_name",
            values.boolean,
            "names are read where the records have them",
            default="True",
            only=2,
        ),
        row.without_effect(
            "max_atoms",
            values.whole(-1, "a number of atoms, or -1"),
            "batches are not padded",
            default="-1",
            only=2,
        ),
        row.without_effect(
            "scaffold_type",
            values.one_of("PANNA"),
            "the only one there is",
            default="PANNA",
            only=1,
        ),
    ]


def _validation() -> list[Keyword]:
    row = Rows("train", "VALIDATION_OPTIONS")
    return [
        row.honoured(
            "data_dir", "data.validation", only=2, note="evaluated at the end of each epoch"
        ),
        row.honoured(
            "input_format",
            "data.kind",
            FORMATS,
            default="that of [IO_INFORMATION]",
            only=2,
            note="another one than the training data's: data.kind=auto, by suffix",
        ),
        row.without_effect(
            "batch_size",
            values.whole(1),
            "metrics are taken over all validation data, not over the last batch",
            only=2,
        ),
    ]


def _network(section: str) -> list[Keyword]:
    row = Rows("train", section)
    key = "network" if section == "DEFAULT_NETWORK" else "network.species.X"
    return [
        row.without_effect(
            "nn_type",
            values.one_of("a2aff", "A2AFF", "ff", "a2a", "FF", "A2A"),
            "the only kind there is",
            default="a2aff",
        ),
        row.honoured(
            "g_size", "network.g_size", values.whole(1), note="the data must have this size"
        ),
        row.honoured("architecture", f"{key}.architecture", values.sizes),
        row.honoured("trainable", f"{key}.trainable", values.flags, default="all 1"),
        row.honoured(
            "activations",
            f"{key}.activations",
            values.activations,
            default="gaussian, last linear",
        ),
        row.honoured(
            "output_offset",
            "data.reference_energies",
            values.number(),
            note="eV" if section == SPECIES else "eV, of species that have no other",
        ),
        row.refused("normalization_technique", "PANNA has no working one, either"),
    ]


def _default_network() -> list[Keyword]:
    row = Rows("train", "DEFAULT_NETWORK")
    own = "PANNA reads it in the sections of species only ([H]): move it there"
    return [
        *_network("DEFAULT_NETWORK"),
        row.honoured(
            "networks_metadata",
            "network.networks_metadata",
            note="its species, sizes and offsets are read where the folder exists already",
        ),
        *(
            row.refused(key, own)
            for key in ("behavior", "prunable", "sparsity", "starting_masks", "pruning_weights")
        ),
    ]


def _species() -> list[Keyword]:
    row = Rows("train", SPECIES)
    key = "network.species.X"
    files = "with behavior load for layer N; both files are needed"
    return [
        *_network(SPECIES),
        row.honoured(
            "behavior",
            f"{key}.behavior",
            values.behavior,
            default="load with networks_metadata, else new",
            note="1.x: load takes layerN_w_file and layerN_b_file, keep is networks_metadata's; a "
            "species that networks_metadata lacks needs new for each layer",
        ),
        row.honoured("layerN_w_file", f"{key}.layer_files", only=1, note=files),
        row.honoured("layerN_b_file", f"{key}.layer_files", only=1, note=files),
        row.refused("networks_metadata", "one folder for all species, in [DEFAULT_NETWORK]"),
        row.honoured("prunable", f"{key}.prunable", values.flags, only=2),
        row.honoured(
            "sparsity",
            f"{key}.sparsity",
            values.fractions,
            only=2,
            note="one for all, or one a prunable layer: the part of the weights set to zero",
        ),
        row.honoured(
            "starting_masks", f"{key}.starting_masks", only=2, note="a folder that was saved once"
        ),
        row.honoured(
            "pruning_weights", f"{key}.pruning_weights", only=2, note="a folder that was saved once"
        ),
    ]


def _long_range() -> list[Keyword]:
    row = Rows("train", "LONG_RANGE")
    return [
        row.refused(key, _LONG_RANGE, harmless=values.boolean, default="False", only=2)
        for key in ("long_range_el", "long_range_vdw")
    ]


def rows() -> list[Keyword]:
    """Returns every row but those of [TRAINING_PARAMETERS]."""
    return [
        *_io(),
        *_data(),
        *_default_network(),
        *_species(),
        *_validation(),
        *_parallelization(),
        *_long_range(),
    ]
