#!/usr/bin/env python3
"""Verifies an audit log from its written format alone (docs/audit-format.md); needs the `cryptography` package.

Usage: verify_audit.py [--signer HEX] [--anchor FILE] [--keys DIR] DIR
Exit codes as `sidewall audit verify`: 0 intact, 2 truncated behind an anchor, 3 tampered, 4 segment missing, 5 unknown signer,
6 intact but shredded, 7 gap. Stop the sidecar first, or give a copy: a batch under way counts as a torn write here.
"""
import argparse
import base64
import hashlib
import json
import re
import struct
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

HEADER = struct.Struct(">8sHHIHHQQ32sQ16s32s64sI")
FRAME = struct.Struct(">IBBIIQI")
COMMIT = struct.Struct(">QIQQ32s64s")
GAP = struct.Struct(">BQQQQ32s")
SEAL_BODY = struct.Struct(">QQQ32s")
KEY, BATCH, RECORD, COMMIT_TYPE, CHECKPOINT, GAP_TYPE, SEAL = range(1, 8)
MAX_BODY = (64 << 20) + 16
# The heaviest first.
WEIGHT = (3, 5, 4, 2, 7, 6)


def crc_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        yield byte


TABLE = list(crc_table())


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class Tree:
    def __init__(self):
        self.size, self.roots = 0, []

    def push(self, leaf):
        node, size = sha(b"\0", leaf), self.size
        while size & 1:
            node, size = sha(b"\1", self.roots.pop(), node), size >> 1
        self.roots.append(node)
        self.size += 1

    def root(self):
        if not self.roots:
            return sha()
        node = self.roots[-1]
        for left in reversed(self.roots[:-1]):
            node = sha(b"\1", left, node)
        return node


class Bad(Exception):
    pass


def need(condition, problem):
    if not condition:
        raise Bad(problem)


def read_frame(data, at):
    need(at + FRAME.size <= len(data), "no whole frame")
    length, kind, flags, tenant, epoch, sequence, crc = FRAME.unpack_from(data, at)
    end = at + FRAME.size + length
    need(crc32c(data[at:at + 22]) == crc and 1 <= kind <= 7 and flags == 0 and length <= MAX_BODY, "no whole frame")
    need(end <= len(data), "no whole frame")
    return kind, tenant, epoch, sequence, data[at:at + FRAME.size], data[at + FRAME.size:end], end


class Note:
    """A C2SP signed note whose text is a checkpoint."""

    def __init__(self, note):
        need(len(note.encode()) <= 4096 and all(c == "\n" or c.isprintable() for c in note), "no note")
        text, blank, signatures = note.rpartition("\n\n")
        lines = text.split("\n")
        need(blank and len(lines) >= 3 and all(lines) and signatures.endswith("\n"), "no note")
        self.text, self.signatures = (text + "\n").encode(), signatures.splitlines()
        need(all(line.startswith("— ") for line in self.signatures), "no note")
        need(re.fullmatch("0|[1-9][0-9]*", lines[1]), "no tree size")
        try:
            self.origin, self.size, self.root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
        except ValueError:
            raise Bad("no root") from None
        need(len(self.root) == 32, "no root")

    def signed_by(self, public):
        for line in self.signatures:
            try:
                _, name, blob = line.split(" ")
                blob = base64.b64decode(blob, validate=True)
                if blob[:4] == sha(name.encode(), b"\n\x01", public)[:4]:
                    Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], self.text)
                    return True
            except (ValueError, InvalidSignature):
                continue
        return False


def notes(text):
    """The notes of an anchor: each ends with its last signature line."""
    note, signed = "", False
    for line in text.splitlines(keepends=True):
        signature = line.startswith("— ")
        if signed and not signature:
            yield note
            note, signed = "", False
        if note or line != "\n":
            note, signed = note + line, signature
    if note:
        yield note


