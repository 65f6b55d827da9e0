//! Memory comes back when a model goes.

use pitcrew_contracts::serving::{ModelEngine, Tensor, TensorData};

use crate::engine;

/// Width of a square weight matrix of 4 MiB.
const WIDTH: usize = 1024;
const CYCLES: usize = 200;
/// Far below the 800 MiB that one leaked copy a cycle would take.
const GROWTH_BYTES_MAX: usize = 64 << 20;

#[test]
fn two_hundred_loads_and_unloads_keep_memory_bounded() {
    let Some(engine) = engine() else { return };
    let bytes = matrix_model();
    let row = [("x", Tensor::new(vec![1, WIDTH as i64], TensorData::F32(vec![1.0; WIDTH])).unwrap())];
    let cycle = || {
        let model = engine.load(&bytes).unwrap();
        assert_eq!(model.run(&row).unwrap()[0].1.shape, [1, WIDTH as i64]);
    };
    // The first cycles fill the allocator's pools.
    (0..20).for_each(|_| cycle());
    let before = resident_bytes();
    (0..CYCLES).for_each(|_| cycle());
    let growth = resident_bytes().saturating_sub(before);
    assert!(growth < GROWTH_BYTES_MAX, "{CYCLES} cycles grew memory by {} MiB", growth >> 20);
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// `y = x W` with `W` of ones: an ONNX file written by hand, too large to keep beside the tests.
fn matrix_model() -> Vec<u8> {
    let width = WIDTH as u64;
    let spec = |name: &str| {
        let dims = [bytes(1, &bytes(2, b"n")), bytes(1, &number(1, width))].concat();
        let tensor = [number(1, 1), bytes(2, &dims)].concat();
        [bytes(1, name.as_bytes()), bytes(2, &bytes(1, &tensor))].concat()
    };
    let node = [bytes(1, b"x"), bytes(1, b"w"), bytes(2, b"y"), bytes(4, b"MatMul")].concat();
    let ones = 1.0f32.to_le_bytes().repeat(WIDTH * WIDTH);
    let weights = [number(1, width), number(1, width), number(2, 1), bytes(8, b"w"), bytes(9, &ones)].concat();
    let graph =
        [bytes(1, &node), bytes(2, b"g"), bytes(5, &weights), bytes(11, &spec("x")), bytes(12, &spec("y"))].concat();
    [number(1, 10), bytes(7, &graph), bytes(8, &number(2, 21))].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value > 0x7f {
        out.push(value as u8 & 0x7f | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

fn number(field: u8, value: u64) -> Vec<u8> {
    [vec![field << 3], varint(value)].concat()
}

fn bytes(field: u8, content: &[u8]) -> Vec<u8> {
    [vec![field << 3 | 2], varint(content.len() as u64), content.to_vec()].concat()
}
