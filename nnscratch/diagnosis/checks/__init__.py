"""The checks: each takes a Case and yields the findings it has; none knows another.

    the data       unlabelled
                   constant_input
                   columns_unscaled
                   unscaled            input_unscaled, targets_unscaled, targets_off_centre
                   labels              placeholder_labels, sparse_targets
                   misaligned_rows
                   unshuffled
    the network    last_layer          dropout_output, relu_output, silent_output
                   no_nonlinearity
                   too_small           too_small, pooled_away
                   dropout_too_strong
    the layers     identical_units
                   saturated_by_bias
                   saturated_units
                   dead_units
                   signal_strength     vanishing_signal, exploding_signal
                   gradient_strength   vanishing_gradient, exploding_gradient
    the training   not_trained
                   wrong_gradient
                   step_too_large
                   step_too_small
                   decay_dominates
                   output_not_learnt
                   not_finite
                   overfitting
    what is left   symptoms            constant_output, no_better_than_mean

How to add a finding
    1. Measure what it needs in signals.py, or in case.py or answers.py if several checks need it.
    2. Write checks/<its code>.py: check(case), which yields Findings, below its thresholds. Give
       them the treatments that may cure it, from treatments.py.
    3. List it in findings.py, in CHECKS_IF_NOTHING_LEARNT or in CHECKS_ALWAYS.
    4. Give its code a place in ORDER there, and add to EXPLAINS what it explains, what explains it.
    5. Write tests/diagnosis/checks/test_<its code>.py with a network that has it; the healthy
       networks of tests/diagnosis/test_doctor.py, and of tests/stress/patients, must not have it.
    6. Give it a line in docs/findings.md.
"""
