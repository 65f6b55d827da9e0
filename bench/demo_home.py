"""A folder in which the first demo has run, and what the benches need from it."""

import json
import subprocess

from harness import Failed, free_port

NATIVE = "/api/v1"
LAP_LIMIT_S = 900
DEPLOYMENT = "bikes"


def make(binary, folder):
    """Runs the demo to its end in `folder`, unless that has been done, and gives the server's home in it."""
    if not list(folder.rglob("metadata.db")):
        print("running the demo once, for its models", flush=True)
        command = [str(binary), "demo", "bikes", "--folder", str(folder), "--listen", f"127.0.0.1:{free_port()}", "--exit"]
        subprocess.run(command, check=True, timeout=LAP_LIMIT_S, stdin=subprocess.DEVNULL)
    (database,) = folder.rglob("metadata.db")
    return database.parent


def infer_body(http, deployment=DEPLOYMENT, extra=None):
    """A batch of one for the deployment: the features of its latest prediction, in the shapes the model declares."""
    metadata = http.call("GET", f"/v2/models/{deployment}")
    items = http.call("GET", f"{NATIVE}/deployments/{deployment}/predictions?limit=1")["items"]
    features = items[0]["features"] if items else {}
    inputs = []
    for each in metadata["inputs"]:
        size = 1
        shape = [1 if dimension < 0 else dimension for dimension in each["shape"]]
        for dimension in shape:
            size *= dimension
        value = features.get(each["name"], 0.5)
        data = value if isinstance(value, list) else [value] * size
        inputs.append({"name": each["name"], "shape": shape, "datatype": each["datatype"], "data": data})
    return json.dumps({"inputs": inputs, **(extra or {})})


def model_bytes(http, deployment=DEPLOYMENT):
    """The ONNX file that the deployment's champion serves."""
    served = http.call("GET", f"{NATIVE}/deployments/{deployment}")
    number = next(arm["version"] for arm in served["arms"] if arm["arm"] == "champion")
    version = http.call("GET", f"{NATIVE}/models/{served['model']}/versions/{number}")
    run = version["tracking_run_id"]
    todo = [""]
    while todo:
        for item in http.call("GET", f"{NATIVE}/runs/{run}/artifacts?path={todo.pop()}")["items"]:
            if item["is_dir"]:
                todo.append(item["path"])
            elif item["path"].endswith(".onnx"):
                status, content = http.raw("GET", f"{NATIVE}/runs/{run}/artifacts/content?path={item['path']}")
                if status == 200:
                    return content
    raise Failed(404, f"run {run} has no .onnx artifact")
