#!/usr/bin/env python3
"""Writes holidays.txt: what two PyPI packages say about Japanese holidays, as an oracle.

    python3 -m venv venv && venv/bin/pip install holidays==0.109 jpholiday==1.0.3
    venv/bin/python make_holidays.py > holidays.txt

One line per year: the year, then one word per day, `MMDD` and the name. A day that both
packages hold has no mark; `j` before it: only jpholiday, `h`: only holidays. Names that
differ are both given, `holidays|jpholiday`, after 「X 振替休日」 was cut to 振替休日.
`holidays` is defined for 1949 to 2099, jpholiday is asked for 1948 to 2150.
"""

import datetime
from importlib.metadata import version

import holidays
import jpholiday


def name(text):
    return "振替休日" if text.endswith("振替休日") else text.replace(" ", "")


def main():
    print("# Made by make_holidays.py with "
          f"holidays {version('holidays')} and jpholiday {version('jpholiday')}; see README.md.")
    first = holidays.country_holidays("JP", language="ja", years=range(1949, 2100))
    for year in range(1948, 2151):
        words = []
        day = datetime.date(year, 1, 1)
        while day.year == year:
            a, b = first.get(day), jpholiday.is_holiday_name(day)
            if not 1949 <= year <= 2099:
                a = None
            if a or b:
                mark = "" if a and b else "h" if a else "j"
                names = list(dict.fromkeys(name(text) for text in (a, b) if text))
                words.append(f"{mark}{day:%m%d}{'|'.join(names)}")
            day += datetime.timedelta(days=1)
        print(year, *words)


main()
