"""The peer of predict.py: FastAPI and onnxruntime, answering the same protocol for the same model. As plain as people write it.

usage: MODEL=model.onnx uvicorn --app-dir bench peer_fastapi:app --port N
"""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

TYPES = {"FP32": np.float32, "FP64": np.float64, "INT64": np.int64, "INT32": np.int32, "BOOL": np.bool_}
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}

app = FastAPI()
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])


@app.get("/v2/health/ready")
async def ready():
    return {}


@app.post("/v2/models/{model}/infer")
async def infer(model: str, request: Request):
    body = await request.json()
    feeds = {each["name"]: np.array(each["data"], dtype=TYPES[each["datatype"]]).reshape(each["shape"]) for each in body["inputs"]}
    outputs = [
        {"name": meta.name, "shape": list(value.shape), "datatype": NAMES[value.dtype], "data": value.ravel().tolist()}
        for meta, value in zip(session.get_outputs(), session.run(None, feeds))
    ]
    return JSONResponse({"model_name": model, "id": body.get("id"), "outputs": outputs})
