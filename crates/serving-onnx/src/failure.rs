//! Turns what ONNX Runtime says into our errors. Its messages name source files of its own build; we keep the part that helps.

use pitcrew_kernel::Error;

use crate::inspect::{Inspection, invalid};

/// The longest part of an ONNX Runtime message shown to a caller.
const MAX_REASON_CHARS: usize = 400;

/// What the sentence about a failed run starts with.
const RUN_FAILED: &str = "the model failed on this input: ";

/// A model could not be loaded.
pub(crate) fn load_failed(error: &ort::Error, inspection: &Inspection) -> Error {
    let message = error.message();
    let said = if message.contains("official released onnx opset versions") {
        let opsets: Vec<_> =
            inspection.opsets.iter().map(|(domain, version)| format!("`{}` {version}", name_of(domain))).collect();
        let sentence =
            format!("the model uses operator sets newer than this ONNX Runtime knows: {}", opsets.join(", "));
        invalid(sentence).hint("export it for an older operator set (`target_opset`)")
    } else if message.contains("Unsupported model IR version") {
        let sentence =
            format!("the file format version {} is newer than this ONNX Runtime knows", inspection.ir_version);
        invalid(sentence).hint("save it with an older `onnx`, or lower `ir_version`")
    } else {
        invalid(format!("ONNX Runtime refused the model: {}", reason(message)))
    };
    said.with_source(message.to_owned())
}

/// A model could not run on its first input, zeros.
pub(crate) fn warm_up_failed(error: &Error) -> Error {
    let detail = error.detail();
    let reason = detail.strip_prefix(RUN_FAILED).unwrap_or(detail);
    invalid(format!("the model does not run on zeros: {reason}")).with_source(format!("{error:?}"))
}

/// A model gave up on a request.
pub(crate) fn run_failed(error: &ort::Error) -> Error {
    let sentence = format!("{RUN_FAILED}{}", reason(error.message()));
    Error::invalid("SERVING_RUN_FAILED", sentence).with_source(error.message().to_owned())
}

/// Something between us and ONNX Runtime that no caller can cause.
pub(crate) fn engine_failed(error: &ort::Error) -> Error {
    Error::internal("ONNX Runtime failed", error.message().to_owned())
}

fn name_of(domain: &str) -> &str {
    if domain.is_empty() { "ai.onnx" } else { domain }
}

/// The message without the file, line and function that lead it, on one line, and not too long.
fn reason(message: &str) -> String {
    let message = match message.rsplit_once("Status Message: ") {
        Some((_, status)) => status,
        None => message,
    };
    let message =
        if message.starts_with('/') { message.rsplit_once(") ").map_or(message, |(_, tail)| tail) } else { message };
    let mut words: Vec<_> = message.split_whitespace().filter(|word| !word.starts_with("/onnxruntime_src")).collect();
    // `matmul_helper.h:59 Compute `: a place in its sources and a function.
    if words.len() > 2
        && words[0].split_once(':').is_some_and(|(file, _)| file.ends_with(".h") || file.ends_with(".cc"))
    {
        words.drain(..2);
    }
    let line = words.join(" ");
    match line.char_indices().nth(MAX_REASON_CHARS) {
        Some((end, _)) => format!("{} …", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_helpful_part_stays() {
        let status = "Non-zero status code returned while running MatMul node. Name:'' Status Message: matmul_helper.h:59 Compute MatMul dimension mismatch";
        assert_eq!(reason(status), "MatMul dimension mismatch");
        let source = "/onnxruntime_src/onnxruntime/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, int) Unsupported thing: 99\n";
        assert_eq!(reason(source), "Unsupported thing: 99");
        let plain = "This is an invalid model. In Node, (\"\", Nope, \"\", -1) , Error No Op registered for Nope";
        assert_eq!(reason(plain), plain);
        assert!(reason(&"é".repeat(1000)).chars().count() <= MAX_REASON_CHARS + 2);
    }
}
