"""Cases of a black-box test, told as TAP, and waiting for what must come."""
import os, sys, time, traceback

# Sanitizers cost time.
SLOW = 5 if "san" in os.path.basename(os.environ.get("BUILD", "build")) else 1


class Tests:
    """TAP: every check is one line, the plan comes last."""

    def __init__(self):
        self.count = self.bad = 0

    def ok(self, good, name, detail=None):
        self.count += 1
        self.bad += not good
        print("%sok %d - %s" % ("" if good else "not ", self.count, name), flush=True)
        if not good and detail is not None:
            print("#   " + str(detail)[:2000].replace("\n", "\n#   "), flush=True)
        return good

    def same(self, got, want, name):
        return self.ok(got == want, name, "got %r\nwanted %r" % (got, want))

    def run(self, *cases):
        """Each case is a function; an exception in it is one failure."""
        only = sys.argv[1:]
        for case in cases:
            if only and case.__name__ not in only:
                continue
            try:
                case()
            except Exception:
                self.ok(False, case.__name__ + " came to its end", traceback.format_exc())
        print("1..%d" % self.count)
        sys.exit(1 if self.bad else 0)


def until(condition, seconds=40):
    end = time.monotonic() + seconds * SLOW
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.01)
    return condition()
