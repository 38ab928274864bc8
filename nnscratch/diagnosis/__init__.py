"""Why a network does not learn: signals measured layer by layer, findings in words, a doctor for a running training."""

from nnscratch.diagnosis.case import Finding
from nnscratch.diagnosis.doctor import Diagnosis, diagnose
from nnscratch.diagnosis.signal_profile import SignalProfile, signal_profile

__all__ = ["Diagnosis", "Finding", "SignalProfile", "diagnose", "signal_profile"]
