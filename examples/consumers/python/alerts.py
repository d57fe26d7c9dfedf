"""The alerts of outages, and the state that has to survive a restart."""

import json
import os

DAY = 24 * 3600


def ended(outage):
    """Whether the outage is over, for whatever reason."""
    return outage["state"] in ("closed", "retracted")


def decide(outage, told):
    """Returns the alert that has to be sent for an outage, or None.

    The alert follows from the newest state of the outage and from told, the severity in its last alert ("" means none or a
    close), never from its `event`.
    """
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
    else:  # suspicions, outages that were over before their first alert, changes that do not matter
        return None
    return alert


class State:
    """The state kept for each outage, by id: its newest record, the severity in its last alert, and the time of the record."""

    def __init__(self, path):
        self.path, self.newest, self.outages, self.fresh = path, 0, {}, False
        try:
            with open(path, encoding="utf-8") as f:
                self.outages = json.load(f)
        except FileNotFoundError:
            self.fresh = True
        # A process that was killed may have written records without sending their alerts.
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
        """Writes the state to the file.

        An outage is forgotten a day after its end, if the alert on its end was sent: by then none of its records comes a
        second time.
        """
        self.outages = {
            key: known
            for key, known in self.outages.items()
            if known["told"] or not ended(known["newest"]) or self.newest - known["seen"] < DAY
        }
        with open(self.path + ".new", "w", encoding="utf-8") as f:
            json.dump(self.outages, f)
        os.replace(self.path + ".new", self.path)
        self.fresh = False