class Segment:
    def __init__(self, data):
        need(len(data) >= HEADER.size, "no header")
        fields = HEADER.unpack_from(data)
        need(crc32c(data[:188]) == fields[13], "header CRC")
        need(fields[:6] == (b"SIDEWALL", 1, 192, 0, 1, 0), "header fields")
        self.number, self.previous_size, self.previous_root = fields[6:9]
        self.signer, self.data, self.hash = fields[11], data, sha(data[:192])
        pod = fields[12].decode(errors="replace").rstrip("\0")
        self.name = re.sub("[^A-Za-z0-9._-]", "_", pod) or "sidewall"
        self.origin = f"{self.name}/{fields[10].hex()}/{self.number}"

    def signed(self, head, body):
        if len(body) != COMMIT.size:
            return None
        message = b"sidewall audit v1 signature\0" + self.hash + head + body[:-64]
        try:
            Ed25519PublicKey.from_public_bytes(self.signer).verify(body[-64:], message)
        except (InvalidSignature, ValueError):
            return None
        return COMMIT.unpack(body)

    def walk(self, limit):
        """Sets end, root, gaps, torn (why, or None); raises Bad if tampered with."""
        self.end, self.root, self.gaps, self.torn = 0, None, [], None
        self.size, self.count, self.sealed, self.roots = 0, 0, False, {}
        data, at, batch, tree, tenants = self.data[:limit], HEADER.size, 0, Tree(), []
        while any(data[at:]):
            start = at
            need(not self.sealed, f"byte {at}: bytes behind the SEAL")
            try:
                at = self.batch(data, at, batch, tree, tenants)
                self.end, self.root, self.size, batch = at, tree.root(), tree.size, batch + 1
                self.roots[self.size] = self.root
            except Bad as problem:
                pattern = struct.pack(">IBB", COMMIT.size, COMMIT_TYPE, 0)
                for hit in re.finditer(re.escape(pattern), data[start:]):
                    try:
                        _, _, _, _, head, body, _ = read_frame(data, start + hit.start())
                    except Bad:
                        continue
                    commit = self.signed(head, body)
                    need(not commit or commit[0] <= batch, f"byte {at}: {problem}, though a later commit is signed")
                self.torn = str(problem)
                break
        self.tenants = tenants
        need(self.end, "no valid first commit")

    def batch(self, data, at, number, tree, tenants):
        records, first, sealed = 0, True, False
        gaps = []
        while True:
            kind, tenant, epoch, sequence, head, body, at = read_frame(data, at)
            plain = (tenant, epoch, sequence) == (0, 0, 0)
            need((kind == BATCH) == first, "BATCH missing or doubled")
            first = False
            need(not sealed or kind == COMMIT_TYPE, "a frame behind the SEAL")
            if kind == COMMIT_TYPE:
                commit = self.signed(head, body) if plain else None
                need(commit and commit[:2] == (number, records), "COMMIT without a valid signature, or of another batch")
                need(commit[3:5] == (tree.size, tree.root()), "tree root differs")
                self.gaps += gaps
                self.sealed = sealed
                return at
            if kind == BATCH:
                need(plain and len(body) == 24 and struct.unpack_from(">Q", body)[0] == number, "batch out of sequence")
            elif kind == KEY:
                (name, recipients), known = self.key(body), len(tenants)
                new = tenant == known + 1 and epoch == 0 and all(name != other[0] for other in tenants)
                old = 1 <= tenant <= known and tenants[tenant - 1][:2] == [name, epoch - 1]
                need((new or old) and sequence == 0, "KEY out of sequence")
                if new:
                    tenants.append([name, 0, 0, []])
                else:
                    tenants[tenant - 1][1] = epoch
                tenants[tenant - 1][3].append([body[2 + len(name.encode()):][:32], recipients, 0])
            elif kind == RECORD:
                need(1 <= tenant <= len(tenants) and tenants[tenant - 1][1:3] == [epoch, sequence], "RECORD out of sequence")
                need(len(body) > 16 and len(body) % 64 == 16, "malformed RECORD")
                tenants[tenant - 1][2] += 1
                tenants[tenant - 1][3][-1][2] += 1
                records += 1
                self.count += 1
            elif kind == GAP_TYPE:
                need(len(body) == GAP.size and 1 <= body[0] <= 3, "malformed GAP")
                known = epoch == 0 if tenant == 0 else tenant <= len(tenants) and tenants[tenant - 1][1] == epoch
                need(known and sequence == 0, "GAP of an unknown tenant")
                gaps.append(GAP.unpack(body))
            elif kind == CHECKPOINT:
                try:
                    note = Note(body.decode())
                except UnicodeDecodeError:
                    raise Bad("malformed CHECKPOINT") from None
                same = (note.origin, note.size, note.root) == (self.origin, self.size, self.root)
                need(plain and self.end and same and note.signed_by(self.signer), "CHECKPOINT of another tree")
            elif kind == SEAL:
                need(plain and self.end and len(body) == SEAL_BODY.size, "malformed SEAL")
                need(SEAL_BODY.unpack(body) == (self.end, self.count, self.size, self.root), "SEAL of another tree")
                sealed = True
            tree.push(head + body)

    @staticmethod
    def key(body):
        try:
            length, = struct.unpack_from(">H", body)
            name, at = body[2:2 + length].decode(), 2 + length + 33
            recipients = []
            for _ in range(body[at - 1]):
                recipients.append(body[at + 2:at + 34].hex())
                at += 34
                for _ in range(2):
                    at += 2 + struct.unpack_from(">H", body, at)[0]
        except (struct.error, UnicodeDecodeError, IndexError):
            raise Bad("malformed KEY") from None
        need(name and at == len(body), "malformed KEY")
        return name, recipients


def judge_anchors(anchors, trusted, segments, problems):
    last = segments[-1][0] if segments else 0
    whole = {number: segment for number, _, segment in segments if segment and hasattr(segment, "size")}
    for text in anchors:
        known = False
        for note in notes(text):
            try:
                note = Note(note)
                if not trusted or not note.signed_by(trusted):
                    continue
                known, number = True, int(note.origin.rsplit("/")[-1])
            except (Bad, ValueError):
                continue
            if number > last:
                problems.append((2, f"segment {number} was anchored and is not here"))
            elif number in whole:
                segment = whole[number]
                if note.origin != segment.origin:
                    problems.append((3, f"segment {number} is another one than was anchored"))
                elif note.size > segment.size:
                    problems.append((2, f"segment {number} has {segment.size} frames; {note.size} were anchored"))
                elif segment.roots.get(note.size) != note.root:
                    problems.append((3, f"segment {number}: its first {note.size} frames are not those that were anchored"))
        if not known:
            problems.append((5, "an anchor holds no checkpoint of a trusted signer"))


