"""What apache-libcloud's CloudSigma 2.0 driver does with drives, the driver as it is shipped. Arguments: port, file of the authority."""
import sys

import libcloud.security
from libcloud.common.types import InvalidCredsError
from libcloud.compute.base import NodeImage
from libcloud.compute.drivers.cloudsigma import CloudSigmaError, CloudSigmaNodeSize
from libcloud.compute.providers import get_driver
from libcloud.compute.types import NodeState, Provider

libcloud.security.CA_CERTS_PATH = sys.argv[2]
Driver = get_driver(Provider.CLOUDSIGMA)


def connect(password):
    return Driver("admin", password, host="127.0.0.1", port=int(sys.argv[1]), api_version="2.0")


def refused(call, kind, point=None):
    try:
        call()
    except CloudSigmaError as error:
        assert (error.error_type, error.error_point) == (kind, point), error
        assert str(error)
    else:
        raise AssertionError("it was not refused")


try:
    connect("wrong").list_volumes()
except InvalidCredsError:
    pass
else:
    raise AssertionError("a wrong password was taken")

driver = connect("pw")
driver.DRIVE_TRANSITION_SLEEP_INTERVAL = 0.01
assert driver.list_volumes() == []
assert driver.ex_list_capabilities()["default_storage_type"] == "dssd"

# Drives: made, listed, looked at.
first = driver.create_volume("first", 1)
assert (first.name, first.size, first.media, first.status) == ("first", 1.0, "disk", "creating")
second = driver.ex_create_drive("second", 1.5, media="cdrom", ex_avoid=[first.id])
assert (second.size, second.media) == (1.5, "cdrom")
first = driver._wait_for_drive_state_transition(drive=first, state="unmounted")
second = driver._wait_for_drive_state_transition(drive=second, state="unmounted")
for number in range(25):
    driver.create_volume("many-%d" % number, 1)
assert len(driver.list_volumes()) == 27, "the page has no bound for this client"
assert driver.ex_list_drives_availability_groups()[1] == [second.id]

# Resized and cloned.
resizing = driver.ex_resize_drive(first, 2)
assert (resizing.status, resizing.size) == ("resizing", 1.0)
first = driver._wait_for_drive_state_transition(drive=resizing, state="unmounted")
assert first.size == 2.0
refused(lambda: driver.ex_resize_drive(first, 1), "validation", "size")
clone = driver.ex_clone_drive(first)
assert (clone.name, clone.status, clone.size) == ("first", "cloning_dst", 2.0)
clone = driver.ex_clone_drive(first, name="clone", ex_avoid=[first.id, second.id])
clone = driver._wait_for_drive_state_transition(drive=clone, state="unmounted")
assert clone.name == "clone"

# Tags.
tag = driver.ex_create_tag("red")
assert (tag.name, tag.resources) == ("red", [])
assert [found.id for found in driver.ex_list_tags()] == [tag.id]
assert driver.ex_tag_resource(clone, tag).name == "red"
assert driver.ex_get_tag(tag.id).id == tag.id
assert driver.list_nodes(ex_tag=tag) == []
assert driver.ex_delete_tag(tag)

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
assert driver.destroy_node(node, ex_delete_drives=True)
refused(lambda: driver.ex_get_drive(mounted[0].id), "notexist")

# Gone.
for drive in driver.list_volumes():
    assert driver.destroy_volume(drive)
assert driver.list_volumes() == []
refused(lambda: driver.ex_get_drive(first.id), "notexist")
refused(lambda: driver.create_volume("small", 0.25), "validation", "size")
refused(lambda: driver.create_volume("n" * 10240, 1), "validation", "name")
print("done")
