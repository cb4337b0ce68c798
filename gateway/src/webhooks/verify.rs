//! Whether a webhook is Salla's (FACTS §7): an HMAC over the bytes as they came, or the secret itself in `Authorization`. How
//! long a compare takes says nothing of the secret.

use std::fmt;

use hmac::{Hmac, Mac};
use http::{HeaderMap, header};
use qafila_ingest::salla::Secret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const STRATEGY: &str = "x-salla-security-strategy";
const SIGNATURE: &str = "x-salla-signature";
/// Shorter ones can be guessed.
const SHORTEST_SECRET: usize = 16;
/// The current one, and the one before it while they are exchanged.
const MOST_SECRETS: usize = 2;

/// The secrets of our webhooks, the current one first.
#[derive(Clone)]
pub struct WebhookSecrets(Vec<Secret>);

impl WebhookSecrets {
    /// Reads `current,previous`; nothing where there are none, more than two, or one of fewer than 16 characters.
    pub fn parse(text: &str) -> Option<Self> {
        let secrets: Vec<&str> = text.split(',').map(str::trim).collect();
        let fits = |secret: &&str| secret.len() >= SHORTEST_SECRET && secret.is_ascii();
        let all_fit = secrets.len() <= MOST_SECRETS && secrets.iter().all(fits);
        all_fit.then(|| Self(secrets.into_iter().map(Secret::new).collect()))
    }

    /// The one that new subscriptions are given.
    pub fn current(&self) -> &Secret {
        &self.0[0]
    }
}

impl fmt::Debug for WebhookSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookSecrets({} hidden)", self.0.len())
    }
}

/// How a webhook was found to be Salla's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// HMAC-SHA256 over the body.
    Signature,
    /// The secret in `Authorization`.
    Token,
    /// Not at all: the operator allows it.
    None,
}

impl Strategy {
    /// The word of the record.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signature => "signature",
            Self::Token => "token",
            Self::None => "none",
        }
    }
}

/// Why a webhook is not taken for Salla's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// Neither header is there.
    #[error("it carries neither X-Salla-Signature nor Authorization")]
    Unsigned,
    /// A strategy that FACTS §7 does not know.
    #[error("X-Salla-Security-Strategy is neither Signature nor Token")]
    UnknownStrategy,
    /// Not 64 hexadecimal digits.
    #[error("X-Salla-Signature is not there, or not 64 hexadecimal digits")]
    NoSignature,
    /// Made with another secret, or over other bytes.
    #[error("X-Salla-Signature does not match the body under any of our secrets")]
    WrongSignature,
    /// Not one of our secrets.
    #[error("Authorization is none of our secrets")]
    WrongToken,
}

/// Tells Salla's webhooks from others.
pub struct WebhookVerifier {
    macs: Vec<Hmac<Sha256>>,
    digests: Vec<[u8; 32]>,
    unsigned_allowed: bool,
}

impl WebhookVerifier {
    /// Takes what was made with one of `secrets`, and what was not signed at all where `unsigned_allowed`.
    pub fn new(secrets: &WebhookSecrets, unsigned_allowed: bool) -> Self {
        let bytes = || secrets.0.iter().map(|secret| secret.expose().as_bytes());
        Self {
            macs: bytes()
                .map(|secret| Hmac::new_from_slice(secret).expect("HMAC takes keys of any length"))
                .collect(),
            digests: bytes().map(|secret| Sha256::digest(secret).into()).collect(),
            unsigned_allowed,
        }
    }

    /// How the webhook of these headers and exactly these bytes is Salla's.
    pub fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<Strategy, Forged> {
        let strategy = text(headers, STRATEGY);
        let is = |name: &str| strategy.is_some_and(|strategy| strategy.eq_ignore_ascii_case(name));
        // Salla names the strategy; where a proxy has dropped that, the proof itself tells.
        let proof_tells = strategy.is_none();
        if is("signature") || proof_tells && headers.contains_key(SIGNATURE) {
            self.signature(headers, body)
        } else if is("token") || proof_tells && headers.contains_key(header::AUTHORIZATION) {
            self.token(headers)
        } else if !proof_tells && !is("none") {
            Err(Forged::UnknownStrategy)
        } else if self.unsigned_allowed {
            Ok(Strategy::None)
        } else {
            Err(Forged::Unsigned)
        }
    }

    fn signature(&self, headers: &HeaderMap, body: &[u8]) -> Result<Strategy, Forged> {
        let mut signature = [0; 32];
        let digits = text(headers, SIGNATURE).ok_or(Forged::NoSignature)?;
        // The name of the hash before it is what others who sign so send.
        let digits = digits.strip_prefix("sha256=").unwrap_or(digits);
        hex::decode_to_slice(digits, &mut signature).map_err(|_| Forged::NoSignature)?;
        let matches =
            self.macs.iter().any(|mac| mac.clone().chain_update(body).verify_slice(&signature).is_ok());
        matches.then_some(Strategy::Signature).ok_or(Forged::WrongSignature)
    }

