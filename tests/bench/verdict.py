"""Rows of a bench with what was wanted of them, written as they come: a bench
that is ended by the clock leaves what it had measured."""
import json, os


class Verdicts:
    def __init__(self, bench):
        self.bench, self.rows = bench, []

    def row(self, what, value, unit, wanted=None, lower=True):
        """wanted None: told, not judged."""
        reached = None if wanted is None else value <= wanted if lower else value >= wanted
        self.rows.append({"what": what, "value": value, "unit": unit, "wanted": wanted, "reached": reached})
        print("%-60s %10.4g %-9s %s" % (what, value, unit, "" if wanted is None else "wanted %s %g: %s" % (
            "<=" if lower else ">=", wanted, "reached" if reached else "MISSED")), flush=True)
        self.save()

    def save(self, **more):
        path = os.environ.get("BENCH_JSON")
        if path:
            with open(path + ".part", "w") as file:
                json.dump(dict(more, bench=self.bench, rows=self.rows), file, indent=1)
            os.replace(path + ".part", path)

    def end(self):
        judged = [row for row in self.rows if row["reached"] is not None]
        print("%d of %d reached" % (sum(row["reached"] for row in judged), len(judged)), flush=True)
