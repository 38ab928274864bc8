"""Why a network does not learn: its signals in numbers, and what is wrong in words.

    doctor.py          diagnose: what a user calls; the table and the text that it prints
    finding.py         Finding: one thing that is wrong
    figure.py          the picture of a diagnosis
    signals.py         the numbers of each layer: spread, silent units, gradient, decay, step
        rows.py            which rows are looked at
        passes.py          the pass of some images forward and back that they come from
        spread.py          rms, and the spread over images
        activity.py        which units let a gradient through
        twins.py           units with the same weights
    answers.py         Answers: how much a network explains of its targets, beside what can be
        explained.py       what answers leave unexplained
        learnable.py       what two plain rules from x to y explain
    case.py            Case: what a check is given, and the facts that several checks need
        rehearsal.py       what the first steps of the optimizer do to a copy
        saturation.py      how many times the spread a layer's biases are
        fading.py          what makes a signal fade if the weights are large enough
    checks/            one file per finding, or for a few, with its thresholds
    thresholds.py      thresholds that several files need
    findings.py        all checks together: which findings come first, and which follow from which
    trying.py          what the remedies bring, each tried on a copy
        setup.py           a training from its beginning, in copies
        treatments.py      remedies as changes of a setup
    first_look.py      what is certain before the first step
    watch.py           TrainingWatch: diagnoses every few epochs, for Trainer(diagnose_every=...)
    signal_profile.py  what several initializers would let through, before any training

How to add a finding: see checks/__init__.py.
"""

from nnscratch.diagnosis.doctor import Diagnosis, diagnose
from nnscratch.diagnosis.finding import Finding
from nnscratch.diagnosis.signal_profile import SignalProfile, signal_profile

__all__ = ["Diagnosis", "Finding", "SignalProfile", "diagnose", "signal_profile"]
