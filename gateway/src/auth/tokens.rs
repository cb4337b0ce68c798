//! Access tokens: JWT, 15 minutes.

use std::fmt;

use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use qafila_schemas::ids::{MerchantId, UserId};
use serde::{Deserialize, Serialize};

use crate::call::Call;
use crate::problem::Problem;

/// Life of an access token, in seconds.
pub const ACCESS_SECONDS: i64 = 15 * 60;
const ISSUER: &str = "qafila";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: UserId,
    merchant: MerchantId,
    iat: i64,
    exp: i64,
}

/// Who a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// User.
    pub user_id: UserId,
    /// Merchant everything is scoped to.
    pub merchant_id: MerchantId,
    /// When the access token was issued, seconds since the Unix epoch.
    pub issued_at: i64,
}

/// Issues and checks access tokens.
#[derive(Clone)]
pub struct AccessTokens {
    encoding: EncodingKey,
    decoding: DecodingKey,
    validation: Validation,
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessTokens(hidden)")
    }
}

impl AccessTokens {
    /// With a key of at least 32 bytes.
    pub fn new(key: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.leeway = 5;
        Self { encoding: EncodingKey::from_secret(key), decoding: DecodingKey::from_secret(key), validation }
    }

    /// A token for `identity`.
    pub fn issue(&self, identity: Identity) -> Result<String, Problem> {
        let now = chrono::Utc::now().timestamp();
        let claims = Claims {
            iss: ISSUER.into(),
            sub: identity.user_id,
            merchant: identity.merchant_id,
            iat: now,
            exp: now + ACCESS_SECONDS,
        };
        encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .map_err(|e| Problem::unavailable("jwt", &e))
    }

    /// Who sent this request; 401 where nobody did.
    pub fn identify(&self, call: &Call) -> Result<Identity, Problem> {
        let token = call
            .header(AUTHORIZATION.as_str())
            .and_then(|value| value.strip_prefix("Bearer "))
            .ok_or_else(Problem::unauthorized)?;
        let claims = decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|_| Problem::unauthorized())?
            .claims;
        Ok(Identity { user_id: claims.sub, merchant_id: claims.merchant, issued_at: claims.iat })
    }
}
