/** The lines that bring the first trace; a test compares the variables with docs/mlflow.md. */
export const pythonLines = (origin: string): string => `import mlflow

mlflow.set_tracking_uri("${origin}")
mlflow.set_experiment("assistant")

@mlflow.trace
def answer(question):
    return "340 m"

answer("How long is the pit lane?")`;

export const otlpLines = (origin: string): string => `export OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=${origin}/v1/traces
export OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf
export OTEL_EXPORTER_OTLP_TRACES_HEADERS=x-mlflow-experiment-id=1`;
