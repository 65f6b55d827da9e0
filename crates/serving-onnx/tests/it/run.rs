//! Values in, values out, and what is said when they do not fit.

use pitcrew_contracts::serving::{Datatype, ModelEngine, Tensor, TensorData, score_columns};

use crate::{column, engine, fixture, linear, load};

#[test]
fn a_model_with_an_input_per_feature() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "linear.onnx");
    insta::assert_json_snapshot!(model.signature());
    // 10 + 2 temp - hum + windspeed / 2, all exact in single precision.
    let answer = linear(&*model, &[0.0, 1.0, -3.0], &[0.0, 1.0, 0.5], &[0.0, 2.0, 8.0]);
    assert_eq!(answer, column(&[10.0, 12.0, 7.5]));
    let mixed = [("windspeed", column(&[2.0])), ("temp", column(&[1.0])), ("hum", column(&[1.0]))];
    assert_eq!(model.run(&mixed).unwrap(), [("variable".to_owned(), column(&[12.0]))]);
    assert_eq!(linear(&*model, &[], &[], &[]).shape, [0, 1], "no rows give no rows");
    let TensorData::F32(values) = linear(&*model, &[f32::NAN, f32::INFINITY], &[0.0; 2], &[0.0; 2]).data else {
        panic!()
    };
    assert!(values[0].is_nan() && values[1] == f32::INFINITY, "NaN and infinity are the model's matter");
    assert_eq!(model.memory_bytes(), 2 * fixture("linear.onnx").len() as u64);
}

#[test]
fn a_model_with_one_wide_input_scores_the_same_columns_to_the_same_numbers() {
    let Some(engine) = engine() else { return };
    let wide = load(&engine, "wide.onnx");
    assert_eq!(wide.signature().features, ["temp", "hum", "windspeed"]);
    let rows = 2500;
    let named =
        |name: &str, scale: f64| (name.to_owned(), (0..rows).map(|row| f64::from(row) * scale).collect::<Vec<_>>());
    let columns = [named("cnt", 99.0), named("windspeed", 0.5), named("hum", 0.25), named("temp", 0.125)];
    let scores = score_columns(&*wide, &columns).unwrap();
    assert!((0..rows).zip(&scores).all(|(row, score)| *score == 10.0 + f64::from(row) * 0.25), "{scores:?}");
    assert_eq!(score_columns(&*load(&engine, "linear.onnx"), &columns).unwrap(), scores);
}

/// One row and several rows take different ways through the engine; a row's answer must not depend on its company or its predecessors.
#[test]
fn a_row_alone_gets_the_answer_it_gets_among_others() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "linear.onnx");
    let feature = |step: f32| (0..64).map(|row| (row as f32 * step).sin()).collect::<Vec<f32>>();
    let (temp, hum, wind) = (feature(1.0), feature(2.0), feature(3.0));
    let TensorData::F32(together) = linear(&*model, &temp, &hum, &wind).data else { panic!() };
    for (row, expected) in together.iter().enumerate() {
        let one = row..=row;
        let alone = linear(&*model, &temp[one.clone()], &hum[one.clone()], &wind[one]);
        assert_eq!(alone, column(&[*expected]), "row {row}");
    }
}

#[test]
fn a_model_may_give_fewer_rows_than_it_got() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "positive.onnx");
    let kept = |values: &[f32]| model.run(&[("x", column(values))]).unwrap().remove(0).1;
    for _ in 0..3 {
        assert_eq!(kept(&[2.0]), column(&[2.0]));
        assert_eq!(kept(&[-1.0]), column(&[]));
        assert_eq!(kept(&[-1.0, 3.0]), column(&[3.0]));
    }
}

#[test]
fn text_goes_through_and_what_is_no_text_is_refused() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "text.onnx");
    let words = |words: &[&[u8]]| {
        let data = TensorData::Bytes(words.iter().map(|word| word.to_vec()).collect());
        [("word", Tensor::new(vec![words.len() as i64], data).unwrap())]
    };
    let sent = words(&[b"bike", "Räder".as_bytes(), b""]);
    let answer = model.run(&sent).unwrap();
    assert_eq!(answer[0].1, sent[0].1);
    assert_eq!(answer[1].1.data, TensorData::Bool(vec![true, false, false]));
    for wrong in [&b"\xff\xfe"[..], b"a\0b"] {
        let error = model.run(&words(&[b"fine", wrong])).unwrap_err();
        assert_eq!((error.code(), error.detail().contains("element 1")), ("SERVING_INPUT_INVALID", true));
    }
}

