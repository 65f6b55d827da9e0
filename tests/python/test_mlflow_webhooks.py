"""Webhooks through the published client, with a receiver on this machine that checks signatures as MLflow's documents say."""

import base64
import hashlib
import hmac
import http.server
import json
import queue
import threading
import time

import pytest
from mlflow.entities.webhook import WebhookStatus
from mlflow.exceptions import MlflowException

PATIENCE = 30
SECRET = "hush"

EVENTS = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
]


class Receiver:
    """Keeps what it gets; answers the statuses it is told to, then 200."""

    def __init__(self):
        self.got = queue.Queue()
        self.answers = queue.Queue()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.got.put((dict(self.headers.items()), body))
                try:
                    status = receiver.answers.get_nowait()
                except queue.Empty:
                    status = 200
                self.send_response(status)
                self.send_header("Content-Length", "6")
                self.end_headers()
                self.wfile.write(b"thanks")

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def next(self):
        headers, body = self.got.get(timeout=PATIENCE)
        headers = {name.lower(): value for name, value in headers.items()}
        message = json.loads(body)
        return f"{message['entity']}.{message['action']}", message, headers, body

    def until(self, wanted):
        """Messages by event, until there is one for each of the wanted events."""
        found = {}
        while not set(wanted) <= set(found):
            event, message, headers, body = self.next()
            assert is_authentic(headers, body), event
            found.setdefault(event, []).append(message["data"])
        return found


def is_authentic(headers, body):
    """The check that MLflow's documents show to receivers: version, freshness, HMAC over delivery, moment and body."""
    version, _, given = headers["x-mlflow-signature"].partition(",")
    delivery, timestamp = headers["x-mlflow-delivery-id"], headers["x-mlflow-timestamp"]
    if version != "v1" or abs(time.time() - int(timestamp)) > 300:
        return False
    content = f"{delivery}.{timestamp}.{body}".encode()
    expected = base64.b64encode(hmac.new(SECRET.encode(), content, hashlib.sha256).digest()).decode()
    return hmac.compare_digest(expected, given)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture
def hook(client, receiver):
    """Makes webhooks that go when the test ends."""
    made = []

    def make(events, **more):
        webhook = client.create_webhook(name="ci", url=receiver.url, events=events, secret=SECRET, **more)
        made.append(webhook.webhook_id)
        return webhook

    yield make
    for webhook_id in made:
        client.delete_webhook(webhook_id)


def test_everything_that_happens_is_told(client, mlflow, receiver, hook):
    hook(EVENTS)
    client.create_registered_model("told", tags={"team": "a"}, description="words")
    with mlflow.start_run() as run:
        mlflow.log_text("x", "model/file.txt")
    source = f"runs:/{run.info.run_id}/model"
    version = client.create_model_version("told", source, run.info.run_id, tags={"k": "v"}).version
    client.set_model_version_tag("told", version, "note", "long " * 100)
    client.delete_model_version_tag("told", version, "note")
    client.set_registered_model_alias("told", "best", version)
    client.delete_registered_model_alias("told", "best")
    mlflow.genai.register_prompt(name="told-prompt", template="Hello {{name}}", commit_message="first", tags={"tone": "warm"})
    client.set_prompt_tag("told-prompt", "own", "1")
    client.delete_prompt_tag("told-prompt", "own")
    client.set_prompt_version_tag("told-prompt", "1", "flag", "x")
    client.delete_prompt_version_tag("told-prompt", "1", "flag")
    client.set_prompt_alias("told-prompt", "best", 1)
    client.delete_prompt_alias("told-prompt", "best")
    found = receiver.until(EVENTS)
    assert found["registered_model.created"] == [{"name": "told", "tags": {"team": "a"}, "description": "words"}]
    made = found["model_version.created"][0]
    assert (made["name"], made["version"], made["run_id"], made["tags"]) == ("told", version, run.info.run_id, {"k": "v"})
    told = {"name": "told", "version": version, "key": "note"}
    assert {**told, "value": "long " * 100} in found["model_version_tag.set"]
    assert found["model_version_tag.deleted"] == [told]
    assert found["model_version_alias.created"] == [{"name": "told", "alias": "best", "version": version}]
    assert found["model_version_alias.deleted"] == [{"name": "told", "alias": "best"}]
    prompt = found["prompt_version.created"][0]
    assert (prompt["name"], prompt["version"], prompt["template"]) == ("told-prompt", "1", "Hello {{name}}")
    assert {"name": "told-prompt", "key": "own", "value": "1"} in found["prompt_tag.set"]
    assert {"name": "told-prompt", "alias": "best", "version": "1"} in found["prompt_alias.created"]


def test_a_message_that_is_not_taken_comes_again(client, receiver, hook):
    hook(["registered_model.created"])
    receiver.answers.put(503)
    client.create_registered_model("again")
    _, _, first, first_body = receiver.next()
    _, _, second, second_body = receiver.next()
    assert first["x-mlflow-delivery-id"] == second["x-mlflow-delivery-id"]
    assert first_body == second_body
    assert is_authentic(first, first_body) and is_authentic(second, second_body)


def test_a_webhook_is_made_changed_listed_and_removed(client, receiver):
    made = client.create_webhook(name="first", url=receiver.url, events=["prompt.created"], description="words")
    assert (made.name, made.description, made.status, made.secret) == ("first", "words", WebhookStatus.ACTIVE, None)
    assert [str(event) for event in made.events] == ["prompt.created"]
    other = client.create_webhook(name="second", url=receiver.url, events=["prompt.created"], status="DISABLED")
    page = client.list_webhooks(max_results=1)
    assert [webhook.name for webhook in page] == ["second"] and page.token
    assert [webhook.name for webhook in client.list_webhooks(max_results=1, page_token=page.token)] == ["first"]
    events = ["model_version.created", "registered_model.created"]
    changed = client.update_webhook(made.webhook_id, name="renamed", events=events, status="DISABLED")
    assert changed.name == "renamed" and changed.status == WebhookStatus.DISABLED
    assert [str(event) for event in changed.events] == events
    assert client.get_webhook(made.webhook_id).last_updated_timestamp >= made.last_updated_timestamp
    for webhook in (made, other):
        client.delete_webhook(webhook.webhook_id)
    with pytest.raises(MlflowException, match="not found"):
        client.get_webhook(made.webhook_id)


def test_a_trial_is_sent_and_answered(client, receiver, hook):
    webhook = hook(["model_version.created"])
    result = client.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status, result.response_body) == (True, 200, "thanks")
    event, _, headers, body = receiver.next()
    assert event == "model_version.created" and is_authentic(headers, body)
    assert client.test_webhook(webhook.webhook_id, event="budget_policy.exceeded").success
    assert receiver.next()[0] == "budget_policy.exceeded"
    receiver.answers.put(404)
    result = client.test_webhook(webhook.webhook_id)
    assert (result.success, result.response_status) == (False, 404)


def test_an_address_that_is_not_public_is_refused(client, is_pitcrew):
    if not is_pitcrew:
        pytest.skip("the other server's guard is its own affair")
    for address in (
        "http://169.254.169.254/latest/meta-data/",
        "http://10.0.0.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://0.0.0.0/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "ftp://example.com/",
        "file:///etc/passwd",
    ):
        with pytest.raises(MlflowException, match="must not resolve to a non-public|Invalid webhook URL scheme") as caught:
            client.create_webhook(name="inside", url=address, events=["prompt.created"])
        assert caught.value.error_code == "INVALID_PARAMETER_VALUE", address
