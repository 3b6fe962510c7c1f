"""Checks before a study begins training."""

from __future__ import annotations

from serbench.errors import FEW, EnvironmentChangedError, LeakError
from serbench.model.environment import Environment
from serbench.search.plan import StudyPlan
from serbench.store.ledger import Ledger
from serbench.store.lineage import Lineage


def check_environment(plan: StudyPlan, ledger: Ledger, present: Environment) -> None:
    """Refuse to continue a study in an environment in which the same seeds give other logits.

    Args:
        plan: plan of the study.
        ledger: the records of studies.
        present: environment in which its trainings would run now.

    Raises:
        EnvironmentChangedError: the device, the architecture or a numerical library has changed.
    """
    now = present.decides_logits
    for environment in ledger.environments(plan):
        before = environment.decides_logits
        changes = {
            name: (before.get(name, "none"), now.get(name, "none"))
            for name in before.keys() | now.keys()
            if before.get(name) != now.get(name)
        }
        if changes:
            listed = ", ".join(
                f"{name} was {was} and is {is_}" for name, (was, is_) in sorted(changes.items())
            )
            raise EnvironmentChangedError(
                f"this study was begun in another environment ({listed}), where the same seeds "
                "give other logits: continue it in that environment, or begin a new study with "
                f"--seed {plan.seed + 1}",
                changes=changes,
            )


def check_lineage(plan: StudyPlan, lineage: Lineage) -> None:
    """Refuse a protocol that tests speakers on which the weights of a study were trained.

    Raises:
        LeakError: the protocol tests such speakers.
    """
    known = lineage.known_speakers
    if known:
        named = ", ".join(known[:FEW]) + (f" and {len(known) - FEW} more" if known[FEW:] else "")
        raise LeakError(
            f"protocol {plan.protocol} tests speakers on which the weights of {plan.backbone} were "
            f"trained ({named}), so the result would not hold for new speakers: choose other "
            "--weights or another --protocol, or add --allow-known-speakers, which marks the "
            "result and ranks it separately",
            speakers=known,
            protocol=plan.protocol,
        )
