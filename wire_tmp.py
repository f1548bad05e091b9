import logging, time

logging.disable(50)
from tests.simulation.scenario import is_clumsy, drawn_clumsy
from tests.simulation.world import World
from tests.simulation.defects_wire import DEFECTS
import random

for seed in [140, 148, *range(200, 320)]:
    w = World(seed, drawn_clumsy(random.Random(seed)))
    b = w.live().broken
    if b:
        print(seed, b[:300])
        print(w.story()[-3000:])
        break
for d in DEFECTS[-2:]:
    for k in range(100):
        ok, oth = d.caught([k])
        if ok:
            break
    print(d.name, ok, k, oth, flush=True)
