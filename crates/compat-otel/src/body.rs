//! Bodies: which encoding, and what is in them once decompressed.

use std::io::Read;

use axum::http::{HeaderMap, header};
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use pitcrew_kernel::{Error, Result};

use crate::MAX_PLAIN_BYTES;

/// How messages are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// As protocol buffers.
    Proto,
    /// As JSON.
    Json,
}

/// How the body is written.
pub(crate) fn encoding(headers: &HeaderMap) -> Result<Encoding> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split(';').next().unwrap_or_default().trim() {
        "application/x-protobuf" => Ok(Encoding::Proto),
        "application/json" => Ok(Encoding::Json),
        _ => Err(wrong(format!("Invalid Content-Type: {kind}. Expected: application/x-protobuf or application/json"))),
    }
}

/// The body without its compression.
pub(crate) fn plain(headers: &HeaderMap, body: &[u8]) -> Result<Vec<u8>> {
    let coding = headers.get(header::CONTENT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match coding.trim().to_ascii_lowercase().as_str() {
        "" | "identity" => Ok(body.to_vec()),
        "gzip" => inflated(GzDecoder::new(body), "gzip"),
        // Some senders leave the frame out.
        "deflate" => inflated(ZlibDecoder::new(body), "deflate").or_else(|error| {
            if error.code() == "BODY_TOO_LARGE" { Err(error) } else { inflated(DeflateDecoder::new(body), "deflate") }
        }),
        other => Err(wrong(format!("Unsupported Content-Encoding: {other}"))),
    }
}

/// A few bytes may hide very many, so they are counted as they come.
fn inflated(reader: impl Read, name: &str) -> Result<Vec<u8>> {
    let mut plain = Vec::new();
    let read = reader.take(MAX_PLAIN_BYTES as u64 + 1).read_to_end(&mut plain);
    read.map_err(|_| wrong(format!("Failed to decompress {name} payload")))?;
    if plain.len() > MAX_PLAIN_BYTES {
        return Err(Error::too_large(
            "BODY_TOO_LARGE",
            format!("the body is larger than {MAX_PLAIN_BYTES} bytes once decompressed"),
        ));
    }
    Ok(plain)
}

pub(crate) fn wrong(detail: String) -> Error {
    Error::invalid("OTLP_REQUEST_INVALID", detail)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

    use super::*;

    fn of(coding: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_ENCODING, coding.parse().unwrap());
        headers
    }

    #[test]
    fn each_compression_is_undone() {
        let text = b"spans spans spans".repeat(50);
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).unwrap();
        assert_eq!(plain(&of("gzip"), &gzip.finish().unwrap()).unwrap(), text);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        zlib.write_all(&text).unwrap();
        assert_eq!(plain(&of("deflate"), &zlib.finish().unwrap()).unwrap(), text);
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::default());
        raw.write_all(&text).unwrap();
        assert_eq!(plain(&of("deflate"), &raw.finish().unwrap()).unwrap(), text);
        assert_eq!(plain(&HeaderMap::new(), &text).unwrap(), text);
        assert_eq!(plain(&of("gzip"), b"no gzip").unwrap_err().code(), "OTLP_REQUEST_INVALID");
        assert_eq!(plain(&of("zstd"), b"").unwrap_err().code(), "OTLP_REQUEST_INVALID");
    }

    #[test]
    fn a_bomb_is_refused_before_it_fills_the_memory() {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let block = vec![0u8; 1 << 20];
        (0..64).for_each(|_| gzip.write_all(&block).unwrap());
        let bomb = gzip.finish().unwrap();
        assert!(bomb.len() < 100_000);
        assert_eq!(plain(&of("gzip"), &bomb).unwrap_err().code(), "BODY_TOO_LARGE");
        // A source that never ends shows that no more is read than may be kept.
        assert_eq!(inflated(std::io::repeat(0), "gzip").unwrap_err().code(), "BODY_TOO_LARGE");
    }
}
