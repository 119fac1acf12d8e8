#![doc = include_str!("../README.md")]

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom as _, SystemRandom};

/// Length of a key, in bytes.
pub const KEY_BYTES: usize = 32;

/// The version of the format that [`SealingKey::seal`] writes.
const VERSION: u8 = 1;

/// Encrypts and authenticates values under one key.
pub struct SealingKey(LessSafeKey);

/// The value could not be sealed; nothing was produced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The operating system returned no random bytes.
    #[error("the operating system returned no random bytes for a nonce")]
    NoRandomness,
    /// The value is longer than the cipher accepts (256 GiB).
    #[error("the value is too long to be encrypted")]
    TooLong,
}

/// The bytes could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Another version of the program wrote it.
    #[error("the sealed value has format version {0}, and this program reads version {VERSION}")]
    UnsupportedVersion(u8),
    /// Another key, another context, or damage.
    #[error("the sealed value does not fit its key and context")]
    NotAuthentic,
}

impl SealingKey {
    /// The key made of these bytes, which must be random or derived from a secret.
    ///
    /// # Panics
    ///
    /// Never: the length is that of the cipher's key.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the type fixes the length")]
    pub fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        let key = UnboundKey::new(&CHACHA20_POLY1305, bytes).expect("32 bytes are a key");
        Self(LessSafeKey::new(key))
    }

    /// Seals `value`. Only the same `context` opens it again, so sealed values cannot be swapped.
    ///
    /// # Errors
    ///
    /// See [`SealError`].
    pub fn seal(&self, context: &[u8], value: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new()
            .fill(&mut nonce)
            .map_err(|_| SealError::NoRandomness)?;
        let mut text = value.to_vec();
        let associated = associated_data(context);
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&associated),
                &mut text,
            )
            .map_err(|_| SealError::TooLong)?;
        Ok([&[VERSION], &nonce[..], &text].concat())
    }

    /// Opens what [`Self::seal`] produced for `context`.
    ///
    /// # Errors
    ///
    /// See [`UnsealError`].
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, UnsealError> {
        let (&version, rest) = sealed.split_first().ok_or(UnsealError::NotAuthentic)?;
        if version != VERSION {
            return Err(UnsealError::UnsupportedVersion(version));
        }
        let (nonce, text) = rest
            .split_first_chunk::<NONCE_LEN>()
            .ok_or(UnsealError::NotAuthentic)?;
        let mut text = text.to_vec();
        let associated = associated_data(context);
        let value = self
            .0
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(&associated),
                &mut text,
            )
            .map_err(|_| UnsealError::NotAuthentic)?;
        Ok(value.to_vec())
    }
}

/// What is authenticated along with a value: the version of the format, then the context.
fn associated_data(context: &[u8]) -> Vec<u8> {
    [&[VERSION], context].concat()
}
