"""Reads LTFS volumes as the published format has them (ISO/IEC 20919:2021, SNIA LTFS Format Specification 2.4), and nothing else of this
project: what it can list and extract, other software for LTFS can.

    ltfs_reader.py IMAGE list               the newest index with every file, as JSON
    ltfs_reader.py IMAGE check              the same with every file read and compared: length, and each hash it carries
    ltfs_reader.py IMAGE extract DIRECTORY  the same with every file written below the directory

IMAGE is a directory with one cartridge: for each partition 0 and 1 of the drive `P.data`, its blocks one behind the other, and `P.index`,
eight bytes little endian for each block or filemark in the order of the tape: bit 63 for a filemark, otherwise the bytes of a block.

Problems are listed in `problems`, and the exit status is 1 if there are any. BLAKE3 is checked where the module `blake3` is installed or the
program `b3sum` is there; `hash_checked` says of each file which hashes were.
"""
import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
import sys
import urllib.parse
import uuid
import xml.etree.ElementTree as ElementTree
import zlib

FILEMARK = 1 << 63
HASHES = {
    "ltfs.hash.md5sum": "md5",
    "ltfs.hash.sha1sum": "sha1",
    "ltfs.hash.sha256sum": "sha256",
    "ltfs.hash.sha512sum": "sha512",
}
PIECE = 1 << 20


class Unreadable(Exception):
    pass


