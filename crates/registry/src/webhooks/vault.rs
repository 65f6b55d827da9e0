//! Secrets of webhooks at rest: sealed with ChaCha20-Poly1305 under a key that only the home folder's signing key gives.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pitcrew_kernel::{Error, Result};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use super::model::WebhookId;
use crate::signer::Signer;

/// What the key is for. Changing it makes every stored secret unreadable.
const PURPOSE: &str = "pitcrew 2026-11 secrets of webhooks";

/// Seals and opens.
pub(crate) struct Vault(LessSafeKey);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    pub(crate) fn of(signer: &Signer) -> Result<Self> {
        let key = UnboundKey::new(&CHACHA20_POLY1305, &signer.derived_key(PURPOSE))
            .map_err(|_| Error::internal("the key for webhook secrets cannot be made", "a wrong length"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Seals the secret of one webhook; it opens for no other. `random` must be new each time.
    pub(crate) fn seal(&self, of: WebhookId, secret: &str, random: [u8; 16]) -> Result<String> {
        let mut nonce = [0; NONCE_LEN];
        nonce.copy_from_slice(&random[..NONCE_LEN]);
        let mut sealed = secret.as_bytes().to_vec();
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(of.to_string()), &mut sealed)
            .map_err(|_| Error::internal("a webhook's secret cannot be sealed", "it is too long"))?;
        Ok(STANDARD.encode([nonce.as_slice(), &sealed].concat()))
    }

    /// Opens what [`Vault::seal`] sealed.
    pub(crate) fn open(&self, of: WebhookId, sealed: &str) -> Result<String> {
        let unreadable = || {
            Error::precondition(
                "WEBHOOK_SECRET_UNREADABLE",
                "the webhook's secret was sealed with another key, or has changed",
            )
            .hint("restore the home folder's `signing.key`, or give the webhook a new secret")
        };
        let mut bytes = STANDARD.decode(sealed).map_err(|_| unreadable())?;
        let Some((nonce, sealed)) = bytes.split_first_chunk_mut::<NONCE_LEN>() else { return Err(unreadable()) };
        let opened = self
            .0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(of.to_string()), sealed)
            .map_err(|_| unreadable())?;
        String::from_utf8(opened.to_vec()).map_err(|_| unreadable())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(last: char) -> WebhookId {
        format!("hook_{}{last}", "0".repeat(25)).parse().unwrap()
    }

    #[test]
    fn a_secret_opens_for_its_webhook_and_key_only() {
        let vault = Vault::of(&Signer::from_seed(&[7; 32])).unwrap();
        let sealed = vault.seal(id('1'), "hush", [1; 16]).unwrap();
        assert_eq!(vault.open(id('1'), &sealed).unwrap(), "hush");
        assert!(!sealed.contains("hush"));
        assert_ne!(sealed, vault.seal(id('1'), "hush", [2; 16]).unwrap());
        let other = Vault::of(&Signer::from_seed(&[8; 32])).unwrap();
        let changed = sealed.replacen(&sealed[20..21], if &sealed[20..21] == "A" { "B" } else { "A" }, 1);
        for error in [vault.open(id('2'), &sealed), other.open(id('1'), &sealed), vault.open(id('1'), &changed)] {
            assert_eq!(error.unwrap_err().code(), "WEBHOOK_SECRET_UNREADABLE");
        }
        for nonsense in ["", "AAAA", "!"] {
            assert!(vault.open(id('1'), nonsense).is_err());
        }
    }
}
