//! A refresh token sealed under the one before it: whoever holds that one can open it, and nobody else, not even we.

use aes_gcm_siv::aead::{Aead, Payload};
use aes_gcm_siv::{Aes256GcmSiv, KeyInit, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;
use zeroize::Zeroizing;

const PURPOSE: &[u8] = b"qafila: the refresh token after this one";
/// A key seals one text only: a token is rotated once.
const NONCE: [u8; 12] = [0; 12];

/// What was stored is no token sealed under this one.
#[derive(Debug, thiserror::Error)]
#[error("the next refresh token cannot be opened")]
pub(super) struct SuccessionError;

/// Seals `next`, which comes after `token` in a family.
pub(super) fn seal(token: &str, family: Uuid, next: &str) -> Result<Vec<u8>, SuccessionError> {
    let payload = Payload { msg: next.as_bytes(), aad: family.as_bytes() };
    cipher(token)?.encrypt(Nonce::from_slice(&NONCE), payload).map_err(|_| SuccessionError)
}

/// The token that comes after `token`.
pub(super) fn open(token: &str, family: Uuid, sealed: &[u8]) -> Result<String, SuccessionError> {
    let payload = Payload { msg: sealed, aad: family.as_bytes() };
    let next = cipher(token)?.decrypt(Nonce::from_slice(&NONCE), payload).map_err(|_| SuccessionError)?;
    String::from_utf8(next).map_err(|_| SuccessionError)
}

fn cipher(token: &str) -> Result<Aes256GcmSiv, SuccessionError> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(token.as_bytes()).map_err(|_| SuccessionError)?;
    mac.update(PURPOSE);
    let key = Zeroizing::new(<[u8; 32]>::from(mac.finalize().into_bytes()));
    Aes256GcmSiv::new_from_slice(&*key).map_err(|_| SuccessionError)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_holder_of_a_token_opens_the_one_after_it() {
        let family = Uuid::from_u128(7);
        let sealed = seal("first", family, "second").expect("sealed");
        assert!(!sealed.windows(6).any(|part| part == b"second"));
        assert_eq!(open("first", family, &sealed).expect("opened"), "second");
        assert!(open("other", family, &sealed).is_err());
        assert!(open("first", Uuid::from_u128(8), &sealed).is_err());
    }
}
