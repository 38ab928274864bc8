"""Second opinions: each remedy is applied to a copy, which is trained for some steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from nnscratch.diagnosis.case import Case
from nnscratch.diagnosis.finding import SYMPTOMS, Finding
from nnscratch.diagnosis.setup import Setup, Treatment, left_after, steps_of_a_trial

# Share of the targets' variance that a remedy must bring beyond the training as it is.
BRINGS = 0.05

# Share left with which a remedy is good enough: no other one is tried for the same finding.
GOOD = 0.1


# Share of the variance by which a remedy is far behind another one.
FAR_BEHIND = 0.3


@dataclass(frozen=True)
class Trial:
    """What a remedy brought.

    code : of the finding that it is for
    words : what was changed
    as_it_is, changed : share of the targets' variance left unexplained after the steps, without
        and with the remedy, both from freshly drawn weights, on rows kept apart; 1 is as good as
        the mean, 2 is the most that is said
    steps : how many
    """

    code: str
    words: str
    as_it_is: float
    changed: float
    steps: int

    @property
    def brings(self) -> bool:
        """Whether the remedy is better than nothing, by more than chance."""
        return self.changed < self.as_it_is - BRINGS

    def __str__(self) -> str:
        return (
            f"tried: unexplained after {self.steps} steps {self.as_it_is:.2f} as it is, {self.changed:.2f} with "
            f"{self.words}"
        )


def try_remedies(case: Case, findings: Sequence[Finding], setup: Setup) -> tuple[list[Finding], list[Trial]]:
    """The findings with those first whose remedy brings something, and one trial for each.

    A finding whose remedies bring nothing, or far less than another's, goes behind. One without a
    remedy that can be tried stays where it is. The best remedy of each finding becomes its first.
    """
    if not any(finding.treatments for finding in findings):
        return list(findings), []
    steps = steps_of_a_trial(case.model, case.x)
    as_it_is = left_after(setup, None, steps)
    treated, trials = [], []
    for finding in findings:
        tried: list[tuple[float, Treatment]] = []
        for treatment in finding.treatments:
            tried.append((left_after(setup, treatment, steps), treatment))
            if tried[-1][0] < min(GOOD, as_it_is - BRINGS):
                break
        if tried:
            changed, best = min(tried, key=lambda each: each[0])
            if changed > as_it_is - BRINGS:
                changed, best = tried[0]  # none brings anything: the likeliest stays the first
            trials.append(Trial(finding.code, best.words, as_it_is, changed, steps))
            others = tuple(each for each in finding.treatments if each is not best)
            treated.append(replace(finding, treatments=(best, *others)))
        else:
            treated.append(finding)
    best_share = min((trial.changed for trial in trials), default=0.0)
    useless = {trial.code for trial in trials if not trial.brings or trial.changed > best_share + FAR_BEHIND}
    return sorted(treated, key=lambda finding: (finding.code in SYMPTOMS, finding.code in useless)), trials
