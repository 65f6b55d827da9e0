//! Signing and checking of model digests with Ed25519 (RFC 8032).

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
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

    /// A key of its own for `purpose`, which nobody without the seed can tell.
    pub(crate) fn derived_key(&self, purpose: &str) -> [u8; 32] {
        blake3::derive_key(purpose, &self.key.to_bytes())
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

/// The seed appears under its name whole and durably, or not at all; a file that is there already is left alone.
fn write_secret(path: &Path, seed: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let draft = path.with_added_extension("new");
    forget(&draft)?;
    let written = write_draft(&draft, seed).and_then(|()| std::fs::hard_link(&draft, path));
    forget(&draft)?;
    written?;
    File::open(folder)?.sync_all()
}

fn write_draft(draft: &Path, seed: &[u8]) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft)?;
    file.write_all(seed)?;
    file.sync_all()
}

/// Removes what a start that was cut off may have left.
fn forget(draft: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(draft) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
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

    #[test]
    fn a_start_that_was_cut_off_while_it_made_the_key_spoils_no_later_one() {
        let Some(disk) = pitcrew_testkit::Tmpfs::mount("64k") else { return };
        let (path, ballast) = (disk.path().join("signing.key"), disk.path().join("ballast"));
        std::fs::write(&ballast, vec![1; 128 << 10]).unwrap_err();
        Signer::load_or_create(&path, [1; 32]).unwrap_err();
        std::fs::remove_file(&ballast).unwrap();
        // As a kill leaves it, which has no time to tidy up.
        std::fs::write(disk.path().join("signing.key.new"), b"half").unwrap();
        let made = Signer::load_or_create(&path, [1; 32]).unwrap();
        assert_eq!(made.id, Signer::load_or_create(&path, [2; 32]).unwrap().id);
        let left: Vec<_> = std::fs::read_dir(disk.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["signing.key"]);
    }

    #[test]
    fn a_key_that_appeared_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        write_secret(&path, &[1; 32]).unwrap();
        assert_eq!(write_secret(&path, &[2; 32]).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&path).unwrap(), [1; 32]);
        assert!(!folder.path().join("signing.key.new").exists());
    }
}
