"""What apache-libcloud's CloudSigma 2.0 driver does with drives, the driver as it is shipped, on a host that has none.

The driver names no storage type: its drives are of the one that is the default there.

Argument: where it goes and what is there, as JSON; tests/servers/src/cloudsigma.rs says what its members are.
"""
import json
import sys

import libcloud.security
from libcloud.common.types import InvalidCredsError
from libcloud.compute.base import NodeImage
from libcloud.compute.drivers.cloudsigma import CloudSigmaError, CloudSigmaNodeSize
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

GIB = 1 << 30
there = json.loads(sys.argv[1])
default = there["default"]
libcloud.security.CA_CERTS_PATH = there["authority"]
Driver = get_driver(Provider.CLOUDSIGMA)


def connect(password):
    return Driver(there["user"], password, host="127.0.0.1", port=there["port"], api_version="2.0")


def made(size):
    """The size in GiB that a drive has whose maker asks for this one."""
    return -int(-size * GIB // default["granularity"]) * default["granularity"] / GIB


def unmounted(drive):
    return driver._wait_for_drive_state_transition(drive=drive, state="unmounted", timeout=there["patience"])


def refused(call, kind, point=None):
    try:
        call()
    except CloudSigmaError as error:
        assert (error.error_type, error.error_point) == (kind, point), error
        assert str(error)
    else:
        raise AssertionError("it was not refused")


try:
    connect("wrong " + there["password"]).list_volumes()
except InvalidCredsError:
    pass
else:
    raise AssertionError("a wrong password was taken")

driver = connect(there["password"])
driver.DRIVE_TRANSITION_SLEEP_INTERVAL = 0.01
assert driver.list_volumes() == []
capabilities = driver.ex_list_capabilities()
assert capabilities["default_storage_type"] == default["name"]
for kind in (default, there["other"]):
    assert capabilities["drives"][kind["name"]]["size"]["min"] == kind["minimum"], capabilities

# Drives: made, listed, looked at.
first = driver.create_volume("first", 1)
assert (first.name, first.size, first.media, first.status) == ("first", 1.0, "disk", "creating")
second = driver.ex_create_drive("second", 1.5, media="cdrom", ex_avoid=[first.id])
assert (second.size, second.media) == (made(1.5), "cdrom")
first = unmounted(first)
second = unmounted(second)
for number in range(20):
    driver.create_volume("many-%d" % number, 1)
assert len(driver.list_volumes()) == 22, "the page has no bound for this client"
groups = driver.ex_list_drives_availability_groups()
assert sorted(drive for group in groups for drive in group) == sorted(drive.id for drive in driver.list_volumes())
assert groups[1:] == ([[second.id]] if there["apart"] else []), groups

# Resized and cloned.
resizing = driver.ex_resize_drive(first, 2)
assert (resizing.status, resizing.size) == ("resizing", 1.0)
first = unmounted(resizing)
assert first.size == 2.0
refused(lambda: driver.ex_resize_drive(first, 1), "validation", "size")
clone = driver.ex_clone_drive(first)
assert (clone.name, clone.status, clone.size) == ("first", "cloning_dst", 2.0)
clone = driver.ex_clone_drive(first, name="clone", ex_avoid=[first.id, second.id])
clone = unmounted(clone)
assert clone.name == "clone"

# Tags.
tag = driver.ex_create_tag("red")
assert (tag.name, tag.resources) == ("red", [])
assert [found.id for found in driver.ex_list_tags()] == [tag.id]
assert driver.ex_tag_resource(clone, tag).name == "red"
assert driver.ex_get_tag(tag.id).id == tag.id
assert driver.list_nodes(ex_tag=tag) == []
assert driver.ex_delete_tag(tag)
assert driver.ex_list_tags() == []

# A node whose drive is a clone, resized; then another drive is attached to it.
size = CloudSigmaNodeSize(id="x", name="x", cpu=1, ram=1024, disk=3, bandwidth=None, price=0, driver=driver)
image = NodeImage(id=second.id, name=second.name, driver=driver)
node = driver.create_node("node", size, image, ex_metadata={"k": "v"})
assert driver.list_nodes()[0].state == NodeState.RUNNING
mounted = [drive for drive in driver.list_volumes() if drive.status == "mounted"]
assert [(drive.name, drive.size) for drive in mounted] == [("node-drive", 3.0)]
refused(lambda: driver.ex_resize_drive(mounted[0], 4), "permission")
refused(lambda: driver.destroy_volume(mounted[0]), "permission")
refused(lambda: driver.start_node(node), "permission")
assert driver.stop_node(node)
assert driver.attach_volume(node, clone)
assert driver.ex_get_drive(clone.id).status == "mounted"
assert [drive["dev_channel"] for drive in driver.ex_get_node(node.id, return_json=True)["drives"]] == ["0:0", "0:1"]
node = driver.ex_get_node(node.id)
node = driver.ex_edit_node(node, {"name": "renamed", "cpu": 2000, "mem": 1 << 30})
assert (node.name, len(node.extra["drives"])) == ("renamed", 2)
assert driver.detach_volume(node, clone)
assert driver.ex_get_drive(clone.id).status == "unmounted"
assert driver.start_node(node)
assert driver.ex_get_drive(mounted[0].id).status == "mounted"
assert driver.stop_node(node)
assert driver.destroy_node(node, ex_delete_drives=True)
refused(lambda: driver.ex_get_drive(mounted[0].id), "notexist")

# Less than the smallest: it becomes that where sizes are that coarse, and is refused elsewhere.
least = default["minimum"] / GIB
if made(least / 2) == least:
    assert driver.create_volume("small", least / 2).size == least
else:
    refused(lambda: driver.create_volume("small", least / 2), "validation", "size")
refused(lambda: driver.create_volume("n" * 10240, 1), "validation", "name")

# Gone.
for drive in driver.list_volumes():
    assert driver.destroy_volume(unmounted(drive))
assert driver.list_volumes() == []
refused(lambda: driver.ex_get_drive(first.id), "notexist")
print("done")
