"""The bus as a client sees it that shares no code with it: Apache Qpid Proton (C) through its Python binding.

Usage: proton.py PORT. Prints one JSON line per step, {"step": ..., ...what was seen}; a step that fails says {"error": ...}
and the next one goes on. {"advance": MS} asks whoever reads to let that much time pass on the bus and to answer with a line.
Every link is named: Proton would name all links to one address alike, and Service Bus knows links by their names.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from urllib.parse import quote

# Python looks beside the script first, where this file bears the library's name.
sys.path.pop(0)

from proton import Condition, Delivery, Message, int32, symbol  # noqa: E402
from proton.reactor import Filter  # noqa: E402
from proton.utils import BlockingConnection, LinkDetached  # noqa: E402

port = int(sys.argv[1])
session_filter = symbol("com.microsoft:session-filter")
names = iter(range(1_000_000))


def name(kind):
    return f"{kind}-{next(names)}"


def say(line):
    print(json.dumps(line), flush=True)


def advance(ms):
    say({"advance": ms})
    sys.stdin.readline()


def sas(queue, rule, key):
    resource = quote(f"sb://127.0.0.1:{port}/{queue}", safe="")
    expiry = int(time.time()) + 3600
    digest = hmac.new(key.encode(), f"{resource}\n{expiry}".encode(), hashlib.sha256).digest()
    return f"SharedAccessSignature sr={resource}&sig={quote(base64.b64encode(digest), safe='')}&se={expiry}&skn={rule}"


class Client:
    def __init__(self):
        self.connection = BlockingConnection(f"amqp://127.0.0.1:{port}", timeout=20, allowed_mechs="ANONYMOUS")

    def sender(self, address):
        return self.connection.create_sender(address, name=name("send"))

    def receiver(self, address, credit=None, options=None):
        return self.connection.create_receiver(address, credit=credit, name=name("receive"), options=options)

    def ask(self, node, message):
        """One request to a node, and its answer."""
        replies = self.receiver(node)
        message.id, message.reply_to = name("request"), replies.link.name
        requests = self.sender(node)
        requests.send(message)
        reply = replies.receive()
        replies.accept()
        assert reply.correlation_id == message.id
        requests.close()
        replies.close()
        return reply

    def put_token(self, queue, rule="root", key="root key"):
        properties = {"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": f"sb://127.0.0.1:{port}/{queue}"}
        reply = self.ask("$cbs", Message(body=sas(queue, rule, key), properties=properties))
        return {"status": reply.properties["status-code"], "description": reply.properties["status-description"]}

    def manage(self, queue, operation, body, link=None):
        properties = {"operation": f"com.microsoft:{operation}"}
        if link:
            properties["associated-link-name"] = link.name
        reply = self.ask(f"{queue}/$management", Message(body=body, properties=properties))
        return {"status": reply.properties["statusCode"], "body": reply.body}

    def settle(self, receiver, state, **details):
        """Waits for the bus's own word on it, before letting go (receiver settle mode second)."""
        delivery = receiver.fetcher.unsettled.popleft()
        for field, value in details.items():
            setattr(delivery.local, field, value)
        delivery.update(state)
        self.connection.wait(lambda: delivery.settled, msg="settling")
        outcome = {"outcome": str(delivery.remote_state)}
        if delivery.remote.condition:
            outcome["condition"] = delivery.remote.condition.name
        delivery.settle()
        return outcome


def seen(message):
    return {"body": message.body, "count": message.delivery_count}


def refused(attach):
    try:
        attach()
    except LinkDetached as detached:
        return detached.condition
    return "attached"


client = Client()
steps = []


def step(function):
    steps.append(function)
    return function


@step
def no_token():
    return {"condition": refused(lambda: Client().sender("plain"))}


@step
def wrong_key():
    other = Client()
    return {**other.put_token("plain", key="wrong"), "condition": refused(lambda: other.sender("plain"))}


@step
def put_token():
    return client.put_token("plain")


@step
def missing_right():
    listener = Client()
    answer = listener.put_token("plain", "listener", "listener key")
    listener.receiver("plain").close()
    return {**answer, "send": refused(lambda: listener.sender("plain"))}


@step
def missing_queue():
    return client.put_token("nope")


@step
def send_and_receive():
    sent = Message(id="m1", correlation_id="c1", reply_to_group_id="s1", ttl=26, body=b"\x00\xff", properties={"k": 5})
    outcome = str(client.sender("plain").send(sent).remote_state)
    receiver = client.receiver("plain")
    message = receiver.receive()
    annotations = message.annotations
    lock = annotations["x-opt-locked-until"] - annotations["x-opt-enqueued-time"]
    settled = client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    fields = {"id": message.id, "correlation": message.correlation_id, "session": message.reply_to_group_id, "ttl": message.ttl}
    number = annotations["x-opt-sequence-number"]
    return {"sent": outcome, **fields, "bytes": list(message.body), "k": message.properties["k"], "lock": lock, "number": number, **settled}


@step
def full_address():
    client.sender(f"amqp://127.0.0.1:{port}/Plain").send(Message(body="by URI"))
    receiver = client.receiver("PLAIN")
    body = receiver.receive().body
    client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    return {"body": body}


@step
def release_modify_reject():
    client.sender("plain").send(Message(id="poison", body="again"))
    receiver = client.receiver("plain")
    counts, outcomes = [], []
    for state, details in [(Delivery.RELEASED, {}), (Delivery.MODIFIED, {"failed": True, "annotations": {"seen": "twice"}})]:
        counts.append(receiver.receive().delivery_count)
        outcomes.append(client.settle(receiver, state, **details)["outcome"])
    message = receiver.receive()
    counts.append(message.delivery_count)
    reason = {symbol("DeadLetterReason"): "bad", symbol("DeadLetterErrorDescription"): "why"}
    condition = Condition("com.microsoft:dead-letter", "rejected", reason)
    outcomes.append(client.settle(receiver, Delivery.REJECTED, condition=condition)["outcome"])
    receiver.close()
    return {"counts": counts, "outcomes": outcomes, "seen": (message.properties or {}).get("seen")}


