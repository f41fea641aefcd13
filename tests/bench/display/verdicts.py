"""What was promised of the display, line by line, against what was measured.

A verdict is met, not met, or not measured (the run left out what it needs).
Ratios are of figures of one run.
"""


class Results:
    def __init__(self, rows):
        self.rows = rows

    def of(self, workload=None, server=None, profile=None, damage="exact", line="none"):
        return [r for r in self.rows if (workload in (None, r["workload"])) and (server in (None, r["server"])) and
                (profile in (None, r["profile"])) and damage == r["damage"] and line == r["line"]]

    def ours(self, workload, profile=None, damage="exact", line="none"):
        found = self.of(workload, "oriel", profile, damage, line)
        return found[0] if found else None

    def peers(self, workload, profile=None, line="none"):
        return [r for r in self.of(workload, None, profile, "exact", line) if r["server"] != "oriel" and
                r["profile"] != "spice"]

    def workloads(self):
        return list(dict.fromkeys(r["workload"] for r in self.rows if r["line"] == "none"))


def least(rows, key):
    good = [r[key] for r in rows if r[key] >= 0]
    return min(good) if good else None


def key_to_pixel(all):
    for workload in all.workloads():
        ours = [r for r in all.of(workload, "oriel") if r["key_p50"] >= 0]
        best = least(all.peers(workload), "key_p50")
        if not ours or best is None:
            continue
        median, p95 = max(r["key_p50"] for r in ours), max(r["key_p95"] for r in ours)
        yield ("key to pixel, %s: median no worse than the best peer's, p95 at most 5 ms" % workload,
               median <= best * 1.05 and p95 <= 5, "%.1f ms against %.1f; p95 %.1f ms" % (median, best, p95))


def terminal(all):
    ours, best = all.ours("terminal", "lossless"), least(all.peers("terminal", "lossless"), "kb_frame")
    if ours and best:
        yield ("terminal: a tenth of the bytes of the best RFB peer", ours["kb_frame"] <= best / 10,
               "%.1f KB a frame against %.1f: %.2f of it" % (ours["kb_frame"], best, ours["kb_frame"] / best))
        yield ("terminal: exact all the time", ours["psnr"] >= 99 and not ours["inexact_ms"],
               "PSNR %.0f, what rests inexact for up to %.0f ms" % (ours["psnr"], ours["inexact_ms"]))


def browser(all):
    ours = all.ours("browser", "tight8")
    peers = [r for r in all.peers("browser") if ours and r["psnr"] <= ours["psnr"] + 0.1 or r["profile"] == "tight8"]
    if ours and peers:
        best = min(peers, key=lambda r: r["kb_frame"])
        yield ("browser: half the bytes of the best RFB peer, PSNR no less",
               ours["kb_frame"] <= best["kb_frame"] / 2 and ours["psnr"] >= best["psnr"] - 0.1,
               "%.0f KB a frame at %.1f dB against %.0f at %.1f (%s)" % (
                   ours["kb_frame"], ours["psnr"], best["kb_frame"], best["psnr"], best["server"]))


def slides(all):
    ours, best = all.ours("slides", "tight8"), least(all.peers("slides"), "age_p50")
    if ours and best is not None:
        yield ("slides: the whole picture as early as the best", ours["age_p50"] <= best * 1.05,
               "%.0f ms against %.0f" % (ours["age_p50"], best))
        yield ("slides: exact within 150 ms of rest", not ours["inexact_ms"] and 0 <= ours["exact_ms"] <= 150,
               "inexact for up to %.0f ms" % max(ours["inexact_ms"], ours["exact_ms"]))


def exactness(results):
    for workload in results.workloads():
        rows = results.of(workload, "oriel")
        if not rows:
            continue
        worst = max(rows, key=lambda r: max(r["inexact_ms"], r["exact_ms"] if r["exact_ms"] >= 0 else 9999))
        yield ("%s: exact within 150 ms of rest, region by region, lossy modes too" % workload,
               all(not r["inexact_ms"] and 0 <= r["exact_ms"] <= 150 for r in rows),
               "all %s; resting regions inexact for up to %.0f ms (%s)" % (
                   "%.0f ms" % worst["exact_ms"] if worst["exact_ms"] >= 0 else "not within 1.5 s",
                   worst["inexact_ms"], worst["profile"]))


def whole_frames(all):
    for workload in all.workloads():
        for whole in all.of(workload, "oriel", None, "whole"):
            exact = all.ours(workload, whole["profile"])
            if not exact or not whole["frames_shown"] or not exact["frames_shown"]:
                continue
            ratio = whole["bytes"] / max(exact["bytes"], 1)
            later = whole["age_p50"] - exact["age_p50"] if workload != "idle" else 0
            yield ("%s: whole-frame damage at most 1.2 times the bytes, 3 ms more" % workload, ratio <= 1.2 and later <= 3,
                   "%.2f times, %+.1f ms" % (ratio, later))


def while_playing(row):
    """KB a frame without what makes the last one exact: that costs the same
    whatever the film was sent as."""
    return (row["bytes"] - row["rest_bytes"]) / 1024 / max(row["frames_shown"], 1)


