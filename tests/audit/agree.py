"""The second implementation against the first: for every vector, both give the same exit code.

agree.py flips FOLDER FILE CODES    bit N of FILE changed: CODES holds "N CODE" a line
agree.py cases FOLDER CODES         each folder of FOLDER is a log: CODES holds "NAME CODE" a line
A file `anchor` in a log's folder is an anchor.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import verify_audit  # noqa: E402


def judge(folder):
    anchor, pinned = folder / "anchor", folder / "signer.pub"
    anchors = [anchor.read_text()] if anchor.is_file() else []
    signer = bytes.fromhex(pinned.read_text().strip()) if pinned.is_file() else None
    _, problems = verify_audit.verify(folder, signer, anchors)
    return verify_audit.exit_code(problems), problems


def flips(folder, name, codes):
    path = folder / name
    whole = path.read_bytes()
    for line in codes.read_text().splitlines():
        bit, expected = map(int, line.split())
        bad = bytearray(whole)
        bad[bit // 8] ^= 1 << bit % 8
        path.write_bytes(bad)
        yield f"bit {bit}", expected, *judge(folder)
    path.write_bytes(whole)


def cases(folder, codes):
    for line in codes.read_text().splitlines():
        name, expected = line.rsplit(" ", 1)
        yield name, int(expected), *judge(folder / name)


def main():
    mode, folder, *rest = sys.argv[1:]
    vectors = (flips if mode == "flips" else cases)(pathlib.Path(folder), *rest[:-1], pathlib.Path(rest[-1]))
    count = wrong = 0
    for name, expected, code, problems in vectors:
        count += 1
        if code != expected:
            wrong += 1
            print(f"{name}: {code} here, {expected} there: {problems}")
    print(f"{count} vectors, {wrong} disagreements")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    sys.exit(main())
