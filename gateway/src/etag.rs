//! Tags of answers, and whether a client has an answer already (RFC 9110 §8.8.3, §13.1.2).

use http::{HeaderMap, header};
use sha2::{Digest, Sha256};

/// The tag of a body. It is weak: the body may be sent compressed, or not.
pub fn of(body: &[u8]) -> String {
    format!("W/\"{}\"", hex::encode(&Sha256::digest(body)[..16]))
}

/// Whether `If-None-Match` names a tag, by weak comparison: what stands between may have packed the body.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let named = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    named
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || opaque(known) == opaque(tag))
}

/// A tag without the mark of a weak one.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_client_that_names_the_tag_in_any_form_has_the_answer() {
        let tag = of(b"body");
        let knows = |value: &str| {
            let value = HeaderValue::from_str(value).expect("a header");
            is_known(&HeaderMap::from_iter([(header::IF_NONE_MATCH, value)]), &tag)
        };
        assert!(knows(&tag) && knows(opaque(&tag)) && knows("*"));
        assert!(knows(&format!("\"other\", {tag}")));
        assert!(!knows("\"other\"") && !knows("") && !is_known(&HeaderMap::new(), &tag));
    }
}
