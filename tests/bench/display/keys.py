"""Where keys waited on a slow line: what display-line wrote of each packet,
beside the times of display-watch's keys. See tests/bench/slow-keys.bench."""
import collections

Packet = collections.namedtuple("Packet", "at way seq size becomes there")
Repair = collections.namedtuple("Repair", "way at again there tries")


def packets(trace):
    """Those of the connection that carried most; times in ms."""
    flows = collections.defaultdict(list)
    with open(trace) as file:
        for line in file:
            at, way, ports, seq, _, size, becomes, takes = line.split()
            at = int(at) / 1e6
            flows[ports].append(Packet(at, way, int(seq), int(size), becomes, at + int(takes) / 1e6))
    return max(flows.values(), key=lambda flow: sum(p.size for p in flow))


def repairs(flow):
    """Of all data that were lost: when they were sent first and for the last
    time, and when the far end had them."""
    tries, out = {}, []
    for p in flow:
        if not p.size or tries.get((p.way, p.seq)) == "there":
            continue
        first, count = tries.get((p.way, p.seq), (p, 0))
        tries[p.way, p.seq] = first, count + 1
        if p.becomes == "sent":
            tries[p.way, p.seq] = "there"
            if count:
                out.append(Repair(p.way, first.at, p.at, p.there, count + 1))
    return out


def reason(pressed, answered, lost):
    """What kept a key: the last repair that came while it waited."""
    while_waiting = [r for r in lost if pressed < r.there <= answered + 1 and r.at < answered]
    up = [r for r in while_waiting if r.way == "<" and r.at < pressed + 5]
    down = [r for r in while_waiting if r.way == ">" and r.there > answered - 40]
    for name, found in (("a packet of the server", down), ("a packet of the viewer", up)):
        if found:
            last = max(found, key=lambda r: r.there)
            return "%s, sent again after %.0f ms, there after %.0f, at the %d. try" % (name, last.again - last.at, last.there - last.at, last.tries)
    return "no loss: a queue, or a busy computer"
