"""Sets of real languages that studies name (`data.language_sets`)."""

RANDOM_SETS = {
    "close": "bg el hi ru, el es hi ur, el es fr ru, el es ru ur, de es fr ur, de fr ru ur, bg el fr ru, de el fr hi",
    "middle": "es hi ru vi, ar fr ur vi, fr hi th tr, de hi th ur, de fr th vi, de ru sw zh, de el fr th, de es th zh",
    "far": "ru th vi zh, ar fr th tr, th tr ur zh, el th vi zh, el sw tr vi, es sw th vi, bg sw tr zh, de th tr zh",
}
"""Sets of four of XNLI's languages without English: of one family, of two or three, and of four. Eight of each kind were drawn
once, by Python's random.Random(2020).sample from all such sets of sorted codes in alphabetical order."""
LANGUAGE_SETS = {
    **{f"{kind}_{number}": codes for kind, of in RANDOM_SETS.items() for number, codes in enumerate(of.split(", "), 1)},
    # All languages in which a task has training data, English too but for `squad` and those named `others`; XCOPA's; XTREME's.
    "xnli": "en ar bg de el es fr hi ru sw th tr ur vi zh",
    "xnli_others": "ar bg de el es fr hi ru sw th tr ur vi zh",
    "pawsx": "en de es fr ja ko zh",
    "pawsx_others": "de es fr ja ko zh",
    "squad": "ar de es hi vi zh",
    "xcopa": "et ht id it qu sw ta th tr vi zh",
    "xtreme": "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi "
    "yo zh",
    # Languages into which Phang et al. (2020) translated intermediate data.
    "translated": "de ru sw",
}
