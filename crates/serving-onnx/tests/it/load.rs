//! What is refused at the door, and how.

use pitcrew_contracts::serving::ModelEngine;
use proptest::prelude::*;

use crate::{engine, fixture};

#[test]
fn models_that_cannot_be_served_are_refused_with_a_reason() {
    let Some(engine) = engine() else { return };
    let files = [
        "truncated.onnx",
        "opset_new.onnx",
        "format_new.onnx",
        "operator_unknown.onnx",
        "external_data.onnx",
        "half.onnx",
        "shapeless.onnx",
        "sequence.onnx",
        "clash.onnx",
        "make.py",
    ];
    let said: Vec<_> = files
        .iter()
        .map(|file| {
            let error = engine.load(&fixture(file)).unwrap_err();
            assert_eq!(error.code(), "SERVING_MODEL_INVALID", "{file}");
            (file, error.to_string(), error.hint_text().map(str::to_owned))
        })
        .collect();
    insta::assert_json_snapshot!(said);
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let Some(engine) = engine() else { return };
    let whole = fixture("linear.onnx");
    // The last field is the operator set, 4 bytes; without it the file is still well formed, but names no operator set.
    for length in 0..whole.len() {
        let error = engine.load(&whole[..length]).expect_err("cut");
        assert_eq!(error.code(), "SERVING_MODEL_INVALID", "cut to {length}: {error}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_damaged_file_is_refused_or_runs(at in 0usize..248, bit in 0u8..8) {
        let Some(engine) = engine() else { return Ok(()) };
        let mut bytes = fixture("linear.onnx");
        bytes[at] ^= 1 << bit;
        if let Err(error) = engine.load(&bytes) { prop_assert_eq!(error.code(), "SERVING_MODEL_INVALID"); }
    }
}
