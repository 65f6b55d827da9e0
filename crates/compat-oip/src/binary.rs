//! Raw tensors of the binary extension: little-endian, row-major; `BYTES` elements are a length of four bytes and that many bytes.

use pitcrew_contracts::serving::{Datatype, Tensor, TensorData};
use pitcrew_kernel::Result;

use crate::infer::invalid;

macro_rules! numbers {
    ($name:expr, $bytes:expr, $count:expr, $ty:ty) => {{
        let width = std::mem::size_of::<$ty>();
        if $bytes.len() != $count * width {
            let (found, expected) = ($bytes.len(), $count * width);
            return Err(invalid(format!("input `{}` has {found} raw bytes, its shape asks for {expected}", $name)));
        }
        $bytes
            .chunks_exact(width)
            .map(|chunk| {
                let mut element = [0; std::mem::size_of::<$ty>()];
                element.copy_from_slice(chunk);
                <$ty>::from_le_bytes(element)
            })
            .collect()
    }};
}

/// Reads the `count` elements of a raw tensor.
///
/// # Errors
/// `SERVING_INPUT_INVALID` when the bytes are not that many elements.
pub(crate) fn decode(name: &str, bytes: &[u8], datatype: Datatype, count: usize) -> Result<TensorData> {
    Ok(match datatype {
        Datatype::Bool => {
            let flags: Vec<u8> = numbers!(name, bytes, count, u8);
            TensorData::Bool(flags.into_iter().map(|flag| flag != 0).collect())
        }
        Datatype::U8 => TensorData::U8(numbers!(name, bytes, count, u8)),
        Datatype::U16 => TensorData::U16(numbers!(name, bytes, count, u16)),
        Datatype::U32 => TensorData::U32(numbers!(name, bytes, count, u32)),
        Datatype::U64 => TensorData::U64(numbers!(name, bytes, count, u64)),
        Datatype::I8 => TensorData::I8(numbers!(name, bytes, count, i8)),
        Datatype::I16 => TensorData::I16(numbers!(name, bytes, count, i16)),
        Datatype::I32 => TensorData::I32(numbers!(name, bytes, count, i32)),
        Datatype::I64 => TensorData::I64(numbers!(name, bytes, count, i64)),
        Datatype::F32 => TensorData::F32(numbers!(name, bytes, count, f32)),
        Datatype::F64 => TensorData::F64(numbers!(name, bytes, count, f64)),
        Datatype::Bytes => TensorData::Bytes(texts(name, bytes, count)?),
    })
}

fn texts(name: &str, mut bytes: &[u8], count: usize) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_le_bytes(*length) as usize;
        let Some((element, rest)) = rest.split_at_checked(length) else { break };
        found.push(element.to_vec());
        bytes = rest;
    }
    if !bytes.is_empty() || found.len() != count {
        let whole = found.len();
        return Err(invalid(format!("input `{name}` holds {whole} whole BYTES elements, its shape asks for {count}")));
    }
    Ok(found)
}

/// Appends a tensor's elements raw; answers how many bytes they take.
pub(crate) fn encode(tensor: &Tensor, out: &mut Vec<u8>) -> usize {
    let before = out.len();
    match &tensor.data {
        TensorData::Bool(values) => out.extend(values.iter().map(|value| u8::from(*value))),
        TensorData::U8(values) => out.extend(values),
        TensorData::U16(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::U32(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::U64(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::I8(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::I16(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::I32(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::I64(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::F32(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::F64(values) => values.iter().for_each(|value| out.extend(value.to_le_bytes())),
        TensorData::Bytes(values) => {
            for value in values {
                out.extend((value.len() as u32).to_le_bytes());
                out.extend(value);
            }
        }
    }
    out.len() - before
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_round_trip(values in prop::collection::vec(any::<i32>(), 0..40)) {
            let tensor = Tensor::new(vec![values.len() as i64], TensorData::I32(values.clone())).unwrap();
            let mut bytes = Vec::new();
            prop_assert_eq!(encode(&tensor, &mut bytes), 4 * values.len());
            prop_assert_eq!(decode("x", &bytes, Datatype::I32, values.len()).unwrap(), TensorData::I32(values));
        }

        #[test]
        fn texts_round_trip(values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9), 0..9)) {
            let tensor = Tensor::new(vec![values.len() as i64], TensorData::Bytes(values.clone())).unwrap();
            let mut bytes = Vec::new();
            encode(&tensor, &mut bytes);
            prop_assert_eq!(decode("x", &bytes, Datatype::Bytes, values.len()).unwrap(), TensorData::Bytes(values));
        }

        #[test]
        fn strange_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..60), count in 0usize..8) {
            for datatype in Datatype::ALL {
                if let Ok(data) = decode("x", &bytes, *datatype, count) {
                    prop_assert_eq!(data.len(), count);
                }
            }
        }
    }
}
