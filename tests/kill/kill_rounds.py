"""`kill -9` during load, round after round, on one audit log: what a caller got is on record, and the log opens.

A round starts the sidecar on the log of all rounds before it, loads it from several threads, kills it at a moment of
chance, and starts the next. Exchanges whose response began (a 200 with its `x-sidewall-exchange`) must be in the
log in the end; `audit verify` must find it intact (0) or with a declared gap (7).

SIDEWALL_KILL_ROUNDS says how many rounds (default 3).
"""

import http.client
import json
import os
import pathlib
import random
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "sdk"))
import sidewall  # noqa: E402

ROUNDS = int(os.environ.get("SIDEWALL_KILL_ROUNDS", "3"))
THREADS = 4
# Milliseconds of load before the kill: from "just ready" to "many batches written".
LOAD_MS = (5, 400)
# Intact, or with a gap that the log itself declares (the torn tail that a kill may leave).
ACCEPTED = {0, 7}


def load(port, began, stop):
    """Asks until the sidecar is gone; notes the ids of exchanges whose response began."""
    number = 0
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            while not stop.is_set():
                number += 1
                text = f"#scenario:echo,delta=3,delay=1 write to user{number}@example.com"
                body = {
                    "model": "gpt-5-mini",
                    "messages": [{"role": "user", "content": text}],
                    "stream": number % 2 == 0,
                }
                connection.request(
                    "POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"}
                )
                response = connection.getresponse()
                exchange = response.headers.get("x-sidewall-exchange")
                if response.status == 200 and exchange:
                    began.append(exchange)
                response.read()
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()


def one_round(sidecar, chance):
    began, stop = [], threading.Event()
    sidecar.start()
    threads = [threading.Thread(target=load, args=(sidecar.port, began, stop)) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    time.sleep(chance.randint(*LOAD_MS) / 1000)
    sidecar.kill()
    stop.set()
    for thread in threads:
        thread.join()
    return began


def main():
    seed = int(os.environ.get("SIDEWALL_KILL_SEED", str(time.time_ns() % 1_000_000)))
    chance = random.Random(seed)
    began, problems = [], []
    with sidewall.temporary() as folder:
        provider = sidewall.Provider(folder)
        try:
            sidecar = sidewall.Sidecar(folder, [("openai", ["openai"], provider.url, "")])
            for number in range(1, ROUNDS + 1):
                began += one_round(sidecar, chance)
                code, text = sidecar.verify()
                if code not in ACCEPTED:
                    problems.append(f"round {number}: audit verify ended with {code}\n{text}")
                if sys.stdout.isatty():
                    print(f"\rkill -9: round {number} of {ROUNDS}, {len(began)} responses begun", end="", flush=True)
            # A log that a kill has torn must open for writing too, and lose nothing to the next process.
            sidecar.start()
            sidecar.stop()
            recorded = json.dumps(sidecar.records())
            lost = [exchange for exchange in began if exchange not in recorded]
            if lost:
                problems.append(f"{len(lost)} of {len(began)} exchanges whose response began are not on record")
            code, text = sidecar.verify()
            if code not in ACCEPTED:
                problems.append(f"in the end audit verify gives {code}\n{text}")
            if not began:
                problems.append("no response began in any round: the load proved nothing")
        finally:
            provider.stop()
    print(f"\rkill -9: {ROUNDS} rounds, {len(began)} responses begun, seed {seed}: " + ("FAILED" if problems else "all on record"))
    print("\n".join(problems), end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