@step
def dead_letters():
    receiver = client.receiver("plain/$DeadLetterQueue")
    letter = receiver.receive()
    client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    not_there = refused(lambda: client.sender("plain/$DeadLetterQueue"))
    return {"id": letter.id, "reason": letter.properties["DeadLetterReason"], "why": letter.properties["DeadLetterErrorDescription"], "send": not_there}


@step
def too_many_deliveries():
    client.sender("plain").send(Message(body="x"))
    receiver = client.receiver("plain")
    for _ in range(3):
        receiver.receive()
        client.settle(receiver, Delivery.RELEASED)
    receiver.close()
    letters = client.receiver("plain/$DeadLetterQueue")
    reason = letters.receive().properties["DeadLetterReason"]
    client.settle(letters, Delivery.ACCEPTED)
    letters.close()
    return {"reason": reason}


@step
def lock_runs_out():
    client.sender("plain").send(Message(body="x"))
    receiver = client.receiver("plain")
    first = receiver.receive().delivery_count
    late = receiver.fetcher.unsettled.popleft()
    advance(10_000)
    again = receiver.receive().delivery_count
    client.settle(receiver, Delivery.ACCEPTED)
    receiver.fetcher.unsettled.append(late)
    lost = client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    return {"counts": [first, again], "late": lost}


@step
def time_to_live():
    sender = client.sender("plain")
    sender.send(Message(body="short-lived", ttl=1))
    sender.send(Message(body="long-lived"))
    advance(1_000)
    receiver = client.receiver("plain")
    body = receiver.receive().body
    client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    return {"body": body}


@step
def duplicates():
    client.put_token("once")
    sender, receiver = client.sender("once"), client.receiver("once")
    outcomes = [str(sender.send(Message(id=id, body=body)).remote_state) for id, body in [("a", 1), ("a", 2), ("b", 3)]]
    bodies = []
    for _ in range(2):
        bodies.append(receiver.receive().body)
        client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    return {"outcomes": outcomes, "bodies": bodies}


@step
def drain():
    receiver = client.receiver("plain", credit=5)
    receiver.link.drain(0)
    client.connection.wait(lambda: not receiver.link.draining(), msg="draining")
    client.sender("plain").send(Message(body="after"))
    credit, early = receiver.link.credit, receiver.fetcher.has_message
    receiver.link.drain_mode = False
    body = receiver.receive().body
    client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    return {"credit": credit, "early": early, "body": body}


@step
def peek():
    client.sender("plain").send(Message(body="p"))
    body = {"from-sequence-number": 0, "message-count": int32(5)}
    peeked = client.manage("plain", "peek-message", body)
    inner = Message()
    inner.decode(bytes(peeked["body"]["messages"][0]["message"]))
    receiver = client.receiver("plain")
    taken = receiver.receive()
    client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    nothing = client.manage("plain", "peek-message", body)
    return {"status": peeked["status"], "peeked": seen(inner), "taken": seen(taken), "nothing": nothing["status"]}


@step
def sessions():
    client.put_token("replies")
    sender = client.sender("replies")
    for session, body in [("S1", "one"), ("S2", "two"), ("S1", "three")]:
        sender.send(Message(group_id=session, body=body))
    receiver = client.receiver("replies", options=Filter({session_filter: "S1"}))
    bodies = []
    for _ in range(2):
        bodies.append(receiver.receive().body)
        client.settle(receiver, Delivery.ACCEPTED)
    receiver.link.remote_source.filter.next()
    granted = receiver.link.remote_source.filter.get_object()
    rival = refused(lambda: client.receiver("replies", options=Filter({session_filter: "S1"})))
    renewed = client.manage("replies", "renew-session-lock", {"session-id": "S1"}, receiver.link)
    receiver.close()
    return {"bodies": bodies, "granted": granted[session_filter], "rival": rival, "renewed": renewed["status"]}


@step
def next_session():
    receiver = client.receiver("replies", options=Filter({session_filter: None}))
    message = receiver.receive()
    client.settle(receiver, Delivery.ACCEPTED)
    receiver.close()
    return {"session": message.group_id, **seen(message)}


@step
def session_lock_lost():
    client.sender("replies").send(Message(group_id="S3", body="x"))
    receiver = client.receiver("replies", options=Filter({session_filter: "S3"}))
    receiver.receive()
    advance(10_000)
    try:
        client.connection.wait(lambda: False, timeout=20)
    except LinkDetached as detached:
        condition = detached.condition
    again = client.receiver("replies", options=Filter({session_filter: "S3"}))
    count = again.receive().delivery_count
    client.settle(again, Delivery.ACCEPTED)
    again.close()
    return {"condition": condition, "count": count}


@step
def session_rules():
    without = refused(lambda: client.receiver("replies"))
    unneeded = refused(lambda: client.receiver("plain", options=Filter({session_filter: "S1"})))
    homeless = client.sender("replies").send(Message(body="x"), error_states=[])
    return {"without": without, "unneeded": unneeded, "homeless": homeless.remote.condition.name}


for each in steps:
    try:
        say({"step": each.__name__, **each()})
    except Exception as error:  # the next steps are worth seeing all the same
        say({"step": each.__name__, "error": f"{type(error).__name__}: {error}"})
client.connection.close()
