"""The sentences of a benchmark claim no more than its figures."""

from dataclasses import replace

from cifar_cli.benchmark.benchmark_tables import sentences
from cifar_cli.benchmark.epoch_end import EpochEnd
from cifar_cli.benchmark.matrix_peak import MatrixPeak
from cifar_cli.benchmark.measurement import Measurement

MEASURED = Measurement(
    batch_size=50,
    images_per_epoch=1000,
    steps_per_round=5,
    step_seconds={"ours": [0.10, 0.10], "watched": [0.1, 0.1], "bare": [0.10, 0.10], "reference": [0.30, 0.31]},
    part_seconds=[{}, {}],
    first_step_seconds={"ours": 1.5},
    epoch_end=EpochEnd(logging=0.1, validation=2.0),
    peak_memory_bytes=3 * 2**29,
    flops_per_step=20_000_000_000,
    matrix_peak=MatrixPeak(flops_per_second=400e9, size=2048),
)


def test_the_sentences_state_the_conclusions() -> None:
    assert sentences(MEASURED, reference="the tutorials' loop", precision="fp32") == [
        "3.05 times as fast as the tutorials' loop (3.00 to 3.10 in 2 rounds)",
        "the loop and its logging take +5.0 % over the same by hand (+5.0 % to +5.0 % in 2 rounds)",
        "at the end of an epoch: logging 100 ms, validation 2.0 s",
        "first step 1.50 s; 1.5 GiB of memory at most",
        "0.20 TFLOP/s, 50 % of the 0.40 TFLOP/s that products of 2048 × 2048 matrices reach here in fp32",
    ]


def test_from_six_rounds_on_the_sentences_have_a_confidence_interval() -> None:
    ours, others = [0.1] * 9, [0.12, 0.13, 0.13, 0.13, 0.13, 0.13, 0.13, 0.13, 0.19]
    steps = {"ours": ours, "watched": ours, "bare": ours, "reference": others}
    measured = replace(MEASURED, step_seconds=steps, part_seconds=[{}] * 9)
    printed = sentences(measured, reference="the plain loop", precision="fp32")
    assert printed[0] == (
        "1.30 times as fast as the plain loop (95 % confidence 1.30 to 1.30, 1.20 to 1.90 in 9 rounds)"
    )
    assert printed[1] == (
        "the loop and its logging take +5.0 % over the same by hand "
        "(95 % confidence +5.0 % to +5.0 %, +5.0 % to +5.0 % in 9 rounds)"
    )


def test_on_a_noisy_machine_the_sentences_have_a_range_instead_of_a_figure() -> None:
    steps = {**MEASURED.step_seconds, "bare": [0.10, 0.07], "reference": [0.30, 0.40]}
    measured = replace(MEASURED, step_seconds=steps, epoch_end=EpochEnd(logging=0.1, validation=None))
    printed = sentences(measured, reference="the plain loop", precision="bf16")
    noisy = "the rounds differ too much for one figure: try more --rounds and --seconds, while nothing else runs"
    assert printed[0] == f"3.00 to 4.00 times as fast as the plain loop; {noisy}"
    assert printed[1] == f"the loop and its logging take +5.0 % to +50.0 % over the same by hand; {noisy}"
    assert printed[2] == "at the end of an epoch: logging 100 ms"
