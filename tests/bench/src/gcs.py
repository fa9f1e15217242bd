"""Google's own client against the simulator: prints how many seconds each thing took, as JSON.

gcs.py ENDPOINT ACCOUNT.json BUCKET SOURCE TARGET FILES WORKERS
"""
import concurrent.futures
import json
import sys
import time

from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.oauth2 import service_account

endpoint, account, bucket_name, source, target, files, workers = sys.argv[1:]
files, workers = int(files), int(workers)
with open(account) as file:
    info = json.load(file)
credentials = service_account.Credentials.from_service_account_info(
    info, scopes=["https://www.googleapis.com/auth/devstorage.read_write"]
)
client = storage.Client(project=info["project_id"], credentials=credentials, client_options={"api_endpoint": endpoint})
bucket = client.bucket(bucket_name)
took = {}


def timed(name, work):
    start = time.monotonic()
    work()
    took[name] = time.monotonic() - start


large = bucket.blob("sdk-large")
timed(
    "up",
    lambda: transfer_manager.upload_chunks_concurrently(
        source, large, chunk_size=16 << 20, max_workers=4, worker_type=transfer_manager.THREAD
    ),
)
timed("down", lambda: large.download_to_filename(target))
small = b"\x07" * 4096


def put(index):
    bucket.blob(f"sdk-small-{index:06}").upload_from_string(small, content_type="application/octet-stream")


def puts():
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(put, range(files)):
            pass


timed("small", puts)
print(json.dumps(took))
