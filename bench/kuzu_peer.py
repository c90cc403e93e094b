#!/usr/bin/env python3
"""Walks of so many edges on Kuzu, for kg_bench --peers.

  kuzu_peer.py DIR NODES HOPS

DIR holds edges.csv (from,to) and origins.txt (one node a line). Prints the seconds of loading, the
50th and 99th percentile of the walks in microseconds, and how many nodes one reaches on average.
"""

import os
import sys
import time
import warnings

import kuzu


def main() -> int:
    folder, nodes, hops = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    with open(os.path.join(folder, "nodes.csv"), "w", encoding="ascii") as out:
        out.writelines(f"{n}\n" for n in range(nodes))
    began = time.perf_counter()
    connection = kuzu.Connection(kuzu.Database(os.path.join(folder, "kuzu")))
    connection.execute("CREATE NODE TABLE N(id INT64, PRIMARY KEY(id))")
    connection.execute("CREATE REL TABLE E(FROM N TO N)")
    connection.execute(f"COPY N FROM '{folder}/nodes.csv'")
    connection.execute(f"COPY E FROM '{folder}/edges.csv'")
    loaded = time.perf_counter() - began
    with open(os.path.join(folder, "origins.txt"), encoding="ascii") as lines:
        origins = [int(line) for line in lines]
    # A plan that is made once is what the other databases have, too.
    warnings.simplefilter("ignore", DeprecationWarning)
    walk = connection.prepare(
        f"MATCH (a:N)-[:E* SHORTEST 1..{hops}]->(b:N) WHERE a.id = $origin RETURN count(b.id)"
    )
    for measured in (False, True):
        times, reached = [], 0
        for origin in origins:
            began = time.perf_counter()
            result = connection.execute(walk, {"origin": origin})
            reached += result.get_next()[0]
            times.append((time.perf_counter() - began) * 1e6)
        if measured:
            times.sort()
            middle, last = times[len(times) // 2], times[len(times) * 99 // 100]
            # The origin counts as reached, as it does for the others.
            print(loaded, middle, last, reached / len(origins) + 1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
