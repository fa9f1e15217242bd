"""What CloudSigma's own Python client does with drives, as it is shipped, on a host that has none.

Argument: where it goes and what is there, as JSON; tests/servers/src/cloudsigma.rs says what its members are.
"""
import json
import sys
import time

from cloudsigma import errors, resource

GIB = 1 << 30
there = json.loads(sys.argv[1])
default, other = there["default"], there["other"]
ACCESS = dict(api_endpoint=there["endpoint"] + "/api/2.0/", username=there["user"], password=there["password"])


def refused(call, error, kind, point=None):
    try:
        call()
    except error as found:
        body = json.loads(found.message)
        assert [(item["error_type"], item["error_point"]) for item in body] == [(kind, point)], body
        assert all(item["error_message"] for item in body)
    else:
        raise AssertionError("it was not refused")


def made(size):
    """The bytes of a drive of the default type whose maker asks for so many."""
    return -(-size // default["granularity"]) * default["granularity"]


def become(what, uuid, status, member="status"):
    """Looks until it is; the client's own tests wait so, too."""
    until = time.monotonic() + there["patience"]
    while True:
        found = what.get(uuid)
        if found[member] == status:
            return found
        assert time.monotonic() < until, "%s did not become %s" % (found, status)
        time.sleep(0.02)


try:
    resource.Drive(**dict(ACCESS, password="wrong " + there["password"])).list()
except errors.AuthError as error:
    assert error.status_code == 401
else:
    raise AssertionError("a wrong password was taken")

drives, servers, tags = resource.Drive(**ACCESS), resource.Server(**ACCESS), resource.Tags(**ACCESS)
snapshots, jobs, users = resource.Snapshot(**ACCESS), resource.Jobs(**ACCESS), resource.DriveUsers(**ACCESS)
profile, capabilities = resource.Profile(**ACCESS), resource.Capabilites(**ACCESS)

assert drives.list() == [] and drives.list_detail() == []
assert set(drives.get_schema()) >= {"fields", "filtering", "default_limit"}
told = capabilities.get()
assert told["default_storage_type"] == default["name"]
for kind in (default, other):
    limits = told["drives"][kind["name"]]
    assert limits["min_size"] == limits["size"]["min"] == kind["minimum"] < limits["size"]["max"], limits

# Made: one, which comes unwrapped, one of a type that is named, and many of another.
first = drives.create({"name": "first", "media": "disk", "size": GIB, "meta": {"k": "v"}})
assert (first["status"], first["meta"], first["storage_type"]) == ("creating", {"k": "v"}, default["name"])
first = become(drives, first["uuid"], "unmounted")
least = {"name": "least", "media": "cdrom", "size": str(default["minimum"]), "storage_type": default["name"]}
least = drives.create(least)
assert (least["storage_type"], least["size"], least["media"]) == (default["name"], default["minimum"], "cdrom")
assert drives.get_from_url(least["resource_uri"])["uuid"] == least["uuid"]
wanted = [{"name": "d%d" % n, "media": "disk", "size": GIB, "storage_type": other["name"]} for n in range(20)]
many = drives.create(wanted, avoid=first["uuid"])
assert [drive["name"] for drive in many] == ["d%d" % n for n in range(20)]
assert {drive["storage_type"] for drive in many} == {other["name"]}
assert len(drives.list()) == 22
assert set(drives.list()[0]) == {"owner", "resource_uri", "status", "uuid"}
assert [drive["name"] for drive in drives.list_detail({"name__contains": "IRST"})] == ["first"]
assert set(drives.list({"fields": "name,size"})[0]) == {"name", "size"}
assert len(drives.list({"limit": 7, "offset": 20})) == 2
refused(lambda: drives.create({"media": "disk", "size": GIB}), errors.ClientError, "validation", "name")
refused(lambda: drives.create({"name": "a", "media": "disk", "size": 2**63}), errors.ClientError, "validation", "size")
for absent in there["absent"]:
    drive = {"name": "a", "media": "disk", "size": GIB, "storage_type": absent}
    refused(lambda: drives.create(drive), errors.ServerError, "backend")
unknown = {"name": "a", "media": "disk", "size": GIB, "storage_type": "floppy"}
refused(lambda: drives.create(unknown), errors.ClientError, "validation", "storage_type")

# Edited and resized by what was read.
first["name"], first["meta"] = "renamed", {"l": "w"}
edited = drives.update(first["uuid"], first)
assert (edited["name"], edited["meta"], edited["status"]) == ("renamed", {"l": "w"}, "unmounted")
edited["size"] = GIB + 1
resizing = drives.resize(first["uuid"], edited)
assert (resizing["status"], resizing["size"]) == ("resizing", GIB)
assert become(drives, first["uuid"], "unmounted")["size"] == made(GIB + 1)
refused(lambda: drives.resize(first["uuid"], {"name": "a", "media": "disk"}), errors.ClientError, "validation", "size")

# Cloned: without anything, and with all.
clone = drives.clone(first["uuid"])
assert (clone["name"], clone["status"], clone["mounted_on"]) == ("renamed", "cloning_dst", [])
# A host at work may have ended it by now.
assert drives.get(first["uuid"])["status"] in (["cloning_src", "unmounted"] if there["at_work"] else ["cloning_src"])
job = jobs.get(clone["jobs"][0]["uuid"])
assert job["operation"] == "drive_clone" and clone["resource_uri"] in job["resources"]
assert jobs.list() != []
clone = drives.clone(first["uuid"], {"name": "clone", "size": 2 * GIB, "storage_type": other["name"]}, avoid=[first["uuid"], clone["uuid"]])
assert (clone["name"], clone["size"], clone["storage_type"]) == ("clone", 2 * GIB, other["name"])
refused(lambda: drives.clone(first["uuid"], {"size": GIB}), errors.ClientError, "validation", "size")
assert profile.get()["clone_naming"] == "NONE"
assert profile.update(dict(profile.get(), clone_naming="COUNTER"))["clone_naming"] == "COUNTER"
become(drives, clone["uuid"], "unmounted")
become(drives, first["uuid"], "unmounted")
across = become(jobs, clone["jobs"][0]["uuid"], "success", "state")
assert across["resources"] == [first["resource_uri"], clone["resource_uri"]] and across["data"]["progress"] == 100
assert across["uuid"] in [job["uuid"] for job in jobs.list()]
counted = drives.clone(clone["uuid"])
assert counted["name"] == "clone_1"
become(drives, counted["uuid"], "unmounted")
become(jobs, counted["jobs"][0]["uuid"], "success", "state")
assert jobs.get(counted["jobs"][0]["uuid"])["data"]["progress"] == 100

# Tags.
tag = tags.create({"name": "red", "resources": [first["uuid"], clone["uuid"]]})
assert {found["uuid"] for found in tags.drives(tag["uuid"])} == {first["uuid"], clone["uuid"]}
assert tags.servers(tag["uuid"]) == []
assert len(drives.list({"tag": tag["uuid"]})) == 2
assert tags.update(tag["uuid"], dict(tag, name="blue"))["name"] == "blue"
assert [found["name"] for found in tags.list_detail()] == ["blue"]
tags.delete(tag["uuid"])

# Snapshots.
snapshot = snapshots.create({"drive": first["uuid"], "name": "snapshot"})
assert snapshot["status"] == "creating" and snapshot["drive"]["uuid"] == first["uuid"]
become(snapshots, snapshot["uuid"], "available")
assert [found["uuid"] for found in snapshots.list({"drive": first["uuid"]})] == [snapshot["uuid"]]
assert [found["name"] for found in snapshots.list_detail()] == ["snapshot"]
assert [found["uuid"] for found in drives.get(first["uuid"])["snapshots"]] == [snapshot["uuid"]]
assert snapshots.update(snapshot["uuid"], dict(snapshot, name="other"))["name"] == "other"
cloned = snapshots.clone(snapshot["uuid"], {"name": "from snapshot"}, avoid=first["uuid"])
assert (cloned["name"], cloned["status"], cloned["storage_type"]) == ("from snapshot", "cloning_dst", default["name"])
become(drives, cloned["uuid"], "unmounted")
cloned = snapshots.clone(snapshot["uuid"], {"name": "elsewhere", "size": 2 * GIB, "storage_type": other["name"]})
assert (cloned["name"], cloned["storage_type"]) == ("elsewhere", other["name"])
become(drives, cloned["uuid"], "unmounted")
become(drives, first["uuid"], "unmounted")
snapshots.delete(snapshot["uuid"])
assert snapshots.list() == []

# A server, its drives, and what they allow while it runs.
server = servers.create({
    "name": "server", "cpu": 1000, "mem": GIB, "vnc_password": "x",
    "drives": [{"boot_order": 1, "dev_channel": "0:0", "device": "virtio", "drive": first["uuid"]}],
})
become(drives, first["uuid"], "mounted")
assert drives.get(first["uuid"])["mounted_on"][0]["uuid"] == server["uuid"]
assert servers.start(server["uuid"]) == {"action": "start", "result": "success", "uuid": server["uuid"]}
mounted = drives.get(first["uuid"])
assert drives.update(first["uuid"], dict(mounted, name="mounted", size=8 * GIB))["size"] == mounted["size"]
assert drives.get(first["uuid"])["name"] == "mounted"
refused(lambda: drives.resize(first["uuid"], dict(mounted, size=8 * GIB)), errors.PermissionError, "permission")
refused(lambda: drives.delete(first["uuid"]), errors.PermissionError, "permission")
assert servers.stop(server["uuid"])["action"] == "stop"
servers.start(server["uuid"])
assert servers.shutdown(server["uuid"])["action"] == "shutdown"
assert [found["name"] for found in servers.list_detail()] == ["server"]
server["drives"].append({"device": "virtio", "dev_channel": "0:1", "drive": clone["uuid"]})
assert len(servers.update(server["uuid"], server)["drives"]) == 2
servers.delete_with_disks(server["uuid"])
assert servers.list() == []
refused(lambda: drives.get(clone["uuid"]), errors.ClientError, "notexist")

# Users of a drive.
drive = many[0]["uuid"]
assert users.create({"drive": drive, "amount": 5})["amount"] == 5
assert users.get(drive)["drive"]["uuid"] == drive
assert users.update(drive, {"amount": 7})["amount"] == 7
assert len(users.list()) == 1
users.delete(drive)

# Gone.
for drive in drives.list():
    become(drives, drive["uuid"], "unmounted")
    drives.delete(drive["uuid"])
    refused(lambda: drives.get(drive["uuid"]), errors.ClientError, "notexist")
assert drives.list() == []
print("done")
