//! Signing and checking of model digests with Ed25519 (RFC 8032).

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature as RawSignature, Signer as _, SigningKey, VerifyingKey};
use pitcrew_contracts::names::ModelRef;
use pitcrew_kernel::{Digest, Error, Result};

use crate::model::Signature;

const ALGORITHM: &str = "ed25519";
const SEED_LEN: usize = 32;
/// Hex digits of the public key that name it.
const KEY_ID_LEN: usize = 16;

/// Holds the signing key of one home folder.
pub struct Signer {
    key: SigningKey,
    id: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("key_id", &self.id).finish_non_exhaustive()
    }
}

impl Signer {
    /// A signer of this secret seed.
    pub fn from_seed(seed: &[u8; SEED_LEN]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = Digest::from_bytes(key.verifying_key().to_bytes()).hex().chars().take(KEY_ID_LEN).collect();
        Self { key, id }
    }

    /// Reads the key file, or makes it (readable by the owner only) from `fresh` random bytes.
    ///
    /// # Errors
    /// `SIGNING_KEY_INVALID` when the file is not a key, `INTERNAL` when it cannot be read or written.
    pub fn load_or_create(path: &Path, fresh: [u8; SEED_LEN]) -> Result<Self> {
        match std::fs::read(path) {
            Ok(bytes) => {
                let seed = <[u8; SEED_LEN]>::try_from(bytes.as_slice()).map_err(|_| {
                    Error::precondition(
                        "SIGNING_KEY_INVALID",
                        format!("`{}` is not a signing key of {SEED_LEN} bytes", path.display()),
                    )
                    .hint("restore it from a backup; without it the signatures of existing versions cannot be checked")
                })?;
                Ok(Self::from_seed(&seed))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                write_secret(path, &fresh)
                    .map_err(|source| Error::internal("the signing key cannot be written", source))?;
                Ok(Self::from_seed(&fresh))
            }
            Err(error) => Err(Error::internal("the signing key cannot be read", error)),
        }
    }

    /// Vouches that these bytes are this version.
    pub fn sign(&self, version: &ModelRef, digest: &Digest) -> Signature {
        let value = self.key.sign(&statement(version, digest));
        Signature { key_id: self.id.clone(), algorithm: ALGORITHM.to_owned(), value: STANDARD.encode(value.to_bytes()) }
    }

    /// Checks a signature made by [`Signer::sign`].
    ///
    /// # Errors
    /// `MODEL_SIGNATURE_INVALID` when it does not fit, or another key made it.
    pub fn verify(&self, version: &ModelRef, digest: &Digest, signature: &Signature) -> Result<()> {
        let wrong = |why: &str| {
            Error::precondition("MODEL_SIGNATURE_INVALID", format!("the signature of {version} does not fit: {why}"))
                .hint("do not serve it; register the model again from its pipeline run")
        };
        if signature.algorithm != ALGORITHM || signature.key_id != self.id {
            return Err(wrong("it was made with another key"));
        }
        let raw = STANDARD.decode(&signature.value).map_err(|_| wrong("it is not base64"))?;
        let raw = RawSignature::from_slice(&raw).map_err(|_| wrong("it has a wrong length"))?;
        let public: VerifyingKey = self.key.verifying_key();
        public
            .verify_strict(&statement(version, digest), &raw)
            .map_err(|_| wrong("name, version or bytes have changed"))
    }
}

fn statement(version: &ModelRef, digest: &Digest) -> Vec<u8> {
    format!("pitcrew model version 1\n{version}\n{digest}\n").into_bytes()
}

fn write_secret(path: &Path, seed: &[u8]) -> std::io::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(seed)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_one_version_and_one_digest() {
        let signer = Signer::from_seed(&[7; 32]);
        let (version, digest) = ("bikes/2".parse().unwrap(), Digest::from_bytes([1; 32]));
        let signature = signer.sign(&version, &digest);
        signer.verify(&version, &digest, &signature).unwrap();
        for (other_version, other_digest) in [("bikes/3", [1; 32]), ("bikes/2", [2; 32])] {
            let error = signer
                .verify(&other_version.parse().unwrap(), &Digest::from_bytes(other_digest), &signature)
                .unwrap_err();
            assert_eq!(error.code(), "MODEL_SIGNATURE_INVALID");
        }
        assert!(Signer::from_seed(&[8; 32]).verify(&version, &digest, &signature).is_err());
    }

    #[test]
    fn the_key_file_is_made_once_and_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        let first = Signer::load_or_create(&path, [1; 32]).unwrap();
        let second = Signer::load_or_create(&path, [2; 32]).unwrap();
        assert_eq!(first.id, second.id);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(&path, b"short").unwrap();
        assert_eq!(Signer::load_or_create(&path, [1; 32]).unwrap_err().code(), "SIGNING_KEY_INVALID");
    }
}