class Tape:
    """One partition of the drive: objects numbered from 0, blocks and filemarks alike."""

    def __init__(self, image, number):
        with open(os.path.join(image, f"{number}.index"), "rb") as file:
            raw = file.read()
        self.objects = [record for (record,) in struct.iter_unpack("<Q", raw[: len(raw) // 8 * 8])]
        self.places, at = [], 0
        for record in self.objects:
            self.places.append(at)
            at += 0 if record & FILEMARK else record
        self.data = open(os.path.join(image, f"{number}.data"), "rb")

    def is_mark(self, at):
        return 0 <= at < len(self.objects) and bool(self.objects[at] & FILEMARK)

    def block(self, at):
        if not 0 <= at < len(self.objects) or self.is_mark(at):
            raise Unreadable(f"object {at} is no block")
        self.data.seek(self.places[at])
        block = self.data.read(self.objects[at])
        if len(block) != self.objects[at]:
            raise Unreadable(f"block {at} is cut short")
        return block


def text(element, path, required=True):
    found = element.find(path)
    if found is None:
        if required:
            raise Unreadable(f"<{element.tag}> lacks <{path}>")
        return None
    return found.text or ""


def number(element, path, default=None):
    found = text(element, path, default is None)
    return default if found is None else int(found.strip())


def name_of(element):
    name = element.text or ""
    return urllib.parse.unquote(name, errors="strict") if element.get("percentencoded") == "true" else name


def pointer(element):
    return None if element is None else {"partition": text(element, "partition").strip(), "block": number(element, "startblock")}


def read_label(tape):
    volume = tape.block(0)
    if len(volume) != 80 or volume[:4] != b"VOL1" or volume[10:11] != b"L" or volume[24:37].rstrip() != b"LTFS" or volume[79:] != b"4":
        raise Unreadable("no VOL1 label of LTFS")
    if not (tape.is_mark(1) and tape.is_mark(3)):
        raise Unreadable("no filemarks around the label")
    root = ElementTree.fromstring(tape.block(2).rstrip(b"\0"))
    if root.tag != "ltfslabel":
        raise Unreadable("no LTFS label")
    return {
        "identifier": volume[4:10].decode("ascii").rstrip(),
        "version": root.get("version"),
        "volume": str(uuid.UUID(text(root, "volumeuuid").strip())),
        "location": text(root, "location/partition").strip(),
        "index": text(root, "partitions/index").strip(),
        "data": text(root, "partitions/data").strip(),
        "block_bytes": number(root, "blocksize"),
        "creator": text(root, "creator"),
        "format_time": text(root, "formattime").strip(),
        "compression": text(root, "compression").strip(),
    }


def read_index(tape, at, label, letter, problems):
    """The index that begins there, closed by a filemark."""
    if not tape.is_mark(at - 1):
        raise Unreadable(f"no filemark before the index at {letter}{at}")
    blocks, next_at = [], at
    while next_at < len(tape.objects) and not tape.is_mark(next_at):
        blocks.append(tape.block(next_at))
        next_at += 1
    if next_at == len(tape.objects):
        raise Unreadable(f"no filemark behind the index at {letter}{at}")
    if any(len(block) != label["block_bytes"] for block in blocks[:-1]):
        problems.append(f"the index at {letter}{at} has blocks that are not full")
    root = ElementTree.fromstring(b"".join(blocks).rstrip(b"\0"))
    if root.tag != "ltfsindex":
        raise Unreadable(f"no index at {letter}{at}")
    index = {
        "version": root.get("version"),
        "creator": text(root, "creator"),
        "volume": str(uuid.UUID(text(root, "volumeuuid").strip())),
        "generation": number(root, "generationnumber"),
        "update_time": text(root, "updatetime").strip(),
        "location": pointer(root.find("location")),
        "previous": pointer(root.find("previousgenerationlocation")),
        "highest_uid": number(root, "highestfileuid"),
        "end": next_at + 1,
        "root": root.find("directory"),
    }
    if index["volume"] != label["volume"]:
        problems.append(f"the index at {letter}{at} is of another volume")
    if index["location"] != {"partition": letter, "block": at}:
        problems.append(f"the index at {letter}{at} says it is at {index['location']}")
    return index


def last_index(tape, label, letter, problems):
    """The index that a partition of a consistent volume ends with."""
    end = len(tape.objects)
    if not tape.is_mark(end - 1):
        raise Unreadable(f"partition {letter} does not end with a filemark")
    start = end - 2
    while start >= 0 and not tape.is_mark(start):
        start -= 1
    return read_index(tape, start + 1, label, letter, problems)


def attributes_of(element):
    found = {}
    for attribute in element.iterfind("extendedattributes/xattr"):
        value = attribute.find("value")
        content = (value.text or "") if value is not None else ""
        is_base64 = value is not None and value.get("type") == "base64"
        found[name_of(attribute.find("key"))] = base64.b64decode(content) if is_base64 else content.encode()
    return found


def files_of(root, problems):
    """Every entry, with its path and extents; sorted by path."""
    entries, uids, waiting = [], {}, [(root, "")]
    while waiting:
        directory, around = waiting.pop()
        names = set()
        for element in directory.find("contents") if directory.find("contents") is not None else []:
            if element.tag not in ("directory", "file"):
                continue
            name = name_of(element.find("name"))
            path = f"{around}/{name}" if around else name
            if not name or "/" in name or name in (".", "..") or name in names:
                problems.append(f"{path!r} is no name, or there twice")
                continue
            names.add(name)
            uid = number(element, "fileuid")
            if uids.setdefault(uid, path) != path:
                problems.append(f"{path!r} has the uid of {uids[uid]!r}")
            entry = {"path": path, "uid": uid, "modified": text(element, "modifytime").strip(), "read_only": text(element, "readonly").strip() == "true"}
            for time in ("creationtime", "changetime", "accesstime", "backuptime"):
                text(element, time)
            attributes = attributes_of(element)
            entry["attributes"] = {key: value.decode("utf-8", "backslashreplace") for key, value in sorted(attributes.items())}
            if element.tag == "directory":
                entry["kind"] = "directory"
                waiting.append((element, path))
            elif element.find("symlink") is not None:
                entry.update(kind="link", target=name_of(element.find("symlink")))
            else:
                extents = [
                    {
                        "offset": number(extent, "fileoffset"),
                        "partition": text(extent, "partition").strip(),
                        "block": number(extent, "startblock"),
                        "byte": number(extent, "byteoffset"),
                        "bytes": number(extent, "bytecount"),
                    }
                    for extent in element.iterfind("extentinfo/extent")
                ]
                entry.update(kind="file", length=number(element, "length"), extents=sorted(extents, key=lambda extent: extent["offset"]))
            entries.append(entry)
    return sorted(entries, key=lambda entry: entry["path"]), uids


def content_of(entry, tapes):
    """The bytes of a file, in pieces."""
    at = 0
    for extent in entry["extents"]:
        if extent["offset"] < at:
            raise Unreadable("extents over each other")
        yield from zeros(extent["offset"] - at)
        tape, block, skip, left = tapes[extent["partition"]], extent["block"], extent["byte"], extent["bytes"]
        while left:
            piece = tape.block(block)[skip:][:left]
            if not piece:
                raise Unreadable(f"block {block} is too short")
            yield piece
            left, block, skip = left - len(piece), block + 1, 0
        at = extent["offset"] + extent["bytes"]
    if at > entry["length"]:
        raise Unreadable("extents behind the end of the file")
    yield from zeros(entry["length"] - at)


def zeros(count):
    while count > 0:
        yield bytes(min(count, PIECE))
        count -= PIECE


class Blake3:
    """Whatever of this machine knows it."""

    def __init__(self):
        try:
            import blake3

            self.hash, self.program = blake3.blake3(), None
        except ImportError:
            self.hash = None
            self.program = shutil.which("b3sum") and subprocess.Popen(["b3sum", "--no-names"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def update(self, piece):
        if self.hash:
            self.hash.update(piece)
        elif self.program:
            self.program.stdin.write(piece)

    def hexdigest(self):
        if self.hash:
            return self.hash.hexdigest()
        return self.program.communicate()[0].decode().strip() if self.program else None


class Crc32:
    def __init__(self):
        self.value = 0

    def update(self, piece):
        self.value = zlib.crc32(piece, self.value)

    def hexdigest(self):
        return f"{self.value:08x}"


def check(entry, tapes, problems, out=None):
    attributes = {key: value for key, value in entry["attributes"].items()}
    hashes = {key: hashlib.new(algorithm) for key, algorithm in HASHES.items() if key in attributes}
    if "ltfs.hash.crc32sum" in attributes:
        hashes["ltfs.hash.crc32sum"] = Crc32()
    if "capstan.blake3" in attributes:
        hashes["capstan.blake3"] = Blake3()
    length, entry["hash_checked"] = 0, []
    try:
        for piece in content_of(entry, tapes):
            length += len(piece)
            for hasher in hashes.values():
                hasher.update(piece)
            if out is not None:
                out.write(piece)
    except (Unreadable, KeyError) as why:
        problems.append(f"{entry['path']!r}: {why}")
    if length != entry["length"]:
        problems.append(f"{entry['path']!r} has {length} bytes of {entry['length']}")
    for key, hasher in hashes.items():
        digest = hasher.hexdigest()
        if digest is None:
            continue
        entry["hash_checked"].append(key)
        if digest != attributes[key].strip().lower():
            problems.append(f"{entry['path']!r}: {key} is {attributes[key]}, the content's is {digest}")


def generations(index, tapes, label, problems):
    """Every generation that back pointers lead to, the newest first."""
    chain, seen = [], set()
    while index is not None:
        chain.append({"generation": index["generation"], "location": index["location"], "previous": index["previous"]})
        previous = index["previous"]
        if previous is None or (previous["partition"], previous["block"]) in seen:
            break
        seen.add((previous["partition"], previous["block"]))
        if previous["partition"] != label["data"]:
            problems.append("a back pointer leads out of the data partition")
            break
        older = read_index(tapes[previous["partition"]], previous["block"], label, previous["partition"], problems)
        is_copy = index["location"]["partition"] == label["index"] and older["generation"] == index["generation"]
        if older["generation"] >= index["generation"] and not is_copy:
            problems.append(f"generation {index['generation']} points back to {older['generation']}")
        index = older
    return chain


def read(image, command, target):
    problems, labels, by_letter = [], [], {}
    for drive_number in (0, 1):
        tape = Tape(image, drive_number)
        label = read_label(tape)
        labels.append(label)
        by_letter[label["location"]] = tape
    label = labels[0]
    same = ("volume", "index", "data", "block_bytes", "format_time", "creator", "version", "compression")
    if any(labels[0][key] != labels[1][key] for key in same) or set(by_letter) != {label["index"], label["data"]}:
        raise Unreadable("the labels of the partitions do not belong together")
    newest = {}
    for letter in (label["data"], label["index"]):
        newest[letter] = last_index(by_letter[letter], label, letter, problems)
    data, index = newest[label["data"]], newest[label["index"]]
    if index["generation"] != data["generation"] or index["previous"] != data["location"]:
        problems.append(
            f"not consistent: generation {index['generation']} points to {index['previous']}, generation {data['generation']} is at {data['location']}"
        )
    chosen = max(index, data, key=lambda one: one["generation"])
    chain = generations(chosen, by_letter, label, problems)
    entries, uids = files_of(chosen["root"], problems)
    if uids and max(uids) > chosen["highest_uid"]:
        problems.append("a uid is above the highest")
    for entry in entries:
        out_path = os.path.join(target, *entry["path"].split("/")) if target else None
        if entry["kind"] == "directory" and out_path:
            os.makedirs(out_path, exist_ok=True)
        elif entry["kind"] == "link" and out_path:
            os.makedirs(os.path.dirname(out_path), exist_ok=True)
            os.symlink(entry["target"], out_path)
        elif entry["kind"] == "file" and out_path:
            os.makedirs(os.path.dirname(out_path), exist_ok=True)
            with open(out_path, "xb") as out:
                check(entry, by_letter, problems, out)
        elif entry["kind"] == "file" and command == "check":
            check(entry, by_letter, problems)
    shown = ("version", "creator", "volume", "generation", "update_time", "location", "previous", "highest_uid")
    return {
        "label": {key: label[key] for key in ("identifier", "version", "volume", "index", "data", "block_bytes", "creator", "format_time")},
        "name": name_of(chosen["root"].find("name")),
        "index": {key: chosen[key] for key in shown},
        "generations": chain,
        "entries": entries,
        "problems": problems,
    }


def main(arguments):
    if len(arguments) < 2 or arguments[1] not in ("list", "check", "extract") or len(arguments) != 2 + (arguments[1] == "extract"):
        sys.exit(__doc__)
    try:
        report = read(arguments[0], arguments[1], arguments[2] if arguments[1] == "extract" else None)
    except (Unreadable, ElementTree.ParseError, ValueError, AttributeError) as why:
        report = {"problems": [str(why)]}
    json.dump(report, sys.stdout, ensure_ascii=False, indent=1)
    print()
    sys.exit(1 if report["problems"] else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
