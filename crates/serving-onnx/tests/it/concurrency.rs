//! Many threads, few instances.

use crate::{column, engine, linear, load};

#[test]
fn threads_share_instances_and_get_their_own_answers() {
    let Some(engine) = engine() else { return };
    let model = load(&engine, "linear.onnx");
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let model = &model;
            scope.spawn(move || {
                for round in 0..200u8 {
                    let (temp, hum) = (f32::from(thread), f32::from(round));
                    assert_eq!(linear(&**model, &[temp], &[hum], &[0.0]), column(&[10.0 + 2.0 * temp - hum]));
                }
            });
        }
    });
    assert!(format!("{model:?}").contains("idle: 2"), "{model:?}");
}