def judge_shredded(folders, folder, segments, problems):
    dead, rewrapped = set(), {}
    for path in [path for place in [*folders, folder] for path in place.glob("*.shredded")]:
        found = re.fullmatch(r"sidewall-shredded-key-v1 \S+ tenant=\S+ id=([0-9a-f]+) time=\S+", path.read_text().rstrip())
        dead |= {found[1]} if found else set()
    for path in folder.glob("*.rewrap"):
        for line in path.read_text().splitlines():
            try:
                row = json.loads(line)
                rewrapped.setdefault(row["commitment"], []).append(row["key_id"])
            except (ValueError, KeyError, TypeError):
                continue
    lost = {}
    for _, _, segment in segments:
        for name, _, _, keys in getattr(segment, "tenants", []):
            for commitment, recipients, records in keys:
                if records and all(key in dead for key in recipients + rewrapped.get(commitment.hex(), [])):
                    lost[name] = lost.get(name, 0) + records
    problems += [(6, f"tenant {name}: {records} record(s) can be read by nobody: shredded") for name, records in lost.items()]


def verify(folder, trusted, anchors=(), keys=()):
    problems = []
    names = sorted(path for path in folder.iterdir() if re.fullmatch(r"\d{12,}-.{16}\.seg", path.name))
    segments = []
    for path in names:
        number = int(path.name.split("-")[0])
        try:
            segment = Segment(path.read_bytes())
            need(segment.number == number, "the header says another number")
        except Bad as problem:
            problems.append((3, f"{path.name}: {problem}"))
            segment = None
        segments.append((number, path.name, segment))
    expected = 1
    for index, (number, name, segment) in enumerate(segments):
        if number != expected:
            problems.append((4 if number > expected else 3, f"{name}: segment {expected} expected"))
        expected = number + 1
        if not segment:
            continue
        trusted = trusted or segment.signer
        if segment.signer != trusted:
            problems.append((5, f"{name}: unknown signer {segment.signer.hex()}"))
        last = index + 1 == len(segments)
        successor = None if last or segments[index + 1][0] != number + 1 else segments[index + 1][2]
        limit = successor.previous_size if successor and successor.previous_size else len(segment.data)
        try:
            need(number != 1 or (segment.previous_size, segment.previous_root) == (0, bytes(32)), "first names a predecessor")
            segment.walk(limit)
            need(not segment.torn or last, f"damaged in a part that its successor vouches for: {segment.torn}")
            if segment.torn:
                problems.append((7, f"{name}: torn behind byte {segment.end}: {segment.torn}"))
            if successor:
                vouched = (successor.previous_size, successor.previous_root)
                need((segment.end, segment.root) == vouched, "ends otherwise than its successor says")
        except Bad as problem:
            problems.append((3, f"{name}: {problem}"))
        segment.void = limit if any(segment.data[limit:]) else None
        problems += [(7, f"{name}: gap {gap[:5]}") for gap in segment.gaps] if hasattr(segment, "gaps") else []
    for index, (number, name, segment) in enumerate(segments):
        if segment and segment.void is not None:
            after = segments[index + 1][2] if index + 1 < len(segments) else None
            declared = after and any(gap[1] == number and gap[3] == segment.void for gap in getattr(after, "gaps", []))
            if not declared:
                problems.append((3, f"{name}: bytes from {segment.void} on belong to no declared gap"))
    judge_anchors(anchors, trusted, segments, problems)
    judge_shredded(keys, folder, segments, problems)
    return len(segments), problems


def exit_code(problems):
    codes = {code for code, _ in problems}
    return next((code for code in WEIGHT if code in codes), 0)


def main():
    parser = argparse.ArgumentParser(description="Verifies a Sidewall audit log from its written format alone.")
    parser.add_argument("dir", type=Path)
    parser.add_argument("--signer", help="trusted public key, 64 hexadecimal digits")
    parser.add_argument("--anchor", type=Path, action="append", default=[], help="a file of checkpoints kept elsewhere")
    parser.add_argument("--keys", type=Path, action="append", default=[], help="a folder with tombstones")
    args = parser.parse_args()
    folder, pinned = args.dir, args.signer
    if not pinned and (folder / "signer.pub").is_file():
        pinned = (folder / "signer.pub").read_text().strip()
    anchors = [path.read_text() for path in args.anchor]
    count, problems = verify(folder, bytes.fromhex(pinned) if pinned else None, anchors, args.keys)
    for code, message in problems:
        print(f"{code}: {message}")
    code = exit_code(problems)
    print(f"{count} segment(s): exit {code}")
    return code


if __name__ == "__main__":
    sys.exit(main())
