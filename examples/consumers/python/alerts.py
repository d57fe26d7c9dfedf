"""What people are told of an outage, and what has to survive a restart for it."""

import json
import os

DAY = 24 * 3600


def ended(outage):
    """Whether the outage is over, for whatever reason."""
    return outage["state"] in ("closed", "retracted")


def decide(outage, told):
    """The alert that follows from the newest state of an outage and the severity that people were told ("" is nothing), never from its `event`; or None."""
    alert = {"action": "", "key": outage["id"], "severity": outage["severity"], "back": False, "text": outage.get("headline", "")}
    if not told and outage["state"] == "open" and not outage.get("blip"):
        alert["action"] = "open"
    elif told and outage["state"] == "open" and outage["severity"] != told:
        alert["action"] = "update"
    elif told and ended(outage):
        # Only "recovered" means that the routes are back.
        alert["action"], alert["back"] = "close", outage["end_reason"] == "recovered"
        if not alert["back"]:
            alert["text"] += f" (over, and not back: {outage['end_reason']})"
        if outage.get("successor"):
            alert["text"] += f" goes on as {outage['successor']}"
    else:  # suspicions, what was over before anybody was told, changes that matter to nobody
        return None
    return alert


class State:
    """What is known of each outage, by id: its newest record, the severity that people were told, and when the record came."""

    def __init__(self, path):
        self.path, self.newest, self.outages, self.fresh = path, 0, {}, False
        try:
            with open(path, encoding="utf-8") as f:
                self.outages = json.load(f)
        except FileNotFoundError:
            self.fresh = True
        # A process that was killed may have told nobody of what it had written.
        self.changed = set(self.outages)

    def take(self, outage, at):
        """Applies a record. A record that comes twice changes nothing."""
        known = self.outages.setdefault(outage["id"], {"newest": {"sequence": 0}, "told": "", "seen": 0})
        if outage["sequence"] <= known["newest"]["sequence"]:
            return
        fields = ("id", "sequence", "state", "severity", "blip", "end_reason", "successor", "headline")
        known["newest"], known["seen"] = {k: outage[k] for k in fields if k in outage}, at
        self.newest = max(self.newest, at)
        self.changed.add(outage["id"])

    def tell(self, send):
        """Decides on each outage that has changed, in order of ids."""
        for key in sorted(self.changed):
            known = self.outages[key]
            alert = decide(known["newest"], known["told"])
            if alert:
                send(alert)
                known["told"] = "" if alert["action"] == "close" else alert["severity"]
            self.changed.discard(key)

    def write(self):
        """Keeps the state. What is over, and told, is forgotten after a day: no record of it comes a second time by then."""
        self.outages = {
            key: known
            for key, known in self.outages.items()
            if known["told"] or not ended(known["newest"]) or self.newest - known["seen"] < DAY
        }
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.outages, f)
        os.replace(self.path + ".new", self.path)
        self.fresh = False