    /// Compares digests, so that the time does not depend on how much of the secret is right.
    fn token(&self, headers: &HeaderMap) -> Result<Strategy, Forged> {
        let token = headers.get(header::AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        let digest: [u8; 32] = Sha256::digest(token).into();
        let matches = self.digests.iter().any(|known| known.ct_eq(&digest).into());
        matches.then_some(Strategy::Token).ok_or(Forged::WrongToken)
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use http::{HeaderName, HeaderValue};
    use serde_json::Value;

    use super::*;

    const SECRET: &str = "a-secret-of-the-app";
    const BEFORE: &str = "the-secret-before-it";
    const BODY: &[u8] = br#"{"event":"order.created"}"#;

    fn verifier(secrets: &str, unsigned_allowed: bool) -> WebhookVerifier {
        WebhookVerifier::new(&WebhookSecrets::parse(secrets).expect("secrets"), unsigned_allowed)
    }

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let header = |(name, value): &(&str, &str)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        };
        pairs.iter().map(header).collect()
    }

    fn sign(secret: &str, body: &[u8]) -> String {
        let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
        hex::encode(mac.chain_update(body).finalize().into_bytes())
    }

    #[test]
    fn signatures_are_checked_over_the_bytes_as_they_came() {
        let file = include_str!("../../../deploy/local/salla-sim/samples/webhook.signature.vectors.json");
        let vectors: Value = serde_json::from_str(file).expect("vectors");
        let vectors = vectors["vectors"].as_array().expect("a list");
        assert!(vectors.len() > 3);
        for vector in vectors {
            let body = STANDARD.decode(vector["body_base64"].as_str().expect("a body")).expect("base64");
            let pairs = vector["headers"].as_object().expect("headers");
            let pairs: Vec<(&str, &str)> =
                pairs.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect();
            let secret = vector["secret"].as_str().expect("a secret");
            // The vectors' secret is one character short of what we allow.
            let secrets = WebhookSecrets(vec![Secret::new(secret)]);
            let verified = WebhookVerifier::new(&secrets, false).verify(&headers(&pairs), &body);
            assert_eq!(verified.is_ok(), vector["should_verify"] == true, "{}: {verified:?}", vector["name"]);
        }
    }

    #[test]
    fn both_secrets_count_while_they_are_exchanged_and_no_third() {
        let both = verifier(&format!("{SECRET},{BEFORE}"), false);
        for (secret, taken) in [(SECRET, true), (BEFORE, true), ("another-secret-of-someone", false)] {
            let signed = headers(&[(STRATEGY, "Signature"), (SIGNATURE, &sign(secret, BODY))]);
            assert_eq!(both.verify(&signed, BODY).is_ok(), taken, "{secret}");
            let told = headers(&[(STRATEGY, "Token"), ("authorization", secret)]);
            assert_eq!(both.verify(&told, BODY).is_ok(), taken, "{secret}");
        }
    }

    #[test]
    fn what_proves_nothing_is_refused_with_its_reason() {
        let one = verifier(SECRET, false);
        let good = sign(SECRET, BODY);
        let other = sign(SECRET, b"{}");
        for (pairs, reason) in [
            (vec![], Forged::Unsigned),
            (vec![(STRATEGY, "none")], Forged::Unsigned),
            (vec![(STRATEGY, "Trust me")], Forged::UnknownStrategy),
            (vec![(STRATEGY, "Signature")], Forged::NoSignature),
            (vec![(STRATEGY, "Signature"), ("authorization", SECRET)], Forged::NoSignature),
            (vec![(STRATEGY, "Signature"), (SIGNATURE, &good[..62])], Forged::NoSignature),
            (vec![(STRATEGY, "Signature"), (SIGNATURE, &other)], Forged::WrongSignature),
            (vec![(STRATEGY, "Token"), (SIGNATURE, &good)], Forged::WrongToken),
            (vec![(STRATEGY, "Token"), ("authorization", "Bearer a-secret-of-the-app")], Forged::WrongToken),
        ] {
            assert_eq!(one.verify(&headers(&pairs), BODY), Err(reason), "{pairs:?}");
        }
        let named = headers(&[(SIGNATURE, &format!("sha256={good}"))]);
        assert_eq!(one.verify(&named, BODY), Ok(Strategy::Signature));
        let without_strategy = headers(&[(SIGNATURE, &good)]);
        assert_eq!(one.verify(&without_strategy, BODY), Ok(Strategy::Signature));
    }

    #[test]
    fn where_unsigned_ones_are_allowed_wrongly_signed_ones_are_not() {
        let lenient = verifier(SECRET, true);
        assert_eq!(lenient.verify(&headers(&[]), BODY), Ok(Strategy::None));
        let wrong = headers(&[(SIGNATURE, &sign(BEFORE, BODY))]);
        assert_eq!(lenient.verify(&wrong, BODY), Err(Forged::WrongSignature));
    }

    #[test]
    fn secrets_that_can_be_guessed_are_refused() {
        for bad in ["", "short", "0123456789abcde", "0123456789abcdef,", "0123456789abcdef,b,c"] {
            assert!(WebhookSecrets::parse(bad).is_none(), "{bad:?}");
        }
        let hidden = format!("{:?}", WebhookSecrets::parse(SECRET));
        assert!(!hidden.contains(SECRET), "{hidden}");
    }
}
