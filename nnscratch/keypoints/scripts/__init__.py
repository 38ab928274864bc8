"""What the example scripts share, in the order in which a training script uses it.

command_line.py  numbers on the command line, a line of progress, how a program ends
options.py       the options of all training scripts: TrainingParser, TrainingOptions
task.py          start_task: reads or draws the faces and splits them into a TrainingTask
run_folder.py    save_run: scores the result, and writes all files of the run's folder
diagnose.py      `python -m nnscratch diagnose`, which reads such a folder again
"""
