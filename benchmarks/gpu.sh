#!/usr/bin/env bash
# On one GPU, in ten minutes: the tests marked gpu, the group `gpu` of the benchmarks, where a step's time goes, and a study.
#
#   benchmarks/gpu.sh [FOLDER]            default: outputs/gpu
#
# Each part has a time limit of its own and writes its results as it goes, so that a run that is cut off keeps what it has.
#   PYTHON   the interpreter (.venv/bin/python, else python3)
#   PARTS    which parts (tests benchmark profile study report)
#   PACK     the study's encoder and data, a file that benchmarks/pack.py made; without it the study is left out
#   STUDY    its name in experiments/ (real_languages) and perhaps more options
#   SEEDS    its seeds (1 2 3 4 5): one after the other, so that those that are done are whole
#   JOBS     jobs of the study that share the GPU (12)
# Without a GPU all of it runs in the tiny form on the CPU, to see that it runs; its figures mean nothing.
set -u
cd "$(dirname "$0")/.."
out=${1:-outputs/gpu}
mkdir -p "$out"
out=$(cd "$out" && pwd)
python=${PYTHON:-$([ -x .venv/bin/python ] && echo .venv/bin/python || echo python3)}
export PYTHONPATH=src:.${PYTHONPATH:+:$PYTHONPATH} PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1
export CUBLAS_WORKSPACE_CONFIG=:4096:8  # as xstilts trains
gpu=$("$python" -c 'import torch; print(int(torch.cuda.is_available()))')
[ "$gpu" = 1 ] || export XSTILTS_BENCHMARK_ENCODER=tiny
longer=$([ -n "${XSTILTS_BENCHMARK_ENCODER:-}" ] && echo 6 || echo 1)  # a CPU's cores start the processes one after the other

part() { # NAME SECONDS COMMAND ...
    case " ${PARTS:-tests benchmark profile study report} " in *" $1 "*) ;; *) return ;; esac
    local name=$1 seconds=$(($2 * longer)) start=$SECONDS
    shift 2
    timeout -k 5 "$seconds" "$@" >"$out/$name.txt" 2>"$out/$name.err"
    echo "$name: exit status $? after $((SECONDS - start)) s (limit $seconds s)" | tee -a "$out/parts.txt"
}

study() { # the cells of one seed after those of another; run again, it goes on
    local options seed few=()
    mapfile -t options < <("$python" -m benchmarks.pack "$PACK" --open "$out/pack")
    [ ${#options[@]} -gt 0 ] || return 1
    [ "$gpu" = 1 ] || few=(trainer.accelerator=cpu {intermediate,target}.recipe.max_steps=2 target.max_test_examples=4)
    for seed in ${SEEDS:-1 2 3 4 5}; do
        "$python" -m xstilts.train -m +experiments=${STUDY:-real_languages} "${options[@]}" "${few[@]}" "seed=$seed" \
            "store.root=$out/store" "output=$out/study" worker=inline hydra/launcher=local "hydra.launcher.processes=${JOBS:-12}"
    done
}

part tests 75 "$python" -m pytest -q -m gpu -W default -p no:cacheprovider tests/training/test_gpu.py tests/training/test_prediction.py
part benchmark $([ -n "${PACK:-}" ] && echo 190 || echo 400) "$python" -m benchmarks gpu --out "$out"
part profile 60 "$python" -m benchmarks.gpu_profile "$out/profile.json"
if [ -n "${PACK:-}" ]; then
    export -f study
    export PACK out python gpu
    part study $((570 - SECONDS / longer)) bash -c study
    part report 30 "$python" -m xstilts.report "$out/study"
fi
tail -n 3 "$out/tests.txt" 2>/dev/null
cat "$out/RESULTS.md" "$out/profile.txt" "$out/report.txt" 2>/dev/null
