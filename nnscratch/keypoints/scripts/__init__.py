"""What the example scripts share, in the order in which a training script uses it.

command_line.py     numbers on the command line, lines for the user, how a program ends
options.py          the options of all training scripts: TrainingParser, TrainingOptions
task.py             training_task: faces to learn from, from a run's beginning to its end
training_run.py     what is around it: an earlier run, --resume, another place if a disk is full
  run_files.py        the names that the program writes, and what is in their way
  run_lock.py         one run at a time in a folder
  run_checkpoints.py  what an unfinished run keeps
  interruption.py     Ctrl-C and the other signals
run_folder.py       save_run: writes all files of the run's folder, networks first, and the scores
diagnose.py         `python -m nnscratch diagnose`, which reads such a folder again
export.py           `python -m nnscratch export`, which makes an ONNX file of it
compile_kernels.py  `python -m nnscratch compile`, which makes the first step of a training fast
"""
