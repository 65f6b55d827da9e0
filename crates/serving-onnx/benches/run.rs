//! Microseconds per call of the engine, one thread.
//!
//!     cargo bench -p pitcrew-serving-onnx -- LIBRARY [MODEL.onnx ...]
//!
//! `LIBRARY` is what `scripts/onnxruntime.sh` prints. Without models it takes the fixtures of the tests. Prints the median and the 99th
//! percentile over calls; each call includes building the input tensors and reading the answer.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a measurement prints, asks the time, and may stop at the first surprise"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use pitcrew_contracts::serving::{LoadedModel, ModelEngine, Tensor, TensorData};
use pitcrew_serving_onnx::{EngineOptions, LibrarySearch, OnnxEngine};

/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(2);

fn main() {
    // Cargo adds flags of its own, such as `--bench`.
    let mut arguments =
        std::env::args_os().skip(1).filter(|argument| !argument.to_string_lossy().starts_with("--")).map(PathBuf::from);
    let Some(library) = arguments.next() else {
        println!("usage: cargo bench -p pitcrew-serving-onnx -- LIBRARY [MODEL.onnx ...]");
        return;
    };
    let mut models: Vec<_> = arguments.collect();
    if models.is_empty() {
        let fixtures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        models = ["linear.onnx", "wide.onnx"].map(|name| fixtures.join(name)).to_vec();
    }
    let engine = OnnxEngine::new(EngineOptions {
        library: LibrarySearch { explicit: Some(library), ..LibrarySearch::default() },
        instances: Some(1),
    });
    let started = Instant::now();
    let info = engine.open().unwrap();
    println!("{} {}, library loaded in {} ms", info.name, info.version, started.elapsed().as_millis());
    for path in models {
        let bytes = std::fs::read(&path).unwrap();
        let started = Instant::now();
        let model = engine.load(&bytes).unwrap();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        println!(
            "{name}: {} inputs, {} bytes, loaded in {} us",
            model.signature().inputs.len(),
            bytes.len(),
            started.elapsed().as_micros()
        );
        for rows in [1, 32, 1024] {
            measure(&*model, rows);
        }
    }
}

fn measure(model: &dyn LoadedModel, rows: i64) {
    let mut nanos = Vec::new();
    let deadline = Instant::now() + TIME;
    while Instant::now() < deadline {
        let started = Instant::now();
        let inputs: Vec<_> =
            model.signature().inputs.iter().map(|spec| (spec.name.as_str(), input(&spec.shape, rows))).collect();
        std::hint::black_box(model.run(&inputs).unwrap());
        nanos.push(started.elapsed().as_nanos());
    }
    nanos.sort_unstable();
    let at = |share: usize| nanos[(nanos.len() - 1) * share / 100] as f64 / 1000.0;
    println!("  {rows:>5} rows: median {:>8.2} us, p99 {:>8.2} us, {} calls", at(50), at(99), nanos.len());
}

fn input(shape: &[i64], rows: i64) -> Tensor {
    let shape: Vec<_> = shape.iter().map(|dim| if *dim < 0 { rows } else { *dim }).collect();
    let count = usize::try_from(shape.iter().product::<i64>()).unwrap();
    Tensor::new(shape, TensorData::F32((0..count).map(|at| at as f32 * 0.001).collect())).unwrap()
}
