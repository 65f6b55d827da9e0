//! Reads an ONNX file's structure without running anything: a walk over the protobuf wire format.
//!
//! ONNX Runtime resolves a tensor's external data against the working directory, and knows a tag by which a file may name raw memory
//! addresses. A file from a stranger must not choose either, so any reference to external data, anywhere in the file, refuses the model
//! before ONNX Runtime sees it. The walk also tells a cut-off file from one that was never ONNX, and names outputs we cannot serve.
//!
//! Field numbers are those of `onnx.proto` (package `onnx`, ONNX 1.23).

use pitcrew_kernel::{Error, Result};

/// How deep graphs may lie inside graphs (`If`, `Loop`, `Scan`).
pub const MAX_GRAPH_DEPTH: usize = 32;

/// What the file says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// Version of the ONNX file format.
    pub ir_version: u64,
    /// The operator sets it uses: domain (`""` is `ai.onnx`) and version.
    pub opsets: Vec<(String, i64)>,
    /// Its metadata.
    pub metadata: Vec<(String, String)>,
    /// Inputs without a declared shape.
    pub shapeless_inputs: Vec<String>,
}

/// Walks the file.
///
/// # Errors
/// `SERVING_MODEL_INVALID` when it is not ONNX, is cut off or damaged, refers to external files, or has an input or output that is no tensor.
pub fn inspect(bytes: &[u8]) -> Result<Inspection> {
    if bytes.is_empty() {
        return Err(invalid("the model file is empty"));
    }
    let mut found = Inspection::default();
    let mut has_graph = false;
    let walked = walk_model(bytes, &mut found, &mut has_graph);
    // Until a version or a graph was read, a fault means that this never was ONNX.
    match walked {
        Err(Fault::Wire) if found.ir_version == 0 && !has_graph => Err(foreign(bytes)),
        Err(Fault::Wire) => Err(invalid("the ONNX file is damaged")),
        Err(Fault::CutOff) if found.ir_version == 0 && !has_graph => Err(foreign(bytes)),
        Err(Fault::CutOff) => Err(invalid("the ONNX file is cut off").hint("copy or export it again")),
        Err(Fault::Refused(error)) => Err(error),
        Ok(()) if !has_graph => Err(foreign(bytes)),
        Ok(()) => Ok(found),
    }
}

pub(crate) fn invalid(detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid("SERVING_MODEL_INVALID", detail)
}

/// The sentence for a file that is something else, naming what it looks like.
fn foreign(bytes: &[u8]) -> Error {
    let looks = match bytes {
        [0x80, 2..=5, ..] => "a Python pickle",
        [b'P', b'K', 3, 4, ..] => "a zip archive, as PyTorch and Keras write",
        [0x89, b'H', b'D', b'F', ..] => "an HDF5 file",
        [_, _, _, _, b'O', b'R', b'T', b'M', ..] => "the ORT format, which is not served",
        [b'{', ..] => "JSON",
        _ => return invalid("the file is not an ONNX model").hint("export the model to ONNX"),
    };
    invalid(format!("the file is not an ONNX model; it looks like {looks}")).hint("export the model to ONNX")
}

enum Fault {
    /// A length points past the end.
    CutOff,
    /// Bytes that are no protobuf.
    Wire,
    /// Well-formed, and not wanted.
    Refused(Error),
}

type Walk<T = ()> = Result<T, Fault>;

fn refuse<T>(detail: String, hint: &'static str) -> Walk<T> {
    Err(Fault::Refused(invalid(detail).hint(hint)))
}

enum Value<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    Fixed,
}

/// The fields of one message, in file order.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn next(&mut self) -> Walk<Option<(u64, Value<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let field = tag >> 3;
        if field == 0 {
            return Err(Fault::Wire);
        }
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| Fault::CutOff)?;
                Value::Bytes(self.take(length)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            // Groups (3, 4) went out of use long before ONNX; 6 and 7 never existed.
            _ => return Err(Fault::Wire),
        };
        Ok(Some((field, value)))
    }

    fn take(&mut self, length: usize) -> Walk<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Fault::CutOff)?;
        self.0 = rest;
        Ok(taken)
    }

    fn varint(&mut self) -> Walk<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Fault::CutOff)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Fault::Wire)
    }
}

