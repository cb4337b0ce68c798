//! Keys of services that call us: one or more named keys a caller, known here by their hashes alone. Rotating one means naming
//! both for a while.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::call::Call;
use crate::problem::{Code, Problem};

const HEADER: &str = "x-api-key";

/// The keys that are accepted; none by default.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys(Arc<[ApiKey]>);

#[derive(Debug, Clone)]
struct ApiKey {
    caller: String,
    sha256: [u8; 32],
}

impl ApiKeys {
    /// Reads `caller:<SHA-256 of the key, hex>`, comma separated. The keys are random, so a plain hash is enough.
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',')
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(ApiKey::parse)
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Who sends this request; 401 where nobody we know does. Every key is compared, each in constant time.
    pub fn identify(&self, call: &Call) -> Result<&str, Problem> {
        let presented = Sha256::digest(call.header(HEADER).unwrap_or_default().as_bytes());
        let mut caller = None;
        for key in self.0.iter() {
            if bool::from(key.sha256.ct_eq(&presented)) {
                caller = Some(key.caller.as_str());
            }
        }
        caller.ok_or_else(|| Problem::new(Code::ApiKeyRefused))
    }
}

impl ApiKey {
    fn parse(text: &str) -> Option<Self> {
        let (caller, hash) = text.split_once(':')?;
        let mut sha256 = [0; 32];
        hex::decode_to_slice(hash.trim(), &mut sha256).ok()?;
        (!caller.trim().is_empty()).then(|| Self { caller: caller.trim().to_owned(), sha256 })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn call(key: Option<&'static str>) -> Call {
        let headers = key.map(|key| (http::HeaderName::from_static(HEADER), HeaderValue::from_static(key)));
        Call { headers: HeaderMap::from_iter(headers), query: String::new(), body: Bytes::new() }
    }

    #[test]
    fn a_caller_is_known_by_any_of_its_keys_and_nobody_by_none() {
        let hash = |key: &str| hex::encode(Sha256::digest(key));
        let text = format!("crm:{}, crm:{}, erp:{}", hash("old"), hash("new"), hash("other"));
        let keys = ApiKeys::parse(&text).expect("keys");
        for (key, caller) in [("old", "crm"), ("new", "crm"), ("other", "erp")] {
            assert_eq!(keys.identify(&call(Some(key))).ok(), Some(caller));
        }
        for stranger in [None, Some(""), Some("guess")] {
            assert!(keys.identify(&call(stranger)).is_err_and(|problem| problem.code == Code::ApiKeyRefused));
            assert!(ApiKeys::default().identify(&call(stranger)).is_err());
        }
        for bad in ["crm", "crm:xyz", ":00", "crm:00"] {
            assert!(ApiKeys::parse(bad).is_none(), "{bad}");
        }
    }
}
