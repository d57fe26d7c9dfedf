"""An example: reads bgp.outages.json.v1 and prints an alert, one JSON object a line, when an outage opens, changes its severity, or is over.

Replace send with a function that notifies your people. The program keeps in a file, by outage id, the last alert of each
outage. When it starts it reads the missed records to the end, and only then decides, so an outage that began and ended
meanwhile makes no alert. It commits offsets after the alerts are sent and the file is written. So a crash in between
sends an alert again, and loses none.
"""

import argparse
import json
import os
import signal
import sys
import time

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException

from alerts import State

LOOK_EVERY = 5  # seconds between two checks whether darkmap was started again


def send(alert):
    """Sends an alert. An exception ends the program. The next start sends the alert again."""
    print(json.dumps(alert), flush=True)


def parse():
    home = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--run", default=os.path.join(home, "darkmap", "run.json"), help="run.json of a darkmap that has a Kafka of its own")
    p.add_argument("--brokers", help="brokers of a cluster, HOST:PORT,...; then run.json is not read")
    p.add_argument("--mechanism", default="", help="PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512; empty is no password")
    p.add_argument("--user", default="", help="user of the cluster")
    p.add_argument("--password-file", help="file with the user's password")
    p.add_argument("--tls", action="store_true", help="encrypt connections to the cluster")
    p.add_argument("--topic", default="bgp.outages.json.v1", help="the topic, with the prefix and dataset that darkmap feeds --print-connection says")
    p.add_argument("--group", default="outage-alerts-python", help="the consumer group, whose offsets say how far all is handled")
    p.add_argument("--dataset", default="live", help="the dataset that alerts are about; others are passed over")
    p.add_argument("--state", default="outages-python.json", help="file with what people were told")
    p.add_argument("--until-end", action="store_true", help="end when all that is there has been handled")
    return p.parse_args()


def connection(args):
    """Returns the addresses of the brokers and the login. darkmap's own Kafka has another port and password after each
    start, so this is called again and again.
    """
    if args.brokers:
        brokers, mechanism, user, password = args.brokers, args.mechanism, args.user, ""
        if args.password_file:
            with open(args.password_file, encoding="utf-8") as f:
                password = f.read().rstrip("\r\n")
    else:
        with open(args.run, encoding="utf-8") as f:
            run = json.load(f)
        if not run.get("kafka"):
            sys.exit("what runs there has no Kafka of its own")
        who = run["kafka_credentials"]
        brokers, mechanism, user, password = ",".join(run["kafka"]), who["mechanism"], who["user"], who["password"]
    settings = {"bootstrap.servers": brokers, "security.protocol": "SSL" if args.tls else "PLAINTEXT"}
    if mechanism:
        settings["security.protocol"] = "SASL_" + settings["security.protocol"]
        settings |= {"sasl.mechanism": mechanism.upper(), "sasl.username": user, "sasl.password": password}
    return settings


class Reader:
    """Reads one Kafka, until the program has to end or darkmap has another Kafka."""

    def __init__(self, args, settings, state):
        self.args, self.settings, self.state = args, settings, state
        self.ends = set()  # partitions that were read to their end
        self.partitions = None
        self.consumer = Consumer(settings | {
            "group.id": args.group,
            "group.instance.id": args.group,  # a restarted process takes the place of its predecessor at once
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",  # records that darkmap did not commit are not read
            "enable.partition.eof": True,
            "enable.metrics.push": False,
        })
        self.consumer.subscribe([args.topic], on_assign=self.assigned)

    def assigned(self, consumer, partitions):
        self.partitions, self.ends = {p.partition for p in partitions}, set()
        if self.state.fresh:  # the offsets mean nothing without the file
            for p in partitions:
                p.offset = OFFSET_BEGINNING
        consumer.assign(partitions)

    def caught_up(self):
        return self.partitions is not None and self.partitions <= self.ends

    def read(self):
        """Returns True if darkmap has another Kafka, and False at the end of the program."""
        try:
            looked = time.monotonic()
            while not stopping:
                news = self.take(self.consumer.consume(num_messages=500, timeout=0.5))
                if self.caught_up() and news:
                    self.handle()
                    if self.args.until_end:
                        return False
                if time.monotonic() - looked > LOOK_EVERY:
                    looked = time.monotonic()
                    if connection(self.args) != self.settings:
                        return True
            return False
        finally:
            self.consumer.close()

    def take(self, messages):
        """Applies the messages, and reports whether there were any."""
        for m in messages:
            if m.error() and m.error().code() == KafkaError._PARTITION_EOF:
                self.ends.add(m.partition())
                continue
            if m.error():
                raise KafkaException(m.error())
            try:
                outage = json.loads(m.value())
                if outage["dataset"] == self.args.dataset:
                    self.state.take(outage, m.timestamp()[1] / 1000)
            except (ValueError, TypeError, KeyError) as e:
                print(f"offset {m.offset()} is no outage: {e}", file=sys.stderr)
        return bool(messages)

    def handle(self):
        """Sends alerts, writes the state and commits, in this order. The next start repeats the steps that failed."""
        self.state.tell(send)
        self.state.write()
        try:
            self.consumer.commit(asynchronous=False)
        except KafkaException as e:
            if e.args[0].code() != KafkaError._NO_OFFSET:  # the topic is empty
                raise


stopping = False


def stop(*_):
    global stopping
    stopping = True


def main():
    args = parse()
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    state = State(args.state)
    while not stopping and Reader(args, connection(args), state).read():
        pass


if __name__ == "__main__":
    main()
