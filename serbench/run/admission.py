"""What must hold before a study trains anything."""

from __future__ import annotations

from serbench.errors import FEW, EnvironmentChangedError, LeakError
from serbench.model.environment import this_environment
from serbench.search.plan import StudyPlan
from serbench.store.ledger import Ledger
from serbench.store.lineage import Lineage


def check_environment(plan: StudyPlan, ledger: Ledger) -> None:
    """Refuse to continue a study in an environment that gives other logits for the same seeds.

    Raises:
        EnvironmentChangedError: its device, architecture or a numerical library was another.
    """
    now = this_environment().decides_logits
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
                f"this study was begun in another environment ({listed}), in which the same seeds "
                "give other logits: continue it there, or begin another one here with --seed "
                f"{plan.seed + 1}",
                changes=changes,
            )


def check_lineage(plan: StudyPlan, lineage: Lineage) -> None:
    """Refuse a protocol that tests speakers whom the weights of a study were trained on.

    Raises:
        LeakError: it does.
    """
    known = lineage.known_speakers
    if known:
        named = ", ".join(known[:FEW]) + (f" and {len(known) - FEW} more" if known[FEW:] else "")
        raise LeakError(
            f"{plan.protocol} tests speakers that the weights of {plan.backbone} were trained on "
            f"({named}), so the result would not hold for new speakers: choose other weights or "
            "another protocol, or add --allow-known-speakers to have the result marked and ranked "
            "apart",
            speakers=known,
            protocol=plan.protocol,
        )
