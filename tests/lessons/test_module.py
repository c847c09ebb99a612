"""Lesson `module`: shapes, numbers by hand, and what is registered."""

import torch

from cifar_cli.lessons.module import FEATURES, ListNet, ModuleListNet, by_hand, count, make_net


def test_three_examples_of_two_features_give_three_numbers() -> None:
    net = make_net()
    assert FEATURES.shape == (3, 2)
    assert net(FEATURES).shape == (3, 1)
    assert list(net.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert count(net) == 2 * 3 + 3 + 3 + 1


def test_every_layer_by_hand_equals_the_networks() -> None:
    net = make_net()
    before, hidden, outputs = by_hand(net, FEATURES)
    torch.testing.assert_close(before, net.fc1(FEATURES))
    torch.testing.assert_close(hidden, net.act1(net.fc1(FEATURES)))
    torch.testing.assert_close(outputs, net(FEATURES))
    assert (before < 0).any()  # else ReLU would have nothing to show


def test_a_plain_list_registers_nothing_and_a_module_list_everything() -> None:
    assert count(ListNet()) == 0
    assert ListNet().state_dict() == {}
    assert count(ModuleListNet()) == 13
    assert ListNet()(FEATURES).shape == ModuleListNet()(FEATURES).shape == (3, 1)  # both compute
