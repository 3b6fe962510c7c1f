"""The ledger: which networks of a study are kept, and what happens if one is lost."""

from dataclasses import replace

import pytest
from making.damage import DAMAGES
from making.entries import LINEAGE, PARAMETERS, finish, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.search.events import FoldScored, TrialStarted
from serbench.store.artifacts import is_intact
from serbench.store.schema import ArtifactRow, StudyRow
from serbench.store.systems import Systems


def files(artifacts):
    return sorted(path.name for path in artifacts.glob("*.safetensors"))


def test_the_best_trials_fold_networks_are_kept_and_no_others(
    database, ledger, made, manifest, plan, artifacts
):
    weak, strong = 0.0, 5.0
    run_trial(ledger, made, manifest, plan, 0, weak)
    assert files(artifacts) == [f"{plan.key}-trial-1-fold-{fold}.safetensors" for fold in (1, 2)]
    run_trial(ledger, made, manifest, plan, 1, strong)
    best = [f"{plan.key}-trial-2-fold-{fold}.safetensors" for fold in (1, 2)]
    assert files(artifacts) == best
    run_trial(ledger, made, manifest, plan, 2, weak)
    assert files(artifacts) == best
    finish(ledger, made, manifest, plan, 1, strong)
    assert files(artifacts) == [*best, f"{plan.key}-winner-2.safetensors"]
    with database.session() as session:
        kept = session.query(ArtifactRow).order_by(ArtifactRow.id)
        assert [(each.file, each.split.fold, each.began_from) for each in kept] == [
            (best[0], "0", "none"),
            (best[1], "1", "none"),
            (f"{plan.key}-winner-2.safetensors", HOLDOUT, "none"),
        ]


def test_a_pruned_training_keeps_no_network(ledger, made, manifest, plan, artifacts):
    ledger.record(plan, TrialStarted(0, PARAMETERS))
    outcome = replace(made.outcome(manifest, 0, 0, plan), pruned=True)
    ledger.record(plan, FoldScored(outcome))
    assert files(artifacts) == []
    assert ledger.outcomes(plan)[0, 0].pruned


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_tested_winner_whose_network_is_lost_is_tested_again(
    damage, database, ledger, made, manifest, plan, artifacts
):
    run_trial(ledger, made, manifest, plan, 0)
    finish(ledger, made, manifest, plan, 0)
    path = artifacts / f"{plan.key}-winner-1.safetensors"
    assert not ledger.forget_lost_holdout(plan), "it is there"
    whole = path.read_bytes()
    damage(path)
    assert ledger.forget_lost_holdout(plan)
    assert ledger.outcomes(plan).keys() == {(0, 0), (0, 1)}, "the folds stay"
    with database.session() as session:
        assert session.query(StudyRow).one().finished is None
        assert session.query(ArtifactRow).filter_by(file=path.name).count() == 1, "its lineage"
    assert not ledger.forget_lost_holdout(plan), "once"

    finish(ledger, made, manifest, plan, 0)
    assert path.read_bytes() == whole
    assert not ledger.forget_lost_holdout(plan)
    assert Systems(database).rank(plan, made.metrics, LINEAGE) == 1
    with database.session() as session:
        artifact = session.query(ArtifactRow).filter_by(file=path.name).one()
        assert is_intact(path, artifact.sha256)
