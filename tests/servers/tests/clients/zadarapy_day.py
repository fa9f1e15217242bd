"""A day in the life of a VPSA, as its vendor's own client goes through it. Arguments: port, access key, pool."""

import sys
import time

from zadarapy.session import Session
from zadarapy.vpsa import controllers, pools, servers, snapshot_policies, volumes

PATIENCE = 90


def session(port, key):
    return Session(host="127.0.0.1", port=port, key=key, secure=False, log_function=lambda line: None)


def said(answer):
    assert answer["response"]["status"] == 0, answer
    return answer["response"]


def refused(call, words):
    try:
        answer = call()
    except Exception as failure:
        assert words in str(failure), failure
    else:
        raise AssertionError(f"that was to be refused: {answer}")


def settled(vpsa, volume):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        shown = said(volumes.get_volume(vpsa, volume))["volume"]
        if shown["status"] in ("Available", "In-use"):
            return shown
        time.sleep(0.05)
    raise AssertionError(f"{volume} is not ready: {shown}")


def called(vpsa, name):
    listed = said(volumes.get_all_volumes(vpsa))
    assert listed["count"] == len(listed["volumes"])
    return [volume for volume in listed["volumes"] if volume["display_name"] == name]


def main(port, key, pool):
    refused(lambda: pools.get_all_pools(session(port, "nobody's key")), "key")
    vpsa = session(port, key)
    assert pool in [one["name"] for one in said(pools.get_all_pools(vpsa))["pools"]]
    before = said(pools.get_pool(vpsa, pool))["pool"]["available_capacity"]
    assert any(one["state"] == "active" and one["iscsi_ip"] for one in said(controllers.get_all_controllers(vpsa))["vcontrollers"])
    assert said(snapshot_policies.get_all_snapshot_policies(vpsa))["snapshot_policies"] == []

    one = said(volumes.create_volume(vpsa, pool_id=pool, display_name="one", capacity=2, block="YES"))["vol_name"]
    shown = settled(vpsa, one)
    assert (shown["display_name"], shown["virtual_capacity"], shown["pool_name"]) == ("one", 2, pool), shown
    assert said(pools.get_pool(vpsa, pool))["pool"]["available_capacity"] == before - 2
    refused(lambda: volumes.create_volume(vpsa, pool_id=pool, display_name="one", capacity=2, block="YES"), "already exists")
    refused(lambda: volumes.create_volume(vpsa, pool_id=pool, display_name="huge", capacity=100000, block="YES"), "capacity")
    assert [volume["name"] for volume in said(volumes.get_free_volumes(vpsa))["volumes"]] == [one]
    assert [volume["name"] for volume in said(pools.get_volumes_in_pool(vpsa, pool))["volumes"]] == [one]

    said(volumes.expand_volume(vpsa, one, 3))
    assert settled(vpsa, one)["virtual_capacity"] == 5
    said(volumes.update_volume_comment(vpsa, one, "the first"))
    said(volumes.rename_volume(vpsa, one, "first"))
    assert settled(vpsa, one)["display_name"] == "first"

    host = said(servers.create_server(vpsa, display_name="host", iqn="iqn.2026-11.test:host"))["server_name"]
    said(servers.attach_servers_to_volume(vpsa, host, one))
    shown = settled(vpsa, one)
    assert shown["status"] == "In-use" and host in shown["server_ext_names"], shown
    (row,) = said(volumes.get_servers_attached_to_volume(vpsa, one))["servers"]
    assert row["name"] == host and row["target"].startswith("iqn.") and row["lun"] >= 0, row
    assert [volume["name"] for volume in said(servers.get_volumes_attached_to_server(vpsa, host))["volumes"]] == [one]
    refused(lambda: volumes.delete_volume(vpsa, one), "attached")

    group = shown["cg_name"]
    snapshot = said(volumes.create_volume_snapshot(vpsa, group, "noon"))["snapshot_name"]
    assert [row["display_name"] for row in said(volumes.get_all_snapshots(vpsa, group))["snapshots"]] == ["noon"]
    assert said(volumes.get_snapshot(vpsa, snapshot))["snapshot"]["cg_name"] == group
    said(volumes.create_clone(vpsa, group, "as-it-is"))
    said(volumes.create_clone(vpsa, group, "as-at-noon", snapshot_id=snapshot))
    for name in ("as-it-is", "as-at-noon"):
        (clone,) = called(vpsa, name)
        assert settled(vpsa, clone["name"])["virtual_capacity"] == 5
        said(volumes.delete_volume(vpsa, clone["name"]))
    said(volumes.delete_volume_snapshot(vpsa, snapshot))
    assert said(volumes.get_all_snapshots(vpsa, group))["snapshots"] == []

    said(volumes.detach_servers_from_volume(vpsa, one, host))
    assert settled(vpsa, one)["status"] == "Available"
    said(servers.delete_server(vpsa, host))
    said(volumes.delete_volume(vpsa, one, force="YES"))
    until = time.monotonic() + PATIENCE
    while said(volumes.get_all_volumes(vpsa))["volumes"]:
        assert time.monotonic() < until, "volumes that do not go"
        time.sleep(0.05)
    refused(lambda: volumes.get_volume(vpsa, one), "not found")
    assert said(pools.get_pool(vpsa, pool))["pool"]["available_capacity"] == before


main(int(sys.argv[1]), sys.argv[2], sys.argv[3])
