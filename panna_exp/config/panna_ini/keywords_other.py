"""The keywords of inputs for validation and weight extraction."""

from panna_exp.config.panna_ini import values
from panna_exp.config.panna_ini.keywords import Keyword, Rows
from panna_exp.config.panna_ini.keywords_train import FORMATS

_LONG_RANGE = "long-range electrostatics are not supported"


def rows() -> list[Keyword]:
    """Returns the rows of both kinds."""
    return [*_validation_io(), *_validation_options(), *_tfr_structure(), *_extract()]


def _validation_io() -> list[Keyword]:
    row = Rows("validation", "IO_INFORMATION")
    return [
        row.honoured("data_dir", "data.test", note="required"),
        row.honoured("eval_dir", "io.eval_dir", note="required"),
        row.honoured(
            "networks_dir", "run_dir", only=2, note="TRAIN_DIR/_models of a training run here"
        ),
        row.honoured(
            "train_ini",
            "",
            only=2,
            note="read for input_format and gvect_ini; the rest is in the checkpoints",
        ),
        row.honoured("train_dir", "run_dir", only=1),
        row.honoured(
            "networks_format",
            "network_dir",
            values.one_of("tf_checkpoint", "PANNA"),
            default="tf_checkpoint",
            only=1,
            note="PANNA: networks_folder is evaluated instead of train_dir",
        ),
        row.honoured("networks_folder", "network_dir", default="./saved_networks", only=1),
        row.honoured(
            "example_format", "data.kind", values.one_of(TFR="tfrecord"), default="TFR", only=1
        ),
        row.honoured(
            "input_format",
            "data.kind",
            FORMATS,
            default="that of train_ini, else tfr",
            only=2,
        ),
        row.honoured(
            "gvect_ini",
            "descriptor.*",
            default="that of train_ini",
            only=2,
            note="with input_format = example, for networks that do not say their descriptor",
        ),
    ]


def _validation_options() -> list[Keyword]:
    row = Rows("validation", "VALIDATION_OPTIONS")
    return [
        row.honoured(
            "single_step",
            "checkpoint",
            values.boolean,
            default="False",
            note="True: the last checkpoint, or the one of step_number; False: all",
        ),
        row.honoured(
            "epoch_number",
            "checkpoint",
            values.whole(1),
            only=2,
            note="with single_step and step_number: epoch_E_step_S",
        ),
        row.honoured("step_number", "checkpoint", values.whole(0), note="with single_step: step_S"),
        row.honoured(
            "subsampling",
            "subsampling",
            values.whole(1),
            default="1",
            note="every n-th checkpoint, without single_step",
        ),
        row.honoured(
            "start",
            "start",
            values.whole(-(2**31), "a whole number"),
            default="0",
            only=2,
            note="first in the list of checkpoints, from 0, without single_step",
        ),
        row.honoured(
            "end",
            "end",
            values.whole(-(2**31), "a whole number"),
            only=2,
            note="the first one left out, without single_step",
        ),
        row.honoured(
            "batch_size",
            "batch_size",
            values.whole(-1, "a number of structures, or -1"),
            note="at once: changes memory and speed only; -1 (1.x): the default here",
        ),
        row.honoured("compute_forces", "compute_forces", values.boolean, default="False"),
        row.honoured(
            "add_offset",
            "add_offset",
            values.boolean,
            default="True",
            only=1,
            note="False: energies without the free atoms'",
        ),
    ]


def _tfr_structure() -> list[Keyword]:
    own = "the data and the networks say it, and are compared"
    structure = Rows("validation", "TFR_STRUCTURE")
    parallel = Rows("validation", "PARALLELIZATION")
    long_range = Rows("validation", "LONG_RANGE")
    return [
        structure.without_effect("g_size", values.whole(1), own, only=1),
        structure.without_effect(
            "sparse_derivatives",
            values.boolean,
            "each record says how its derivatives are stored",
            default="False",
            only=1,
        ),
        parallel.without_effect(
            "number_of_process", values.whole(1), "threads=N sets the CPU threads", only=1
        ),
        *(
            long_range.refused(key, _LONG_RANGE, harmless=values.boolean, default="False", only=2)
            for key in ("long_range_el", "long_range_vdw")
        ),
    ]


def _extract() -> list[Keyword]:
    row = Rows("extract", "IO_INFORMATION")
    return [
        row.honoured(
            "network_dir", "run_dir", only=2, note="TRAIN_DIR/_models of a training run here"
        ),
        row.honoured("train_dir", "run_dir", only=1),
        row.honoured("output_dir", "io.output_dir", default="./saved_network"),
        row.honoured(
            "step_number",
            "checkpoint",
            values.whole(-1, "a step, or -1 for the last"),
            default="-1",
            note="step_S",
        ),
        row.honoured(
            "output_type", "output_type", values.one_of("PANNA", "LAMMPS"), default="PANNA"
        ),
        row.honoured(
            "output_file",
            "output_file",
            default="panna.in",
            note="the text file of output_type = LAMMPS",
        ),
        row.honoured(
            "gvector_version",
            "gversion",
            values.one_of("0", "1"),
            default="1",
            only=2,
            note="output_type = LAMMPS: 0 with scalar parameters, 1 with lists",
        ),
        row.honoured(
            "gvector_input",
            "descriptor.*",
            note="read, and its [GVECT_PARAMETERS] taken over for networks that do not say their "
            "descriptor; 1.x needs it",
        ),
        row.honoured(
            "train_input", "", note="read and checked; what it says is in the checkpoints"
        ),
        row.refused("long_range_el", _LONG_RANGE, harmless=values.boolean, default="False", only=2),
    ]