/// Calls `each` for every field of `message`.
fn fields<'a>(message: &'a [u8], mut each: impl FnMut(u64, Value<'a>) -> Walk) -> Walk {
    let mut fields = Fields(message);
    while let Some((field, value)) = fields.next()? {
        each(field, value)?;
    }
    Ok(())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn walk_model(bytes: &[u8], found: &mut Inspection, has_graph: &mut bool) -> Walk {
    fields(bytes, |field, value| match (field, value) {
        (1, Value::Varint(version)) => {
            found.ir_version = version;
            Ok(())
        }
        (7, Value::Bytes(graph)) => {
            *has_graph = true;
            walk_graph(graph, 0)?;
            walk_signature(graph, found)
        }
        (8, Value::Bytes(opset)) => {
            let (mut domain, mut version) = (String::new(), 0);
            fields(opset, |field, value| {
                match (field, value) {
                    (1, Value::Bytes(bytes)) => domain = text(bytes),
                    (2, Value::Varint(number)) => version = number.cast_signed(),
                    _ => {}
                }
                Ok(())
            })?;
            found.opsets.push((domain, version));
            Ok(())
        }
        (14, Value::Bytes(entry)) => {
            let (mut key, mut content) = (String::new(), String::new());
            fields(entry, |field, value| {
                match (field, value) {
                    (1, Value::Bytes(bytes)) => key = text(bytes),
                    (2, Value::Bytes(bytes)) => content = text(bytes),
                    _ => {}
                }
                Ok(())
            })?;
            found.metadata.push((key, content));
            Ok(())
        }
        // TrainingInfoProto: initialization = 1, algorithm = 2.
        (20, Value::Bytes(training)) => fields(training, |field, value| match (field, value) {
            (1 | 2, Value::Bytes(graph)) => walk_graph(graph, 0),
            _ => Ok(()),
        }),
        // FunctionProto: node = 7, attribute_proto = 11.
        (25, Value::Bytes(function)) => fields(function, |field, value| match (field, value) {
            (7, Value::Bytes(node)) => walk_node(node, 0),
            (11, Value::Bytes(attribute)) => walk_attribute(attribute, 0),
            _ => Ok(()),
        }),
        _ => Ok(()),
    })
}

fn walk_graph(graph: &[u8], depth: usize) -> Walk {
    if depth > MAX_GRAPH_DEPTH {
        return refuse(format!("graphs nested over {MAX_GRAPH_DEPTH} deep"), "simplify the model");
    }
    fields(graph, |field, value| match (field, value) {
        (1, Value::Bytes(node)) => walk_node(node, depth),
        (5, Value::Bytes(tensor)) => walk_tensor(tensor),
        (15, Value::Bytes(sparse)) => walk_sparse(sparse),
        _ => Ok(()),
    })
}

fn walk_node(node: &[u8], depth: usize) -> Walk {
    fields(node, |field, value| match (field, value) {
        // A compiled context holds a blob, or the path of one, for another engine.
        (4, Value::Bytes(b"EPContext")) => {
            refuse("the model holds an `EPContext` node".to_owned(), "export it without compiling")
        }
        (5, Value::Bytes(attribute)) => walk_attribute(attribute, depth),
        _ => Ok(()),
    })
}

fn walk_attribute(attribute: &[u8], depth: usize) -> Walk {
    fields(attribute, |field, value| match (field, value) {
        (5 | 10, Value::Bytes(tensor)) => walk_tensor(tensor),
        (6 | 11, Value::Bytes(graph)) => walk_graph(graph, depth + 1),
        (22 | 23, Value::Bytes(sparse)) => walk_sparse(sparse),
        _ => Ok(()),
    })
}

fn walk_sparse(sparse: &[u8]) -> Walk {
    fields(sparse, |field, value| match (field, value) {
        (1 | 2, Value::Bytes(tensor)) => walk_tensor(tensor),
        _ => Ok(()),
    })
}

fn walk_tensor(tensor: &[u8]) -> Walk {
    let mut name = String::new();
    let mut external = false;
    fields(tensor, |field, value| {
        match (field, value) {
            (8, Value::Bytes(bytes)) => name = text(bytes),
            // external_data = 13; data_location = 14, where 0 means inside this file.
            (13, _) => external = true,
            (14, Value::Varint(location)) => external |= location != 0,
            _ => {}
        }
        Ok(())
    })?;
    if external {
        let hint = "save the model as one file, with its weights inside";
        return refuse(
            format!("the weights `{name}` lie in another file, which a served model may not refer to"),
            hint,
        );
    }
    Ok(())
}

/// Inputs and outputs of the main graph: `ValueInfoProto` with name = 1 and type = 2.
fn walk_signature(graph: &[u8], found: &mut Inspection) -> Walk {
    fields(graph, |field, value| {
        let (what, Value::Bytes(info)) = (field, value) else { return Ok(()) };
        if what != 11 && what != 12 {
            return Ok(());
        }
        let (mut name, mut kind, mut has_shape) = (String::new(), None, false);
        fields(info, |field, value| match (field, value) {
            (1, Value::Bytes(bytes)) => {
                name = text(bytes);
                Ok(())
            }
            // TypeProto: tensor_type = 1, sequence_type = 4, map_type = 5, sparse_tensor_type = 8, optional_type = 9.
            (2, Value::Bytes(declared)) => fields(declared, |field, value| {
                if let (1 | 4 | 5 | 7 | 8 | 9, Value::Bytes(inner)) = (field, value) {
                    kind = Some(field);
                    fields(inner, |field, _| {
                        has_shape |= field == 2;
                        Ok(())
                    })?;
                }
                Ok(())
            }),
            _ => Ok(()),
        })?;
        let direction = if what == 11 { "input" } else { "output" };
        match kind {
            Some(1) if what == 11 && !has_shape => found.shapeless_inputs.push(name),
            Some(1) | None => {}
            Some(4) => {
                let hint = "export a scikit-learn classifier with `zipmap=False`";
                return refuse(format!("{direction} `{name}` is a sequence, not a tensor"), hint);
            }
            Some(_) => {
                return refuse(
                    format!("{direction} `{name}` is not a plain tensor"),
                    "use tensors for inputs and outputs",
                );
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(parts: &[(u8, &[u8])]) -> Vec<u8> {
        parts.iter().flat_map(|(field, bytes)| [&[field << 3 | 2, bytes.len() as u8][..], *bytes].concat()).collect()
    }

    /// `ir_version` 10 and the given graph.
    fn model(graph: &[u8]) -> Vec<u8> {
        [&[0x08, 10][..], &message(&[(7, graph)])].concat()
    }

    #[test]
    fn external_data_is_found_wherever_it_hides() {
        let tensor = [&message(&[(8, b"w")])[..], &[14 << 3, 1]].concat();
        let by_entry = message(&[(13, &message(&[(1, b"location"), (2, b"/etc/passwd")]))]);
        let sparse = message(&[(1, &tensor)]);
        let in_attribute = message(&[(1, &message(&[(5, &message(&[(5, &tensor)]))]))]);
        let in_subgraph = message(&[(1, &message(&[(5, &message(&[(6, &message(&[(5, &tensor)]))]))]))]);
        for graph in
            [message(&[(5, &tensor)]), message(&[(5, &by_entry)]), message(&[(15, &sparse)]), in_attribute, in_subgraph]
        {
            let error = inspect(&model(&graph)).unwrap_err();
            assert!(error.detail().contains("another file"), "{error:?}");
        }
        let ordinary = [&message(&[(8, b"w")])[..], &[14 << 3, 0]].concat();
        assert_eq!(inspect(&model(&message(&[(5, &ordinary)]))).unwrap().ir_version, 10);
    }

    #[test]
    fn nesting_ends() {
        let mut graph = vec![];
        for _ in 0..=MAX_GRAPH_DEPTH + 1 {
            let wrap = |field: u8, inner: &[u8]| {
                let mut length = vec![];
                let mut rest = inner.len();
                while rest > 0x7f {
                    length.push(rest as u8 & 0x7f | 0x80);
                    rest >>= 7;
                }
                length.push(rest as u8);
                [&[field << 3 | 2], &length[..], inner].concat()
            };
            graph = wrap(1, &wrap(5, &wrap(6, &graph)));
        }
        let file =
            [&[0x08, 10, 7 << 3 | 2][..], &[(graph.len() & 0x7f | 0x80) as u8, (graph.len() >> 7) as u8], &graph]
                .concat();
        assert!(inspect(&file).unwrap_err().detail().contains("nested"));
    }

    #[test]
    fn other_files_are_named() {
        let said = |bytes: &[u8]| inspect(bytes).unwrap_err().to_string();
        let files: [&[u8]; 7] =
            [b"", b"\x80\x04\x95abc", b"PK\x03\x04", b"{\"a\":1}", b"hello world", b"\0\0\0\0ORTM", &[0x08, 10]];
        insta::assert_debug_snapshot!(files.map(said));
    }

    proptest! {
        #[test]
        fn strange_bytes_are_errors_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Err(error) = inspect(&bytes) { prop_assert_eq!(error.code(), "SERVING_MODEL_INVALID"); }
        }

        #[test]
        fn strange_graphs_are_errors_never_panics(graph in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Err(error) = inspect(&model(&graph)) { prop_assert_eq!(error.code(), "SERVING_MODEL_INVALID"); }
        }
    }
}
