"""Builds the trainer of a run from its configuration, its data and a checkpoint."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from panna_exp import __version__
from panna_exp.assembly.batches import batch_order, order_settings, pack
from panna_exp.assembly.datasets import DataPart, RunData
from panna_exp.assembly.descriptor import chosen_generation
from panna_exp.assembly.execution import choose_execution, make_steps
from panna_exp.assembly.machine import choose_device, choose_products, choose_threads, use_threads
from panna_exp.assembly.masks import Mask, MaskSource, build_masks, pruned, same_settings
from panna_exp.assembly.networks import NetworkSource, build_networks, incompatible
from panna_exp.assembly.optimisation import (
    collapse_watch,
    learning_rate,
    make_early_stopping,
    make_train_step,
)
from panna_exp.assembly.ranges import training_ranges, warn_of_untrained
from panna_exp.assembly.references import saved_symbols
from panna_exp.assembly.repulsion import short_range_repulsion
from panna_exp.assembly.restart import (
    Restart,
    changed_descriptor,
    epochs_in_all,
    flatten,
    next_position,
)
from panna_exp.assembly.saved import refuse_other_descriptor
from panna_exp.assembly.standardization import input_standardization
from panna_exp.config.schema import Execution, TrainConfig, TrainingConfig
from panna_exp.data.ranges import Ranges
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.errors import CheckpointError
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import NetworkData
from panna_exp.training.checkpoint import Checkpoint, Position
from panna_exp.training.flat import flat_values
from panna_exp.training.metrics import Totals
from panna_exp.training.processes import ALONE, Processes
from panna_exp.training.step import TrainStep
from panna_exp.training.trainer import Plan, Trainer

logger = logging.getLogger(__name__)

_STEPS_BETWEEN_CHECKPOINTS = 500


def steps_per_epoch(config: TrainingConfig, num_structures: int) -> int:
    """Returns training.steps_per_epoch, by default one pass over the data."""
    return config.steps_per_epoch or -(-num_structures // config.batch_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A trainer and what its checkpoints say besides its state."""

    trainer: Trainer
    networks: SpeciesNetworks
    threads: int
    execution: Execution
    descriptor: Descriptor
    stream: dict[str, Any]
    config: dict[str, Any]
    masks: dict[str, Mask]
    ranges: Ranges
    repulsion: Repulsion | None

    def checkpoint(self) -> Checkpoint:
        """Returns the trainer's present state."""
        trainer = self.trainer
        return Checkpoint(
            position=trainer.position,
            steps_per_epoch=trainer.plan.steps_per_epoch,
            networks=self.networks.to_data(),
            descriptor=self.descriptor.record,
            energy_rescale=trainer.energy_rescale,
            optimizer=trainer.step.optimizer.state(),
            epoch_sums=trainer.epoch_sums.sums.cpu().clone(),
            interval_sums=trainer.interval_sums.sums.cpu().clone(),
            stream=self.stream,
            config=self.config,
            threads=self.threads,
            execution=self.execution.value,
            versions={"panna_exp": __version__, "torch": str(torch.__version__)},
            train=trainer.last_train,
            validation=trainer.last_validation,
            masks={name: torch.from_numpy(mask) for name, mask in self.masks.items()},
            ranges=self.ranges,
            averaged=() if trainer.step.average is None else self.evaluated(),
            watch=trainer.early_stopping.state()
            | ({} if trainer.collapse is None else trainer.collapse.state()),
            standardization=self.networks.standardization,
            repulsion=self.repulsion,
        )

    def evaluated(self) -> tuple[NetworkData, ...]:
        """Returns the networks with averaged weights where they are averaged."""
        with self.trainer.step.averaged():
            return self.networks.to_data()

    def plain_networks(self) -> tuple[NetworkData, ...]:
        """Returns the present networks for use: those of descriptors as they are."""
        networks, found = self.networks.to_data(), self.networks.standardization
        return networks if found is None else found.folded(networks)


