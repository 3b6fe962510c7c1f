"""A seed depends on what it is for, and on nothing else."""

import subprocess
import sys

from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.data.seeds import derive_seed

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x1f"))
PARTS = st.lists(st.integers() | WORDS, min_size=1, max_size=4)


@given(PARTS)
@settings(deadline=None, max_examples=50)
def test_a_seed_fits_into_what_every_generator_takes(parts):
    assert 0 <= derive_seed(*parts) < 2**31


@given(PARTS, PARTS)
@settings(deadline=None, max_examples=100)
def test_the_same_parts_give_the_same_seed_and_others_another(one, other):
    alike = [str(part) for part in one] == [str(part) for part in other]
    assert derive_seed(*one) == derive_seed(*one)
    assert (derive_seed(*one) == derive_seed(*other)) == alike


def test_the_order_and_the_borders_of_the_parts_count():
    seeds = [derive_seed(1, 2), derive_seed(2, 1), derive_seed(12), derive_seed("12", "")]
    assert len(set(seeds)) == len(seeds)


def test_seeds_of_neighbouring_folds_are_spread_out():
    seeds = [derive_seed(0, trial, fold) for trial in range(20) for fold in range(5)]
    assert len(set(seeds)) == 100
    assert min(seeds) < 2**29
    assert max(seeds) > 2**30


def test_a_seed_is_the_same_in_another_process():
    code = "from serbench.data.seeds import derive_seed; print(derive_seed(3, 'exam', 0))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert int(said) == derive_seed(3, "exam", 0)