def at_quality(rows, psnr):
    """KB a frame that these would take at that PSNR, and how it is known:
    bytes grow by a factor per decibel, between the levels that were run."""
    points = sorted((r["psnr"], while_playing(r), r["profile"]) for r in rows)
    if len(points) == 1 or psnr <= points[0][0]:
        return points[0][1], "%s, %.1f dB" % (points[0][2], points[0][0])
    for (low, a, from_), (high, b, to) in zip(points, points[1:]):
        if psnr <= high or (high, b, to) == points[-1]:
            part = min((psnr - low) / max(high - low, 0.01), 1)
            return a * (b / a) ** part, "between %s, %.1f dB, and %s, %.1f dB" % (from_, low, to, high)


def video(all):
    ours = all.ours("video", "h264")
    tight = [r for r in all.of("video", "oriel") if r["profile"].startswith("tight")]
    if not ours or not tight:
        return
    if not ours["rects"][4]:
        yield ("video, viewer with H.264", False, "no H.264 was sent")
        return
    if ours["refused"]:
        yield ("video, H.264: a stream that decoders take", False, "%d packets refused" % ours["refused"])
    yield ("video, H.264: every frame shown, at most 40 ms behind",
           ours["frames_shown"] == ours["frames"] and ours["age_p99"] <= 40,
           "%d of %d, p50 %.0f ms, p99 %.0f ms" % (ours["frames_shown"], ours["frames"], ours["age_p50"], ours["age_p99"]))
    kb, how = at_quality(tight, ours["psnr"])
    mine = while_playing(ours)
    yield ("video, H.264: a fifth of Tight's bytes at equal PSNR", mine <= kb / 5,
           "%.1f KB a frame at %.1f dB against %.0f (%s)" % (mine, ours["psnr"], kb, how))


def lines(all):
    for ours in all.of("terminal", "oriel", None, "exact", "20 Mb/s"):
        fps = ours["frames_shown"] / ours["seconds"]
        best = max((r["frames_shown"] / r["seconds"] for r in all.peers("terminal", None, "20 Mb/s")), default=0)
        yield ("20 Mb/s, 40 ms: terminal at least 25 fps, never older than 120 ms", fps >= 25 and ours["oldest_ms"] <= 120,
               "%.1f fps, %.0f ms (best peer %.1f fps)" % (fps, ours["oldest_ms"], best))
    for ours in all.of("terminal", "oriel-spice", None, "exact", "20 Mb/s"):
        fps = ours["frames_shown"] / ours["seconds"]
        peers = all.of("terminal", "Xspice", None, "exact", "20 Mb/s")
        yield ("SPICE, 20 Mb/s, 40 ms: terminal at least 25 fps, never older than 120 ms", fps >= 25 and ours["oldest_ms"] <= 120,
               "%.1f fps, %.0f ms%s" % (fps, ours["oldest_ms"], "".join(
                   " (Xspice %.1f fps, %.0f ms)" % (r["frames_shown"] / r["seconds"], r["oldest_ms"]) for r in peers)))
    for ours in all.of("video", "oriel", None, "exact", "5 Mb/s"):
        best = least(all.peers("video", None, "5 Mb/s"), "key_p95")
        yield ("5 Mb/s, 120 ms, 1%% loss, video (%s): typing p95 at most 270 ms" % ours["profile"],
               0 <= ours["key_p95"] <= 270,
               "%.0f ms (best peer %s)" % (ours["key_p95"], "%.0f" % best if best is not None else "-"))


def spice(all):
    """What was promised of SPICE, watched by spice-client-glib on both sides."""
    for workload in all.workloads():
        ours = next(iter(all.of(workload, "oriel-spice")), None)
        peer = next(iter(all.of(workload, "Xspice")), None)
        if ours and peer and ours["key_p50"] >= 0 and peer["key_p50"] >= 0:
            yield ("SPICE, key to pixel, %s: median no worse than Xspice's, p95 at most 5 ms" % workload,
                   ours["key_p50"] <= peer["key_p50"] * 1.05 and ours["key_p95"] <= 5,
                   "%.1f ms against %.1f; p95 %.1f ms against %.1f" % (
                       ours["key_p50"], peer["key_p50"], ours["key_p95"], peer["key_p95"]))
        if ours and workload == "terminal" and peer:
            yield ("SPICE, terminal: half of Xspice's bytes, exact",
                   ours["kb_frame"] <= peer["kb_frame"] / 2 and ours["psnr"] >= 99 and not ours["inexact_ms"],
                   "%.1f KB a frame against %.1f, PSNR %.0f" % (ours["kb_frame"], peer["kb_frame"], ours["psnr"]))
        if ours and workload == "video":
            yield from spice_video(all, ours, peer)


