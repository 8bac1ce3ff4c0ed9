"""Which passwords may be used, in one place for every page that sets one.

The rules follow NIST SP 800-63B revision 4: length counts, composition does not, common ones are refused, nothing is
cut off. Twelve characters are the least because most consoles here stand behind a login brake; fifteen are advised.
"""

from __future__ import annotations

import re

from raa.rpath_error import InvalidInput

#: passwords with fewer characters are refused; more are advised; more bytes than the last are refused
MINIMUM, ADVISED, MAXIMUM = 12, 15, 1024

#: what people start from; a password that is one of these with digits and signs around it is a common one
_BASES = frozenset(
    """
    password passwort motdepasse contrasena passw passwd pass admin administrator root toor welcome willkommen
    hello letmein iloveyou changeme changemenow changeit default secret geheim master monkey dragon football
    baseball basketball superman batman pokemon starwars princess sunshine shadow computer internet samsung google
    facebook whatever trustno qwerty qwertyuiop qwertz qwertzuiop azerty azertyuiop asdfghjkl zxcvbnm yxcvbnm
    qazwsx qazwsxedc abc abcd abcde abcdef abcdefg abcdefgh abcdefghij abcdefghijkl login user guest test testing
    demo server appliance system manager support service raa rapa rpath linux debian ubuntu summer winter spring
    autumn january december charlie michael jessica ashley jordan michelle daniel access killer soccer hockey
    ranger buster mustang cheese
    """.split()  # noqa: SIM905 - a list of a hundred quoted words is harder to read
)
_LEET = str.maketrans("@4831!0$57", "aaeeilosst")
_RUNS = ("01234567890123456789", "98765432109876543210", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")


def judge(password: str, *names: str, field: str = "password", maximum: int = MAXIMUM) -> None:
    """Raise `InvalidInput` with one sentence at `field` unless the password may be used.

    `names` are the user's and the machine's; a password made of little else is refused.
    """
    problem = _problem(password, [name.lower() for name in names if name], maximum)
    if problem:
        raise InvalidInput(problems={field: problem})


def policy_text(maximum: int = MAXIMUM) -> str:
    """Say the rules before anybody breaks them."""
    return (
        f"At least {MINIMUM} characters, better {ADVISED} or more; four or five words do well. "
        f"Spaces and every letter are welcome, up to {maximum} bytes. "
        "Common passwords and the names of user and machine are refused."
    )


def _problem(password: str, names: list[str], maximum: int) -> str:
    if not password:
        return "Type a password."
    if any(ord(character) < 32 or 127 <= ord(character) < 160 for character in password):
        return "A password cannot hold line breaks, tabs or other control characters."
    if len(password) < MINIMUM:
        return f"Use at least {MINIMUM} characters; {ADVISED} or more are better. Four or five words do well."
    if len(password.encode("utf-8", "surrogatepass")) > maximum:
        return f"Use at most {maximum} bytes."
    plain = password.lower()
    if len(set(plain)) < 5:
        return "Use more than a few different characters."
    for name in names:
        if len(name) >= 3 and len(plain.replace(name, "")) <= MINIMUM // 2:
            return "The password is little more than the name of the user or the machine."
    if _common(plain):
        return "This is one of the common passwords, or one with digits and signs added. Choose another."
    return ""


def _common(plain: str) -> bool:
    if any(plain in run * 2 for run in _RUNS):
        return True
    for text in (plain, plain.translate(_LEET)):
        words = re.sub(r"[^a-z]+", " ", text).split()
        if words and all(_base(word) for word in words):
            return True
    return False


def _base(word: str) -> bool:
    """Tell whether a run of letters is a common word, once or repeated, or two of them."""
    if len(word) <= 2 or word in _BASES:
        return True
    return any(word[:n] in _BASES and (word[n:] in _BASES or len(word[n:]) <= 2) for n in range(3, len(word)))
