"""The checks: each takes a Case and yields the findings it has; none knows another.

    the data       unlabelled
                   unscaled            input_unscaled, targets_unscaled
                   unshuffled
    the layers     identical_units
                   saturated_by_bias
                   saturated_units
                   dead_units
                   signal_strength     vanishing_signal, exploding_signal
                   gradient_strength   vanishing_gradient, exploding_gradient
    the training   step_too_large
                   step_too_small
                   decay_dominates
                   not_finite
                   overfitting
    what is left   symptoms            constant_output, no_better_than_mean

How to add a finding
    1. Measure what it needs in signals.py, or in case.py if several checks need it.
    2. Write checks/<its code>.py: check(case), which yields Findings, below its thresholds.
    3. List it in findings.py, in CHECKS_IF_NOTHING_LEARNT or in CHECKS_ALWAYS.
    4. Give its code a place in ORDER there, and add to EXPLAINS what it explains, what explains it.
    5. Write tests/diagnosis/checks/test_<its code>.py with a network that has it; the healthy
       networks of tests/diagnosis/test_doctor.py must not have it.
"""
