"""Deep layer aggregation: what the root of a tree joins."""

import torch

from cifar_cli.models.dla import AggregationTree, SimpleTree, dla, simple_dla


def test_a_tree_of_level_one_joins_its_two_blocks() -> None:
    torch.manual_seed(0)
    images = torch.randn(2, 4, 8, 8)
    for tree in (AggregationTree(4, 6, level=1, stride=2).eval(), SimpleTree(4, 6, level=1, stride=2).eval()):
        left = tree.left(images)
        right = tree.right(left)
        joined = tree.root.conv(torch.cat((left, right), dim=1))
        assert torch.equal(tree(images), tree.root.relu(tree.root.norm(joined)))


def test_the_root_of_level_two_also_joins_the_tree_before_and_a_block_of_the_input() -> None:
    torch.manual_seed(0)
    tree, images = AggregationTree(4, 6, level=2, stride=2).eval(), torch.randn(2, 4, 8, 8)
    before = tree.before(images)
    lower = tree.trees[0](images)
    left = tree.left(lower)
    maps = (before, lower, left, tree.right(left))
    assert [tuple(features.shape) for features in maps] == [(2, 6, 4, 4)] * 4
    assert torch.equal(tree(images), tree.root.relu(tree.root.norm(tree.root.conv(torch.cat(maps, dim=1)))))


def test_a_simple_tree_of_level_two_joins_two_trees() -> None:
    torch.manual_seed(0)
    tree, images = SimpleTree(4, 6, level=2, stride=2).eval(), torch.randn(2, 4, 8, 8)
    assert (tree.left.root.conv.in_channels, tree.right.root.conv.in_channels) == (12, 12)
    left = tree.left(images)
    joined = tree.root.conv(torch.cat((left, tree.right(left)), dim=1))
    assert torch.equal(tree(images), tree.root.relu(tree.root.norm(joined)))


def test_the_two_networks_differ_in_their_trees() -> None:
    for build, tree in ((dla, AggregationTree), (simple_dla, SimpleTree)):
        model = build(image_shape=(3, 32, 32), num_classes=10, width=2, levels=(1, 2))
        assert [type(stage) for stage in model.stages] == [tree, tree]