#[test]
fn every_type_comes_back_as_it_went() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "types.onnx");
    let sample = |datatype| match datatype {
        Datatype::Bool => TensorData::Bool(vec![true, false]),
        Datatype::U8 => TensorData::U8(vec![0, u8::MAX]),
        Datatype::U16 => TensorData::U16(vec![1, u16::MAX]),
        Datatype::U32 => TensorData::U32(vec![1, u32::MAX]),
        Datatype::U64 => TensorData::U64(vec![1, u64::MAX]),
        Datatype::I8 => TensorData::I8(vec![i8::MIN, i8::MAX]),
        Datatype::I16 => TensorData::I16(vec![i16::MIN, i16::MAX]),
        Datatype::I32 => TensorData::I32(vec![i32::MIN, i32::MAX]),
        Datatype::I64 => TensorData::I64(vec![i64::MIN, i64::MAX]),
        Datatype::F64 => TensorData::F64(vec![f64::MIN, f64::EPSILON]),
        Datatype::F32 | Datatype::Bytes => panic!("covered elsewhere"),
    };
    let specs = &model.signature().inputs;
    assert_eq!(specs.len(), 10);
    let inputs: Vec<_> = specs
        .iter()
        .map(|spec| (spec.name.as_str(), Tensor::new(vec![1, 2], sample(spec.datatype)).unwrap()))
        .collect();
    let outputs = model.run(&inputs).unwrap();
    for ((name, sent), (output, came)) in inputs.iter().zip(&outputs) {
        assert_eq!(format!("{name}_out"), *output);
        assert_eq!(sent, came);
    }
}

#[test]
fn what_does_not_fit_is_said() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "linear.onnx");
    let one = || column(&[1.0]);
    let double = Tensor::new(vec![1, 1], TensorData::F64(vec![1.0])).unwrap();
    let short = Tensor { shape: vec![9, 1], ..one() };
    let cases = [
        vec![],
        vec![("temp", one()), ("hum", one())],
        vec![("temp", one()), ("hum", one()), ("wind", one())],
        vec![("temp", one()), ("hum", one()), ("windspeed", one()), ("extra", one())],
        vec![("temp", one()), ("hum", one()), ("windspeed", one()), ("hum", one())],
        vec![("temp", double), ("hum", one()), ("windspeed", one())],
        vec![("temp", one()), ("hum", Tensor { shape: vec![1], ..one() }), ("windspeed", one())],
        vec![("temp", one()), ("hum", one()), ("windspeed", short)],
        // Rows that do not match are found by the model, not by the signature.
        vec![("temp", column(&[1.0, 2.0])), ("hum", one()), ("windspeed", one())],
    ];
    let said: Vec<_> =
        cases.iter().map(|inputs| model.run(inputs).unwrap_err()).map(|e| (e.code(), e.to_string())).collect();
    insta::assert_json_snapshot!(said);
    assert_eq!(linear(&*model, &[1.0], &[1.0], &[2.0]), column(&[12.0]), "and it still works");
}

#[test]
fn a_model_that_gives_up_on_a_value_serves_the_next() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "index.onnx");
    let at = |index| [("at", Tensor::new(vec![1], TensorData::I64(vec![index])).unwrap())];
    for _ in 0..5 {
        let error = model.run(&at(1_000_000)).unwrap_err();
        assert_eq!(error.code(), "SERVING_RUN_FAILED");
        assert!(error.detail().contains("out of data bounds"), "{error}");
        assert_eq!(model.run(&at(1)).unwrap()[0].1.data, TensorData::F32(vec![2.0]));
    }
    assert!(format!("{model:?}").contains("idle: 2"), "no instance was lost");
    assert_eq!(engine.describe().name, "onnxruntime");
}
