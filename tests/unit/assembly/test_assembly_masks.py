"""Which weights are pruned."""

import numpy as np
import pytest

from panna_exp.assembly.masks import MaskSource, build_masks, pruned, same_settings
from panna_exp.config.schema import NetworkConfig
from panna_exp.errors import ConfigError, NetworkError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.masks import write_masks
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import write_panna

WEIGHTS = np.array([[0.1, -3.0, 0.2], [-0.05, 1.0, -2.0]], dtype=np.float32)


def network(symbol="H"):
    layers = (
        LayerData(weights=WEIGHTS, biases=np.ones(3, np.float32), activation=Activation(1)),
        LayerData(
            weights=np.ones((3, 1), np.float32),
            biases=np.ones(1, np.float32),
            activation=Activation(0),
        ),
    )
    return NetworkData(symbol=symbol, layers=layers, offset=0.0, trainable=(True, True))


def masks_of(tmp_path, networks=None, **options):
    species = {"H": options}
    config = NetworkConfig(species=species, architecture=[3, 1])
    source = MaskSource(config=config, seed=3, base=tmp_path)
    return build_masks(source, networks or (network(),))


def save_networks(tmp_path):
    saved = NetworkSet(networks={"H": network()}, source="test")
    write_panna(saved, tmp_path / "weights")


def test_nothing_is_pruned_unless_asked(tmp_path):
    assert masks_of(tmp_path) == {}


def test_the_smallest_weights_go(tmp_path):
    save_networks(tmp_path)
    masks = masks_of(tmp_path, prunable="1:0", sparsity=0.5, pruning_weights="weights")
    assert list(masks) == ["H.0.weights"]
    expected = [[False, True, False], [False, True, True]]
    np.testing.assert_array_equal(masks["H.0.weights"], expected)
    (after,) = pruned((network(),), masks)
    np.testing.assert_array_equal(after.layers[0].weights, np.where(expected, WEIGHTS, 0))
    np.testing.assert_array_equal(after.layers[1].weights, np.ones((3, 1)))


def test_a_random_choice_depends_on_the_seed_and_the_species_alone(tmp_path):
    big = LayerData(
        weights=np.ones((9000, 1), np.float32),
        biases=np.ones(1, np.float32),
        activation=Activation(1),
    )
    wide = NetworkData(symbol="H", layers=(big,), offset=0.0, trainable=(True,))
    options = {"architecture": [1], "prunable": [True], "sparsity": 0.7}
    mask = masks_of(tmp_path, (wide,), **options)["H.0.weights"]
    assert 1 - mask.mean() == pytest.approx(0.7, abs=0.02)
    again = masks_of(tmp_path, (network("C"), wide), **options)
    np.testing.assert_array_equal(again["H.0.weights"], mask)


def test_one_sparsity_a_prunable_layer(tmp_path):
    save_networks(tmp_path)
    masks = masks_of(
        tmp_path, prunable=[True, True], sparsity=[0.5, 0.0], pruning_weights="weights"
    )
    assert {name: int(mask.sum()) for name, mask in masks.items()} == {
        "H.0.weights": 3,
        "H.1.weights": 3,
    }


def test_saved_masks_continue(tmp_path):
    save_networks(tmp_path)
    options = {"prunable": "1:0", "sparsity": 0.5}
    first = masks_of(tmp_path, **options, pruning_weights="weights")
    write_masks(first, tmp_path / "masks")
    again = masks_of(tmp_path, **options, starting_masks="masks")
    np.testing.assert_array_equal(again["H.0.weights"], first["H.0.weights"])
    # Pruned further by magnitude, what was pruned stays so.
    options["sparsity"] = 0.7
    further = masks_of(tmp_path, **options, starting_masks="masks", pruning_weights="weights")
    expected = [[False, True, False], [False, False, True]]
    np.testing.assert_array_equal(further["H.0.weights"], expected)


def test_a_saved_mask_of_another_sparsity(tmp_path):
    save_networks(tmp_path)
    first = masks_of(tmp_path, prunable="1:0", sparsity=0.5, pruning_weights="weights")
    write_masks(first, tmp_path / "masks")
    with pytest.raises(NetworkError, match=r"H, layer 0: .* sparsity 0.500, but .*sparsity is 0.8"):
        masks_of(tmp_path, prunable="1:0", sparsity=0.8, starting_masks="masks")


def test_masks_that_are_not_there_or_do_not_fit(tmp_path):
    options = {"prunable": "1:0", "sparsity": 0.5, "starting_masks": "masks"}
    with pytest.raises(NetworkError, match=r"H_l0_mask\.npy: no such file"):
        masks_of(tmp_path, **options)
    (tmp_path / "masks").mkdir()
    path = tmp_path / "masks" / "H_l0_mask.npy"
    np.save(path, np.ones((2, 2)))
    with pytest.raises(NetworkError, match=r"has the shape \(2, 2\), but \(2, 3\) is needed"):
        masks_of(tmp_path, **options)
    np.save(path, np.full((2, 3), 0.5))
    with pytest.raises(NetworkError, match="other values than 0"):
        masks_of(tmp_path, **options)
    path.write_bytes(b"rubbish")
    with pytest.raises(NetworkError, match=r"is not a \.npy file"):
        masks_of(tmp_path, **options)


def test_lists_of_another_length(tmp_path):
    with pytest.raises(ConfigError, match="sparsity has 3 values, but 2 layers are prunable"):
        masks_of(tmp_path, prunable="1:1", sparsity=[0.1, 0.2, 0.3])
    with pytest.raises(ConfigError, match="expected a number from 0 to below 1"):
        masks_of(tmp_path, prunable="1:1", sparsity=1.5)


def test_pruning_options_that_changed():
    old = {"network.species.H.sparsity": 0.5, "training.learning_rate": 1.0}
    assert same_settings(old, {**old, "training.learning_rate": 2.0})
    assert not same_settings(old, {"network.species.H.sparsity": 0.6})
