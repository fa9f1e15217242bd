# OpenStack's own client for Python, timed: one large object up in segments and down, many small ones up. Prints seconds as JSON.
import io
import json
import sys
import time

from swiftclient.service import SwiftService, SwiftUploadObject

auth, user, key, container, source, files, small_in_flight, parts_in_flight = sys.argv[1:]
service = SwiftService(
    {
        "auth_version": "1.0",
        "auth": auth,
        "user": user,
        "key": key,
        "object_uu_threads": int(small_in_flight),
        "segment_threads": int(parts_in_flight),
    }
)


def timed(work):
    start = time.monotonic()
    for result in work():
        if not result["success"]:
            sys.exit(str(result.get("error", result)))
    return time.monotonic() - start


def up():
    return service.upload(container, [SwiftUploadObject(source, object_name="large")], {"segment_size": 16 << 20, "use_slo": True})


def down():
    # Where it goes costs nothing, as it does beside it.
    return service.download(container, ["large"], {"out_file": "/dev/null"})


def small():
    body = b"\x5a" * 4096
    names = (f"small-{index:06}" for index in range(int(files)))
    return service.upload(container, [SwiftUploadObject(io.BytesIO(body), object_name=name) for name in names])


with service:
    service.post(container)
    print(json.dumps({"up": timed(up), "down": timed(down), "small": timed(small)}))
