# Google's own client for Python, timed: one large object up and down, many small ones up. Prints seconds as JSON.
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

endpoint, account, bucket, source, files, small_in_flight, parts_in_flight = sys.argv[1:]
account = json.loads(account)
credentials = service_account.Credentials.from_service_account_info(
    account, scopes=["https://www.googleapis.com/auth/devstorage.read_write"]
)
client = storage.Client(project=account["project_id"], credentials=credentials, client_options={"api_endpoint": endpoint})
there = client.bucket(bucket)
large = there.blob("large")


def timed(work):
    start = time.monotonic()
    work()
    return time.monotonic() - start


def up():
    transfer_manager.upload_chunks_concurrently(
        source, large, chunk_size=16 << 20, max_workers=int(parts_in_flight), worker_type=transfer_manager.THREAD
    )


def down():
    # Where it goes costs nothing, as it does beside it.
    large.download_to_filename("/dev/null")


def small():
    body = b"\x5a" * 4096

    def put(index):
        there.blob(f"small-{index:06}").upload_from_string(body, content_type="application/octet-stream")

    with ThreadPoolExecutor(int(small_in_flight)) as pool:
        for _ in pool.map(put, range(int(files))):
            pass


print(json.dumps({"up": timed(up), "down": timed(down), "small": timed(small)}))