def build_run(
    config: TrainConfig,
    plain: Mapping[str, Any],
    data: RunData,
    restart: Restart,
    base: Path,
    processes: Processes = ALONE,
) -> Run:
    """Builds everything a training needs.

    Args:
        config: Validated.
        plain: The same as nested plain values, for the checkpoints.
        data: What to train on.
        restart: What to start from.
        base: Folder that relative paths start from.
        processes: That share the batches.

    Raises:
        ConfigError, NetworkError, CheckpointError: Networks that cannot be built or continued.
    """
    device = choose_device(config)
    dtype = getattr(torch, config.precision.value)
    initial = initial_networks(config, data, restart, base)
    masks = _masks(config, plain, restart, initial, base)
    initial = pruned(initial, masks)
    threads = _start_threads(config, data, restart, initial, processes)
    standardization = input_standardization(config.network, data, restart)
    repulsion = short_range_repulsion(config.network, data, restart)
    networks = SpeciesNetworks(initial, dtype, standardization).to(device)

    def new_weights(number: int) -> torch.Tensor:
        again = initial_networks(config, data, Restart(), base, number)
        return flat_values(pruned(again, masks), networks)

    products = choose_products(config.training.matmul, device)
    per_epoch = steps_per_epoch(config.training, len(data.train.structures))
    position = next_position(restart, per_epoch, config.training.panna_version)
    plan = _plan(config, per_epoch, position)
    saved = restart.checkpoint
    order = batch_order(config, data)
    packed = pack(data.train, data, config, dtype, device, order)
    totals = _restored_sums("interval_sums", restart, device, processes)
    execution = choose_execution(
        config,
        packed,
        networks,
        saved.execution if saved else None,
        processes,
        plan.max_epochs * plan.steps_per_epoch,
    )
    step = make_train_step(
        config.training,
        networks,
        masks,
        config.seed,
        processes,
        execution=execution,
        products=products,
    )
    _restore(step, restart)
    trainer = Trainer(
        step=step,
        steps=make_steps(execution, step, packed, totals, config.training.batch_size),
        data=packed,
        order=order,
        learning_rate=learning_rate(config.training, position, plan.steps_per_epoch),
        validation=pack(data.validation, data, config, dtype, device) if data.validation else None,
        plan=plan,
        position=position,
        epoch_sums=_restored_sums("epoch_sums", restart, device, processes),
        interval_sums=totals,
        early_stopping=make_early_stopping(
            config.training, saved.watch if saved and restart.exact else None
        ),
        collapse=collapse_watch(
            config.training, data, saved.watch if saved and restart.exact else None, plan
        ),
        new_weights=new_weights,
        energy_rescale=config.training.energy_rescale,
        last_train=dict(saved.train) if saved else {},
        last_validation=dict(saved.validation) if saved else {},
    )
    ranges = training_ranges(data.train, len(data.species), saved)
    warn_of_untrained(ranges, data.species, saved_symbols(config, base))
    return Run(
        trainer=trainer,
        networks=networks,
        threads=threads,
        execution=execution,
        descriptor=data.descriptor,
        stream=order_settings(config, data),
        config=dict(plain),
        masks=masks,
        ranges=ranges,
        repulsion=repulsion,
    )


def _start_threads(
    config: TrainConfig,
    data: RunData,
    restart: Restart,
    networks: tuple[NetworkData, ...],
    processes: Processes,
) -> int:
    """Chooses and sets the number of threads; a resumed run keeps its own, for equal bits."""
    work = _multiply_adds(networks, data.train) * config.training.batch_size / processes.size
    saved = restart.checkpoint
    threads = choose_threads(config, work, saved.threads if saved else None, processes.here)
    use_threads(threads)
    return threads


def _plan(config: TrainConfig, per_epoch: int, position: Position) -> Plan:
    return Plan(
        steps_per_epoch=per_epoch,
        max_epochs=epochs_in_all(config.training, position, per_epoch),
        log_frequency=config.io.log_frequency,
        save_checkpoint_steps=config.io.save_checkpoint_steps or _checkpoint_steps(per_epoch),
        told_at=tuple(
            step
            for step in (config.io.starting_model_save, config.io.final_model_save)
            if step is not None
        ),
    )


