"""Times. Everything is seconds since the epoch, as a float, on one recorded day."""

from datetime import datetime, timezone

DAY = datetime(2026, 3, 2, tzinfo=timezone.utc).timestamp()


def clock(text):
    """'10:00:05.25' on the recorded day."""
    parts = [float(part) for part in text.split(":")] + [0.0, 0.0]
    return DAY + parts[0] * 3600 + parts[1] * 60 + parts[2]


def parsed(text):
    """The opposite of whole()."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp()


def _utc(seconds):
    return datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


def whole(seconds):
    """As object metadata has it."""
    return _utc(seconds) + "Z"


def _fraction(seconds, digits):
    return f"{int(round((seconds - int(seconds)) * 10**6)) % 10**6:06d}".ljust(digits, "0")[:digits]


def milli(seconds):
    return f"{_utc(seconds)}.{_fraction(seconds, 3)}Z"


def micro(seconds):
    """As eventTime has it."""
    return f"{_utc(seconds)}.{_fraction(seconds, 6)}Z"


def nano(seconds):
    """As `kubectl logs --timestamps` has it; the last three digits are made up but fixed."""
    tail = int(seconds * 1e6) * 7919 % 1000
    return f"{_utc(seconds)}.{_fraction(seconds, 6)}{tail:03d}Z"
