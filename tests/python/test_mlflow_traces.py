"""The published `mlflow` client traces an application, and finds, assesses and deletes traces on the built binary."""

import gzip
import json
import time

import pytest
import requests
from mlflow.entities import AssessmentSource, Feedback, SpanType
from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
from mlflow.exceptions import MlflowException
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest, ExportTraceServiceResponse


def finished(mlflow, trace_id):
    """A trace, once the client has sent all of it."""
    mlflow.flush_trace_async_logging()
    return mlflow.get_trace(trace_id)


def traced(mlflow, name="root", **tags):
    with mlflow.start_span(name) as span:
        span.set_inputs({"question": "why?"})
        span.set_outputs({"answer": "because"})
        if tags:
            mlflow.update_current_trace(tags=tags)
    return finished(mlflow, span.trace_id)


def test_spans_come_back_as_they_were(mlflow, experiment):
    @mlflow.trace(span_type=SpanType.CHAIN, attributes={"stage": "try"})
    def outer(question):
        return inner(question) + "!"

    @mlflow.trace(name="llm", span_type=SpanType.LLM)
    def inner(question):
        span = mlflow.get_current_active_span()
        span.set_attributes({"mlflow.chat.tokenUsage": {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}})
        span.set_attributes({"nested": {"list": [1, 2.5, None, "ä"], "yes": True}, "big": 2**53 + 1})
        return question.upper()

    assert outer("größe") == "GRÖSSE!"
    trace = finished(mlflow, mlflow.get_last_active_trace_id())
    assert trace.info.experiment_id == experiment
    assert trace.info.state == "OK"
    assert trace.info.tags["mlflow.traceName"] == "outer"
    assert trace.info.tags["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert trace.info.token_usage == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert json.loads(trace.info.request_preview) == {"question": "größe"}
    root, child = trace.data.spans
    assert (root.name, root.span_type, root.parent_id) == ("outer", "CHAIN", None)
    assert root.inputs == {"question": "größe"}
    assert root.outputs == "GRÖSSE!"
    assert root.attributes["stage"] == "try"
    assert (child.name, child.span_type, child.parent_id) == ("llm", "LLM", root.span_id)
    assert child.attributes["nested"] == {"list": [1, 2.5, None, "ä"], "yes": True}
    assert child.attributes["big"] == 2**53 + 1
    assert root.start_time_ns <= child.start_time_ns <= child.end_time_ns <= root.end_time_ns


def test_an_error_is_told(mlflow):
    with pytest.raises(ValueError, match="bad"):
        with mlflow.start_span("fails") as span:
            raise ValueError("bad")
    trace = finished(mlflow, span.trace_id)
    assert trace.info.state == "ERROR"
    [failed] = trace.data.spans
    assert failed.status.status_code == "ERROR"
    assert failed.events[0].name == "exception"
    assert failed.events[0].attributes["exception.message"] == "bad"


def test_traces_are_searched(mlflow, experiment):
    first = traced(mlflow, "one", color="red").info.trace_id
    second = traced(mlflow, "two", color="blue").info.trace_id

    def search(filter_string=None, **more):
        found = mlflow.search_traces(locations=[experiment], filter_string=filter_string, return_type="list", **more)
        return [trace.info.trace_id for trace in found]

    assert search() == [second, first]
    assert search(order_by=["timestamp_ms ASC"]) == [first, second]
    assert search(max_results=1) == [second]
    for filter_string, expected in [
        ("tags.color = 'red'", [first]),
        ("tags.color != 'red'", [second]),
        ("tags.color LIKE 'b%'", [second]),
        ("tags.color RLIKE '^(red|blue)$'", [second, first]),
        ("tags.nothing IS NULL", [second, first]),
        ("name = 'one' AND status = 'OK'", [first]),
        ("status IN ('ERROR')", []),
        (f"request_id = '{first}'", [first]),
        ("timestamp_ms > 0 AND execution_time_ms < 600000", [second, first]),
        ("span.name = 'two'", [second]),
        ("span.attributes.`mlflow.spanInputs` LIKE '%why?%'", [second, first]),
        ("trace.text LIKE '%because%'", [second, first]),
        ("trace.text LIKE '%nowhere%'", []),
        ("metadata.`mlflow.trace_schema.version` = '3'", [second, first]),
    ]:
        assert search(filter_string) == expected, filter_string
    frame = mlflow.search_traces(locations=[experiment])
    assert list(frame["trace_id"]) == [second, first]
    with pytest.raises(MlflowException, match="Invalid attribute key 'colour'"):
        search("colour = 'x'")


def test_pages_make_the_whole(mlflow, client, experiment):
    made = [traced(mlflow, f"t{at}").info.trace_id for at in range(5)]
    found, token = [], None
    while True:
        page = client.search_traces(locations=[experiment], max_results=2, page_token=token)
        found += [trace.info.trace_id for trace in page]
        token = page.token
        if not token:
            break
    assert found == made[::-1]


def test_tags_are_set_and_deleted(mlflow, client):
    trace_id = traced(mlflow).info.trace_id
    client.set_trace_tag(trace_id, "team", "blau")
    assert client.get_trace(trace_id).info.tags["team"] == "blau"
    client.delete_trace_tag(trace_id, "team")
    assert "team" not in client.get_trace(trace_id).info.tags
    with pytest.raises(MlflowException, match="No trace tag with key 'team'"):
        client.delete_trace_tag(trace_id, "team")


def test_traces_are_deleted(mlflow, client, experiment):
    first, second = traced(mlflow).info.trace_id, traced(mlflow).info.trace_id
    assert client.delete_traces(experiment_id=experiment, trace_ids=[first]) == 1
    with pytest.raises(MlflowException, match="not found"):
        client.get_trace(first)
    now = int(time.time() * 1000) + 1000
    assert client.delete_traces(experiment_id=experiment, max_timestamp_millis=now, max_traces=5) == 1
    assert client.delete_traces(experiment_id=experiment, trace_ids=[second]) == 0


def test_assessments_are_kept(mlflow, client):
    trace_id = traced(mlflow).info.trace_id
    human = AssessmentSource(source_type="HUMAN", source_id="ana")
    mlflow.log_feedback(trace_id=trace_id, name="correct", value=True, source=human, rationale="seen", metadata={"a": "b"})
    expected = mlflow.log_expectation(trace_id=trace_id, name="expected", value={"facts": ["x", 1]}, source=human)
    score = mlflow.log_feedback(trace_id=trace_id, name="score", value=0.5, source=human)
    kept = {one.name: one for one in mlflow.get_trace(trace_id).info.assessments}
    assert kept["correct"].value is True
    assert (kept["correct"].rationale, kept["correct"].metadata) == ("seen", {"a": "b"})
    assert kept["expected"].value == {"facts": ["x", 1]}
    assert kept["score"].value == 0.5

    better = mlflow.override_feedback(trace_id=trace_id, assessment_id=score.assessment_id, value=0.75, source=human)
    assert mlflow.get_assessment(trace_id, score.assessment_id).valid is False
    mlflow.update_assessment(trace_id, better.assessment_id, Feedback(name="score", value=1.0, source=human))
    assert mlflow.get_assessment(trace_id, better.assessment_id).value == 1.0
    mlflow.delete_assessment(trace_id, better.assessment_id)
    assert mlflow.get_assessment(trace_id, score.assessment_id).valid is True
    mlflow.delete_assessment(trace_id, expected.assessment_id)
    with pytest.raises(MlflowException, match="not found"):
        mlflow.get_assessment(trace_id, expected.assessment_id)
    experiment = mlflow.get_trace(trace_id).info.experiment_id
    for filter_string, found in [
        ("feedback.correct = 'true'", True),
        ("feedback.score > 0.4", True),
        ("feedback.score > 0.6", False),
        ("feedback.other IS NULL", True),
        ("expectation.expected IS NOT NULL", False),
    ]:
        got = client.search_traces(locations=[experiment], filter_string=filter_string)
        assert bool(got) is found, filter_string


def test_traces_belong_to_runs(mlflow, client, experiment):
    with mlflow.start_run() as run:
        inside = traced(mlflow).info.trace_id
    outside = traced(mlflow).info.trace_id

    def of_run():
        found = client.search_traces(locations=[experiment], filter_string=f"run_id = '{run.info.run_id}'")
        return {trace.info.trace_id for trace in found}

    assert of_run() == {inside}
    client.link_traces_to_run([outside], run.info.run_id)
    assert of_run() == {inside, outside}


def test_figures_are_counted(mlflow, experiment):
    from mlflow.tracking._tracking_service.utils import _get_store

    for name in ["a", "a", "b"]:
        traced(mlflow, name)
    store = _get_store()
    count = [MetricAggregation(aggregation_type=AggregationType.COUNT)]
    points = store.query_trace_metrics([experiment], MetricViewType.TRACES, "trace_count", count, dimensions=["trace_name"])
    assert {point.dimensions["trace_name"]: point.values["COUNT"] for point in points} == {"a": 2, "b": 1}
    latency = [MetricAggregation(aggregation_type=AggregationType.PERCENTILE, percentile_value=50)]
    [point] = store.query_trace_metrics([experiment], MetricViewType.SPANS, "latency", latency)
    assert point.values["P50.0"] >= 0
    found = store.calculate_trace_filter_correlation([experiment], "name = 'a'", "status = 'OK'")
    assert (found.filter1_count, found.filter2_count, found.joint_count, found.total_count) == (2, 3, 2, 3)


def otlp(url, experiment, body, **headers):
    headers = {"Content-Type": "application/x-protobuf", "x-mlflow-experiment-id": experiment} | headers
    return requests.post(f"{url}/v1/traces", data=body, headers=headers, timeout=10)


def request_of(trace_id, *names, service="shop"):
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    attribute = resource.resource.attributes.add()
    attribute.key, attribute.value.string_value = "service.name", service
    scope = resource.scope_spans.add()
    for at, name in enumerate(names):
        span = scope.spans.add(trace_id=trace_id, span_id=bytes([at + 1] * 8), name=name)
        span.start_time_unix_nano, span.end_time_unix_nano = 10**18 + at, 10**18 + 5 * 10**6
        if at:
            span.parent_span_id = bytes([1] * 8)
    return request


def test_any_opentelemetry_sender_is_understood(mlflow, url, experiment):
    body = request_of(bytes([7] * 16), "GET /", "query").SerializeToString()
    answer = otlp(url, experiment, gzip.compress(body), **{"Content-Encoding": "gzip"})
    assert answer.status_code == 200
    assert not ExportTraceServiceResponse.FromString(answer.content).HasField("partial_success")
    trace = mlflow.get_trace("tr-" + "07" * 16)
    assert [span.name for span in trace.data.spans] == ["GET /", "query"]
    assert trace.info.tags["service.name"] == "shop"
    assert trace.info.execution_duration == 5


def test_a_bad_span_spoils_no_other(mlflow, url, experiment, is_pitcrew):
    if not is_pitcrew:
        pytest.skip("MLflow takes all or nothing")
    request = request_of(bytes([8] * 16), "good")
    request.resource_spans[0].scope_spans[0].spans.add(name="no id")
    answer = otlp(url, experiment, request.SerializeToString())
    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 1)
    assert "trace_id" in partial.error_message
    assert len(mlflow.get_trace("tr-" + "08" * 16).data.spans) == 1


def test_bad_requests_are_refused(url, experiment):
    good = request_of(bytes([9] * 16), "x").SerializeToString()
    assert otlp(url, experiment, b"\xff\xff").status_code == 400
    assert otlp(url, experiment, b"").status_code == 400
    assert otlp(url, experiment, good, **{"Content-Type": "text/plain"}).status_code == 400
    assert otlp(url, experiment, good, **{"Content-Encoding": "br"}).status_code == 400
    assert otlp(url, "999999", good).status_code == 404
