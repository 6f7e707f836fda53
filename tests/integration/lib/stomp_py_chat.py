"""stomp.py against a node: subscribes, sends, and says what came, as JSON."""

import json
import sys
import threading

import stomp

PORT, VERSION, COUNT = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
CLASSES = {
    "1.0": stomp.Connection10,
    "1.1": stomp.Connection11,
    "1.2": stomp.Connection12,
}


class Listener(stomp.ConnectionListener):
    def __init__(self):
        self.bodies = []
        self.errors = []
        self.receipts = []
        self.all = threading.Event()

    def on_message(self, frame):
        self.bodies.append(frame.body)
        if len(self.bodies) == COUNT:
            self.all.set()

    def on_error(self, frame):
        self.errors.append(frame.headers.get("message"))
        self.all.set()

    def on_receipt(self, frame):
        self.receipts.append(frame.headers["receipt-id"])


def main():
    listener = Listener()
    options = {} if VERSION == "1.0" else {"heartbeats": (10000, 10000)}
    connection = CLASSES[VERSION]([("127.0.0.1", PORT)], **options)
    connection.set_listener("", listener)
    connection.connect("guest", "guest", wait=True)
    connection.subscribe("/sub/py", id="1", headers={"receipt": "subscribed"})
    for number in range(COUNT):
        connection.send("/pub/py", f"{number} 한글: a\nb")
    listener.all.wait(20)
    connection.disconnect(receipt="bye")
    print(json.dumps(vars(listener) | {"all": listener.all.is_set()}))


main()
