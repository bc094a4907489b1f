//! Tokens: how they look, how they are drawn, and the digest that alone is kept of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

use crate::domain::error::{Error, Result};

/// By this, people and scanners of leaked secrets know what it is.
const PREFIX: &str = "potts_";
/// So many that nobody guesses one, and that a plain digest is enough to keep.
const RANDOM_BYTES: usize = 32;
/// What they take in base64url without padding.
const RANDOM_CHARS: usize = 43;

/// SHA-256 of a token.
pub(super) type Hash = [u8; 32];

/// The digest of a token.
pub(super) fn hash(token: &str) -> Hash {
    Sha256::digest(token).into()
}

/// A new token. The source of randomness is that of the operating system.
pub(super) fn draw() -> Result<(SecretString, Hash)> {
    let mut random = [0; RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| {
        Error::Internal(anyhow::anyhow!("the system has no random numbers: {error}"))
    })?;
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let hash = hash(&token);
    Ok((token.into(), hash))
}

/// Whether a text looks like a token that was drawn here; no other is worth looking up.
pub(super) fn is_drawn(text: &str) -> bool {
    let is_random = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.strip_prefix(PREFIX)
        .is_some_and(|random| random.len() == RANDOM_CHARS && random.chars().all(is_random))
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;

    #[test]
    fn tokens_differ_and_are_known_by_their_look() {
        let ((one, hash_of_one), (other, _)) = (draw().unwrap(), draw().unwrap());

        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(hash(one.expose_secret()), hash_of_one);
        assert!(is_drawn(one.expose_secret()));
        let almost = one.expose_secret().replace("potts_", "");
        for wrong in ["", "potts_", "a-token-for-tests-alone", &almost] {
            assert!(!is_drawn(wrong), "{wrong:?}");
        }
    }
}