def spice_video(all, ours, peer):
    beside = "; Xspice %d of %d, p99 %.0f ms" % (peer["frames_shown"], peer["frames"], peer["age_p99"]) if peer else ""
    yield ("SPICE, video: 58 of 60 frames shown, at most 60 ms behind",
           ours["frames_shown"] * 60 >= ours["frames"] * 58 and ours["age_p99"] <= 60,
           "%d of %d, p99 %.0f ms%s" % (ours["frames_shown"], ours["frames"], ours["age_p99"], beside))
    yield ("SPICE, video: exact within 150 ms of rest", not ours["inexact_ms"] and 0 <= ours["exact_ms"] <= 150,
           "%s; resting regions inexact for up to %.0f ms" % (
               "%.0f ms" % ours["exact_ms"] if ours["exact_ms"] >= 0 else "not within 1.5 s", ours["inexact_ms"]))
    tight = [r for r in all.of("video", "oriel") if r["profile"].startswith("tight")]
    if tight:
        kb, how = at_quality(tight, ours["psnr"])
        yield ("SPICE, video: a fifth of Tight's bytes at equal PSNR", while_playing(ours) <= kb / 5,
               "%.1f KB a frame at %.1f dB against %.0f (%s)" % (while_playing(ours), ours["psnr"], kb, how))


def begun_line(bytes_, rtt_ms, kb_per_ms):
    """ms from a request until so many bytes can have arrived over a connection
    that has just begun: ten segments, then 2.89 times as many each round trip
    (BBR; others double), no faster than the line."""
    flight, left, arrived, trip = 14.6, bytes_ / 1000, 0, 1
    while left > 0:
        some = min(flight, left)
        arrived = max(arrived, trip * rtt_ms) + some / kb_per_ms
        left, flight, trip = left - some, flight * 2.89, trip + 1
    return arrived


def first_picture(all):
    rows = all.of("terminal", "oriel")
    if rows:
        worst = max(r["first_ms"] for r in rows)
        yield "first picture of a terminal at most 1 RTT + 100 ms", worst <= 100, "%.0f ms" % worst
    for r in all.of("terminal", "oriel", None, "exact", "20 Mb/s"):
        floor = begun_line(r["first_bytes"], 40, 2.5)
        yield ("first picture of a terminal at most 1 RTT + 100 ms, 20 Mb/s (%s)" % r["profile"], r["first_ms"] <= 140,
               "%.0f ms" % r["first_ms"] + ("; no TCP connection brings these %d KB before %.0f" % (
                   r["first_bytes"] / 1000, floor) if r["profile"] == "lossless" else ""))


def crowd(extra):
    if "ten" in extra:
        one, ten = extra["one"], extra["ten"]
        yield ("ten viewers at most 1.3 times the CPU of one", ten["cpu_s"] <= one["cpu_s"] * 1.3,
               "%.2f times (%.2f s for %d frames, %.2f s for %d)" % (
                   ten["cpu_s"] / max(one["cpu_s"], 0.01), one["cpu_s"], one["frames_shown"], ten["cpu_s"],
                   ten["frames_shown"]))
    if "idle" in extra:
        yield ("100 idle display processes, a viewer each: at most 0.1 core", extra["idle"] <= 0.1, "%.3f core" % extra["idle"])


def encoders(extra):
    """Of codec.bench, per picture the better of two that serve the same end."""
    rows = extra.get("codec", [])
    faster = {(r["picture"], r["what"]): r["peer_ms"] / r["ours_ms"] for r in rows if "peer_ms" in r}
    if not faster:
        return
    # noise is measured, too, but nobody looks at it
    jpeg = {p: f for (p, what), f in faster.items() if what == "tight jpeg 92 4:4:4" and p != "noise"}
    worst = min(jpeg, key=jpeg.get)
    kept = [r for r in rows if r["what"] == "tight jpeg 92 4:4:4" and r["picture"] != "noise" and
            (r["ours_bytes"] > r["peer_bytes"] * 1.02 or r["ours_psnr"] < r["peer_psnr"] - 0.1)]
    yield ("Tight: 1.3 times libvncserver per core, no more bytes, PSNR no less", jpeg[worst] >= 1.3 and not kept,
           "%.1f to %.1f times, least on %s%s" % (jpeg[worst], max(jpeg.values()), worst,
                                                  "; but not so on " + kept[0]["picture"] if kept else ""))
    photos = [r for r in rows if r["what"] == "tight lossless" and r["picture"].startswith("photo")]
    if photos:
        slow = min(r["peer_ms"] / r["ours_ms"] for r in photos)
        large = max(r["ours_bytes"] / r["peer_bytes"] for r in photos)
        yield ("lossless pictures: 4 times libvncserver, at most 1.05 times its bytes", slow >= 4 and large <= 1.05,
               "at least %.1f times, at most %.2f of the bytes" % (slow, large))
    scaling = [r for r in rows if r["what"] == "scaling"]
    if scaling:
        least_ = min(scaling, key=lambda r: r["ratio"])
        yield ("encoding scales to all cores: 0.9", least_["ratio"] >= 0.9,
               "%.2f at least, on %d cores (%s)" % (least_["ratio"], least_["cores"], least_["picture"]))


def verdicts(rows, extra):
    results = Results(rows)
    for rule in (key_to_pixel, terminal, browser, slides, exactness, whole_frames, video, lines, first_picture, spice):
        yield from rule(results)
    yield from crowd(extra)
    yield from encoders(extra)
