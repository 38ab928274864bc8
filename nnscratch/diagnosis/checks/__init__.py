"""The checks: each takes a Case and yields the findings that its numbers speak for; none knows another.

    the data         unlabelled  unscaled (input_unscaled, targets_unscaled)  unshuffled
    the layers       identical_units  saturated_by_bias  dead_units  signal_strength  gradient_strength
                     (the last two: vanishing_signal, exploding_signal, vanishing_gradient, exploding_gradient)
    the training     step_too_large  step_too_small  decay_dominates  not_finite  overfitting
    what is left     symptoms (constant_output, no_better_than_mean)

How to add a finding
    1. If it needs a number that is not there yet, measure it in signals.py, or in case.py if several checks need it.
    2. Write checks/<its code>.py: a function check(case) that yields Findings, its thresholds above it.
    3. List the module in findings.py: in CHECKS_OF_THE_UNTAUGHT if it keeps a network from learning, or CHECKS_OF_ALL.
    4. Give its code a place in ORDER there, causes first; say in EXPLAINS what follows from it, and from what it does.
    5. Write tests/diagnosis/checks/test_<its code>.py: a network that has it; tests/diagnosis/test_doctor.py shows that
       healthy ones have not.
"""
