"""Lesson `module`: shapes, numbers by hand, and what is registered."""

import torch

from cifar_cli.lessons.module import FEATURES, Forgetful, Mindful, by_hand, count, make_net


def test_three_examples_of_two_features_give_three_numbers() -> None:
    net = make_net()
    assert FEATURES.shape == (3, 2)
    assert net(FEATURES).shape == (3, 1)
    assert list(net.state_dict()) == ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]
    assert count(net) == 2 * 3 + 3 + 3 + 1


def test_by_hand_each_station_gives_what_the_network_gives() -> None:
    net = make_net()
    before, hidden, outputs = by_hand(net, FEATURES)
    torch.testing.assert_close(before, net.fc1(FEATURES))
    torch.testing.assert_close(hidden, net.act1(net.fc1(FEATURES)))
    torch.testing.assert_close(outputs, net(FEATURES))
    assert (before < 0).any()  # else ReLU would have nothing to show


def test_a_plain_list_registers_nothing_and_a_module_list_everything() -> None:
    assert count(Forgetful()) == 0
    assert Forgetful().state_dict() == {}
    assert count(Mindful()) == 13
    assert Forgetful()(FEATURES).shape == Mindful()(FEATURES).shape == (3, 1)  # both compute
