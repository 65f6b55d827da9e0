//! Compresses the ONNX Runtime library named by `PITCREW_ONNXRUNTIME_LIB` so that it can travel inside the binary; without the variable nothing travels.
#![expect(clippy::disallowed_methods, reason = "cargo talks to a build script through its environment")]

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Level 9 gives 11.7 MB of 34.8 in about a second; level 19 would save one more megabyte for twenty times the time.
const COMPRESSION_LEVEL: i32 = 9;

/// Texts that must travel with the library; they lie beside it, where `scripts/onnxruntime.sh` puts them.
const NOTICES: [&str; 2] = ["LICENSE", "ThirdPartyNotices.txt"];

fn main() -> io::Result<()> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=PITCREW_ONNXRUNTIME_LIB");
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("cargo sets OUT_DIR"))?);
    let code = match env::var_os("PITCREW_ONNXRUNTIME_LIB").filter(|path| !path.is_empty()) {
        None => "pub(crate) const EMBEDDED: Option<crate::Embedded> = None;\n".to_owned(),
        Some(path) => embed(Path::new(&path), &out)?,
    };
    fs::write(out.join("embedded.rs"), code)
}

fn embed(library: &Path, out: &Path) -> io::Result<String> {
    println!("cargo:rerun-if-changed={}", library.display());
    let named = |path: &Path, error: io::Error| {
        io::Error::other(format!("PITCREW_ONNXRUNTIME_LIB: cannot read `{}`: {error}", path.display()))
    };
    let bytes = fs::read(library).map_err(|error| named(library, error))?;
    if !bytes.starts_with(b"\x7fELF") {
        return Err(io::Error::other("PITCREW_ONNXRUNTIME_LIB names a file that is no shared library"));
    }
    fs::write(out.join("library.zst"), zstd::bulk::compress(&bytes, COMPRESSION_LEVEL)?)?;
    let mut notices = String::new();
    for name in NOTICES {
        let path = library.with_file_name(name);
        notices.push_str(&fs::read_to_string(&path).map_err(|error| named(&path, error))?);
        notices.push('\n');
    }
    fs::write(out.join("notices.zst"), zstd::bulk::compress(notices.as_bytes(), COMPRESSION_LEVEL)?)?;
    let name = library.file_name().and_then(|name| name.to_str()).unwrap_or("libonnxruntime.so");
    Ok(format!(
        "pub(crate) const EMBEDDED: Option<crate::Embedded> = Some(crate::Embedded {{\n    name: {name:?},\n    bytes: {},\n    digest: {:?},\n    \
         library: include_bytes!(\"library.zst\"),\n    notices_bytes: {},\n    notices: include_bytes!(\"notices.zst\"),\n}});\n",
        bytes.len(),
        blake3::hash(&bytes).as_bytes(),
        notices.len(),
    ))
}
