# Microsoft's own client for Python, timed: one large blob up and down, many small ones up. Prints seconds as JSON.
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from azure.storage.blob import BlobServiceClient

endpoint, key, container, source, files, small_in_flight, parts_in_flight = sys.argv[1:]
client = BlobServiceClient(
    endpoint, credential=key, max_block_size=16 << 20, max_single_put_size=16 << 20, max_chunk_get_size=16 << 20
)
there = client.get_container_client(container)
there.create_container()


def timed(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def up():
    with open(source, "rb") as data:
        there.upload_blob("large", data, max_concurrency=int(parts_in_flight))


def down():
    # Where it goes costs nothing, as it does beside it.
    with open("/dev/null", "wb") as sink:
        there.download_blob("large", max_concurrency=int(parts_in_flight)).readinto(sink)


def small():
    body = b"\x5a" * 4096
    with ThreadPoolExecutor(int(small_in_flight)) as pool:
        for _ in pool.map(lambda index: there.upload_blob(f"small-{index:06}", body), range(int(files))):
            pass


print(json.dumps({"up": timed(up), "down": timed(down), "small": timed(small)}))
