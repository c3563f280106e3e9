#!/usr/bin/env bash
# On one GPU, in ten minutes: the tests marked gpu, the group `gpu` of the benchmarks, and where a step's time goes.
#
#   benchmarks/gpu.sh [FOLDER]            default: outputs/gpu
#
# Each part has a time limit of its own and writes its results as it goes, so that a run that is cut off keeps what it has.
# PYTHON: the interpreter (.venv/bin/python, else python3). PARTS: which parts (tests benchmark profile). Without a GPU all of it
# runs in the tiny form on the CPU, to see that it runs; its figures mean nothing.
set -u
cd "$(dirname "$0")/.."
out=${1:-outputs/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH=src:.${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
export CUBLAS_WORKSPACE_CONFIG=:4096:8  # as xstilts trains
"$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || export XSTILTS_BENCHMARK_ENCODER=tiny
longer=$([ -n "${XSTILTS_BENCHMARK_ENCODER:-}" ] && echo 4 || echo 1)  # a CPU's cores start the processes one after the other

part() { # NAME SECONDS COMMAND ...
    case " ${PARTS:-tests benchmark profile} " in *" $1 "*) ;; *) return ;; esac
    local name=$1 seconds=$(($2 * longer)) start=$SECONDS
    shift 2
    timeout -k 5 "$seconds" "$@" >"$out/$name.txt" 2>"$out/$name.err"
    echo "$name: exit status $? after $((SECONDS - start)) s (limit $seconds s)" | tee -a "$out/parts.txt"
}

part tests 150 "$python" -m pytest -q -m gpu -W default -p no:cacheprovider tests/training/test_gpu.py tests/training/test_prediction.py
part benchmark 330 "$python" -m benchmarks gpu --out "$out"
part profile 100 "$python" -m benchmarks.gpu_profile "$out/profile.json"
tail -n 3 "$out/tests.txt" 2>/dev/null
cat "$out/RESULTS.md" "$out/profile.txt" 2>/dev/null
