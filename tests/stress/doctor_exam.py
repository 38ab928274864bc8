"""The doctor among patients that nobody made for it: a table, and exit status 1 below the marks.

    python tests/stress/doctor_exam.py [--set first_set] [--only TEXT] [--remedies] [--json FILE]

Every patient is examined fresh, early, in the middle and at the end of its training, each time in a
training of its own. Counted are, at the end: causes named first or second; and, at any moment:
findings about a healthy network, and trained networks with R² < 0.05 that are called healthy.
With --remedies also: the first remedy that can be applied, tried, brings R² at least half of the
way from the patient's to the cure's.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from patients.patient import Healthy, Patient, Training

import nnscratch as nn
from nnscratch.diagnosis.setup import Setup
from nnscratch.files import atomic
from nnscratch.keypoints.scripts.outputs import writable

MOMENTS = ("fresh", "early", "mid", "trained")
LEARNT, NOTHING = 0.5, 0.05
MARKS = {"causes": 0.9, "remedies": 0.8}


def epochs_at(moment: str, epochs: int) -> int:
    return {"fresh": 0, "early": max(1, epochs // 20), "mid": max(2, epochs // 3), "trained": epochs}[moment]


def asked(training: Training, epochs: int) -> tuple[nn.Diagnosis, float]:
    """The diagnosis after so many epochs, and R² there."""
    history = training.run(epochs) if epochs else None
    arguments = (training.model, training.x, training.y, training.loss, training.optimizer, history)
    return nn.diagnose(*arguments), training.r2


def members(name: str) -> tuple[list[Patient], list[Healthy]]:
    package = importlib.import_module(f"patients.{name}")
    files = [importlib.import_module(f"patients.{name}.{file.name}") for file in pkgutil.iter_modules(package.__path__)]
    patients = [each for file in files for each in getattr(file, "PATIENTS", ())]
    return patients, [each for file in files for each in getattr(file, "HEALTHY", ())]


def examine_patient(patient: Patient, seed: int) -> dict[str, Any]:
    cured = patient.make(seed, True)
    cured.run(patient.epochs)
    result: dict[str, Any] = {"name": patient.name, "causes": list(patient.causes), "cured_r2": cured.r2, "codes": {}}
    for moment in MOMENTS:
        training = patient.make(seed, False)
        diagnosis, r2 = asked(training, epochs_at(moment, patient.epochs))
        result["codes"][moment] = diagnosis.codes
        if moment != "fresh" and r2 < NOTHING and diagnosis.healthy:
            result.setdefault("called_healthy", []).append(moment)
    result["r2"] = r2
    result["named"] = bool(set(result["codes"]["trained"][:2]) & set(patient.causes))
    result["named_fresh"] = bool(set(result["codes"]["fresh"][:2]) & set(patient.causes))
    return result


def examine_healthy(healthy: Healthy, seed: int) -> dict[str, Any]:
    result: dict[str, Any] = {"name": healthy.name, "codes": {}}
    for moment in MOMENTS:
        training = healthy.make(seed)
        diagnosis, result["r2"] = asked(training, epochs_at(moment, healthy.epochs))
        result["codes"][moment] = diagnosis.codes
    result["accused"] = [moment for moment in MOMENTS if result["codes"][moment]]
    return result


def remedied(patient: Patient, seed: int) -> tuple[float, str]:
    """R² of a training with the first remedy that can be applied, as `try_remedies` orders them."""
    ill = patient.make(seed, False)
    history = ill.run(patient.epochs)
    parts = ill.model, ill.x, ill.y, ill.loss, ill.optimizer
    diagnosis = nn.diagnose(*parts, history, try_remedies=True)
    for finding in diagnosis.findings:
        for treatment in finding.treatments[:1]:
            setup = Setup.of(*parts)
            try:
                treatment.apply(setup)
            except ValueError:
                return -1.0, f"{finding.code}: {treatment.words} (failed)"
            treated = Training(setup.model, setup.x, setup.y, setup.loss, setup.optimizer, ill.batch_size)
            treated.run(patient.epochs)
            return treated.r2, f"{finding.code}: {treatment.words}"
    return -1.0, "none can be applied"


def line_of(result: dict[str, Any], seconds: float) -> str:
    if "causes" in result:
        mark = "ok  " if result["named"] else "MISS"
        found = ", ".join(result["codes"]["trained"][:3]) or "-"
        sound = "" if result["cured_r2"] >= LEARNT and result["r2"] < result["cured_r2"] - 0.1 else "  [NO PATIENT]"
        called = "  CALLED HEALTHY" if result.get("called_healthy") else ""
        if "remedied_r2" in result:
            called += f"  {'' if result['cured'] else 'NOT '}CURED ({result['remedied_r2']:.2f}) by {result['remedy']}"
        scores = f"R² {result['r2']:.2f}, cured {result['cured_r2']:.2f}{sound}{called}"
        return f"{mark} {result['name']}: {'/'.join(result['causes'])} <- {found}; {scores}; {seconds:.1f} s"
    accused = "; ".join(f"{moment}: {', '.join(result['codes'][moment])}" for moment in result["accused"])
    mark = "ACCUSED" if accused else "ok     "
    return f"{mark} {result['name']}: R² {result['r2']:.2f}; {accused or 'silent'}; {seconds:.1f} s"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--set", default="first_set,second_set,third_set,fourth_set", help="sets, with a comma between them"
    )
    parser.add_argument("--only", default="", help="only names that contain this")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--remedies", action="store_true", help="apply the first remedy of each patient")
    parser.add_argument("--json", type=writable, help="write all results here")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # trainings that diverge say so
    results = []
    for name in arguments.set.split(","):
        patients, healthy = members(name)
        for each in [*patients, *healthy]:
            if arguments.only not in each.name:
                continue
            began = time.perf_counter()
            result = (
                examine_patient(each, arguments.seed)
                if isinstance(each, Patient)
                else examine_healthy(each, arguments.seed)
            )
            if arguments.remedies and isinstance(each, Patient):
                result["remedied_r2"], result["remedy"] = remedied(each, arguments.seed)
                result["cured"] = result["remedied_r2"] >= (max(result["r2"], 0.0) + result["cured_r2"]) / 2
            results.append(result)
            print(line_of(result, time.perf_counter() - began), flush=True)
    if arguments.json:
        atomic.write_text(arguments.json, json.dumps(results, indent=1) + "\n")
    return summary(results)


def summary(results: list[dict[str, Any]]) -> int:
    ill = [each for each in results if "causes" in each]
    well = [each for each in results if "causes" not in each]
    named = sum(each["named"] for each in ill)
    called = sum(bool(each.get("called_healthy")) for each in ill)
    accused = sum(bool(each["accused"]) for each in well)
    print(f"\n{named} of {len(ill)} causes named first or second; {accused} of {len(well)} healthy networks accused;")
    print(f"{called} networks with R² < {NOTHING} called healthy")
    tried = [each["cured"] for each in ill if "cured" in each]
    if tried:
        print(f"{sum(tried)} of {len(tried)} cured at least half by the first remedy that can be applied")
    return int(
        sum(tried) < MARKS["remedies"] * len(tried) or named < MARKS["causes"] * len(ill) or accused > 0 or called > 0
    )


if __name__ == "__main__":
    sys.exit(main())
