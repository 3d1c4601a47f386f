#!/bin/bash
#SBATCH --job-name=flambeau
#SBATCH --nodes=4
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --time=01:00:00

module load openmpi
srun --mpi=pmix node train.js   # MPICH: module load mpich, and --mpi=pmi2
