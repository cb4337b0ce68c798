//! Links to files that work in any browser without a session (API.md): the token names whose export it is and until when it
//! works, and carries our signature. Whether the export has been revoked since is for whoever opens it to ask.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac};
use qafila_schemas::ids::{JobId, MerchantId};
use sha2::Sha256;
use url::Url;
use uuid::Uuid;

/// The token key signs other things, too; links have a key that is derived from it.
const PURPOSE: &[u8] = b"qafila download link 1";
const IDS: usize = 16 + 16 + 8;
const SIGNATURE: usize = 32;

/// Which file a link is about, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Linked {
    /// Whose.
    pub merchant: MerchantId,
    /// The export.
    pub job: JobId,
    /// The link works until then, to the second.
    pub expires_at: DateTime<Utc>,
}

/// Signs and reads links.
#[derive(Clone)]
pub struct DownloadLinks {
    key: [u8; 32],
    public_url: Url,
}

impl DownloadLinks {
    /// Links below `public_url`, signed with a key derived from `token_key`.
    pub fn new(token_key: &[u8], public_url: Url) -> Self {
        let mut mac = mac(token_key);
        mac.update(PURPOSE);
        Self { key: mac.finalize().into_bytes().into(), public_url }
    }

    /// The link; the same for the same file.
    pub fn link(&self, linked: Linked) -> String {
        let mut token = Vec::with_capacity(IDS + SIGNATURE);
        token.extend_from_slice(linked.merchant.0.as_bytes());
        token.extend_from_slice(linked.job.0.as_bytes());
        token.extend_from_slice(&linked.expires_at.timestamp().to_be_bytes());
        let mut mac = mac(&self.key);
        mac.update(&token);
        token.extend_from_slice(&mac.finalize().into_bytes());
        let base = self.public_url.as_str().trim_end_matches('/');
        format!("{base}/download/{}", URL_SAFE_NO_PAD.encode(token))
    }

    /// What a token of ours is about; none for any other text. Compared in constant time.
    pub fn read(&self, token: &str) -> Option<Linked> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok().filter(|bytes| bytes.len() == IDS + SIGNATURE)?;
        let (ids, signature) = bytes.split_at(IDS);
        let mut mac = mac(&self.key);
        mac.update(ids);
        mac.verify_slice(signature).ok()?;
        let seconds = i64::from_be_bytes(ids[32..].try_into().ok()?);
        Some(Linked {
            merchant: MerchantId(Uuid::from_slice(&ids[..16]).ok()?),
            job: JobId(Uuid::from_slice(&ids[16..32]).ok()?),
            expires_at: DateTime::from_timestamp(seconds, 0)?,
        })
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes keys of any length")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(key: u8) -> DownloadLinks {
        DownloadLinks::new(&[key; 32], Url::parse("https://app.example.com/").expect("an address"))
    }

    #[test]
    fn only_what_we_signed_is_a_link_and_it_is_bound_to_one_export_and_time() {
        let linked = Linked {
            merchant: MerchantId(Uuid::from_u128(1)),
            job: JobId(Uuid::from_u128(2)),
            expires_at: DateTime::from_timestamp(1_800_000_000, 0).expect("a time"),
        };
        let link = links(1).link(linked);
        let token = link.strip_prefix("https://app.example.com/download/").expect("below our address");
        assert_eq!(links(1).read(token), Some(linked));
        assert_eq!(links(2).read(token), None, "another key");
        let bytes = URL_SAFE_NO_PAD.decode(token).expect("base64");
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(links(1).read(&URL_SAFE_NO_PAD.encode(changed)), None, "byte {place}");
        }
        for other in ["", "x", &token[1..], "../../etc/passwd"] {
            assert_eq!(links(1).read(other), None);
        }
    }
}
