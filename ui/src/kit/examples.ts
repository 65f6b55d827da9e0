/** Declarations that an empty page shows. Every line is one of `templates/bikes/pitcrew.yaml`, which a test compares, so none can grow old. */
export const EXAMPLES = {
  datasets: `datasets:
  bikes:
    source: data/*.csv
    time: ts
    checks:
      - column: cnt
        not_null: true`,
  pipelines: `pipelines:
  train:
    dataset: bikes
    steps:
      train:
        run: python steps/train.py
        outputs: [model.onnx]`,
  deployments: `deployments:
  bikes:
    model: bikes
    alias: champion`,
  monitors: `monitors:
  bikes:
    deployment: bikes
    every: 1d
    window: 7d
    objectives:
      - { metric: wape, max: 0.33 }`,
  alerts: `alerts:
  bikes-error:
    monitor: bikes
    metric: wape
    action:
      run: train`,
} as const;
