"""Language codes as XTREME writes them, with their English names, and the three-letter codes that LASER's file names use."""

LANGUAGES: dict[str, str] = {
    "af": "Afrikaans",
    "ar": "Arabic",
    "az": "Azerbaijani",
    "bg": "Bulgarian",
    "bn": "Bengali",
    "de": "German",
    "el": "Greek",
    "en": "English",
    "es": "Spanish",
    "et": "Estonian",
    "eu": "Basque",
    "fa": "Persian",
    "fi": "Finnish",
    "fr": "French",
    "gu": "Gujarati",
    "he": "Hebrew",
    "hi": "Hindi",
    "ht": "Haitian Creole",
    "hu": "Hungarian",
    "id": "Indonesian",
    "it": "Italian",
    "ja": "Japanese",
    "jv": "Javanese",
    "ka": "Georgian",
    "kk": "Kazakh",
    "ko": "Korean",
    "lt": "Lithuanian",
    "ml": "Malayalam",
    "mr": "Marathi",
    "ms": "Malay",
    "my": "Burmese",
    "nl": "Dutch",
    "pa": "Punjabi",
    "pl": "Polish",
    "pt": "Portuguese",
    "qu": "Quechua",
    "ro": "Romanian",
    "ru": "Russian",
    "sw": "Swahili",
    "ta": "Tamil",
    "te": "Telugu",
    "th": "Thai",
    "tl": "Tagalog",
    "tr": "Turkish",
    "uk": "Ukrainian",
    "ur": "Urdu",
    "vi": "Vietnamese",
    "wo": "Wolof",
    "yo": "Yoruba",
    "zh": "Chinese",
}
"""Code -> English name. XTREME-R's 50 languages; `jv` is Javanese, never `jw`."""

_LASER = (
    "af afr ar ara az aze bg bul bn ben de deu el ell es spa et est eu eus fa pes fi fin fr fra he heb hi hin hu hun id ind "
    "it ita ja jpn jv jav ka kat kk kaz ko kor lt lit ml mal mr mar nl nld pl pol pt por ro ron ru rus sw swh ta tam te tel "
    "th tha tl tgl tr tur uk ukr ur urd vi vie zh cmn"
).split()

ISO3: dict[str, str] = dict(zip(_LASER[::2], _LASER[1::2], strict=True))
"""Code -> the ISO 639-3 code in the names of LASER's Tatoeba files (google-research/xtreme utils_preprocess.py, lang3_dict)."""
