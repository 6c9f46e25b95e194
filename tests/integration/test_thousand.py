#!/usr/bin/env python3
"""As many incidents as there is room for, and more, opened within a second: all that find room are stored, correlated and reported, the rest is counted,
the severe ones have room of their own and go first, and memory stays what it was. On this machine's tree the small limits, on the x86_64 board a thousand
incidents. ctest: lane=ci timeout=240 trees=host,x86_64"""
import os
import random
import re
import subprocess

from rig import BUILD, Rig, main
from storm import in_order, storm_by_storm

CAPACITY = int(re.search(r"^incidents +capacity (\d+)", subprocess.run([os.path.join(BUILD, "picketd"), "--memory"], capture_output=True, text=True, check=True).stdout, flags=re.M).group(1))


def test_a_thousand_incidents_within_a_second():
    """The critical ones come last and find room."""
    with Rig() as rig:
        last = storm_by_storm(rig, BUILD, 200, in_order(200), lambda text: print("#", text))
        assert last["critical"] <= last["info"], last


def test_more_incidents_than_places():
    count = CAPACITY * 5 // 8
    storm = in_order(count)
    random.Random(1004).shuffle(storm)
    with Rig() as rig:
        storm_by_storm(rig, BUILD, count, storm, lambda text: print("#", text))


if __name__ == "__main__":
    main(test_a_thousand_incidents_within_a_second if CAPACITY >= 1000 else test_more_incidents_than_places)