def _masks(
    config: TrainConfig,
    plain: Mapping[str, Any],
    restart: Restart,
    networks: tuple[NetworkData, ...],
    base: Path,
) -> dict[str, Mask]:
    """The checkpoint's masks where the options did not change, else new ones."""
    saved = restart.checkpoint
    if saved is not None and same_settings(flatten(saved.config), flatten(plain)):
        masks = {name: mask.numpy() for name, mask in saved.masks.items()}
    else:
        masks = build_masks(
            MaskSource(config=config.network, seed=config.seed, base=base), networks
        )
    for name, mask in masks.items():
        logger.info("%s: %d of %d pruned", name, mask.size - int(mask.sum()), mask.size)
    return masks


def _restore(step: TrainStep, restart: Restart) -> None:
    """Gives the step the checkpoint's moments of Adam and averages, where there is a checkpoint."""
    if restart.checkpoint is None:
        return
    missing = step.optimizer.load(restart.checkpoint.optimizer)
    if step.average is not None and restart.checkpoint.averaged:
        step.average.values.copy_(flat_values(restart.checkpoint.averaged, step.networks))
    if missing:
        logger.info("Adam's moments start at zero for %s", ", ".join(missing))


def _restored_sums(
    name: str, restart: Restart, device: torch.device, processes: Processes
) -> Totals:
    """The checkpoint's, which are those of all processes: the first one has them."""
    totals = Totals(device)
    if restart.checkpoint is not None and restart.exact and processes.rank == 0:
        saved = getattr(restart.checkpoint, name)
        totals.sums[: len(saved)] = saved.to(device)
    return totals


def _checkpoint_steps(per_epoch: int) -> int:
    """Whole epochs, and enough steps that saving takes little of the time."""
    return per_epoch * -(-_STEPS_BETWEEN_CHECKPOINTS // per_epoch)


def initial_networks(
    config: TrainConfig, data: RunData, restart: Restart, base: Path, number: int = 0
) -> tuple[NetworkData, ...]:
    """Returns the networks to start from, of a training's restart the ``number``-th others.

    Raises:
        CheckpointError: A checkpoint's do not fit.
    """
    wanted = build_networks(
        NetworkSource(
            config=config.network,
            species=data.species,
            offsets=data.offsets,
            feature_size=data.train.size,
            seed=config.seed,
            panna_version=config.training.panna_version,
            precision=config.precision,
            base=base,
            energy_rescale=config.training.energy_rescale if restart.checkpoint is None else 1.0,
            check_descriptor=partial(
                refuse_other_descriptor,
                info=data.descriptor,
                named=chosen_generation(config.data, config.descriptor) is not None,
            ),
            restart=number,
        )
    )
    if restart.checkpoint is None:
        return wanted
    saved = {network.symbol: network for network in restart.checkpoint.networks}
    problems = incompatible(saved, {network.symbol: network for network in wanted})
    own = Descriptor.from_record(restart.checkpoint.descriptor, restart.checkpoint.name)
    problems += changed_descriptor(own, data.descriptor)
    if problems:
        raise CheckpointError(
            f"cannot continue from {restart.checkpoint.name}: {'; '.join(problems)}: "
            "choose another io.train_dir for another network or descriptor"
        )
    return tuple(_continued(saved[new.symbol], new) for new in wanted)


def _continued(saved: NetworkData, new: NetworkData) -> NetworkData:
    """The saved layers with the present offset and trainable flags."""
    return NetworkData(
        symbol=new.symbol, layers=saved.layers, offset=new.offset, trainable=new.trainable
    )


def _multiply_adds(networks: tuple[NetworkData, ...], part: DataPart) -> float:
    """Multiply-adds of one structure's forward and backward pass, on average."""
    counts = part.structures.counts(len(networks)).mean(axis=0)
    sizes = [sum(layer.weights.size for layer in network.layers) for network in networks]
    return float(3 * sum(n * size for n, size in zip(counts, sizes, strict=True)))
