//! Bodies of webhooks that come packed by gzip, behind a byte order mark or in UTF-16: what Salla sends passes proxies.

use std::borrow::Cow;
use std::io::Read as _;

use flate2::bufread::GzDecoder;
use zeroize::Zeroizing;

/// Bytes of the largest webhook, as it comes and unpacked.
pub const MAX_BODY: usize = 1 << 20;

/// What a body that is packed by gzip begins with (RFC 1952 §2.3.1); no JSON does.
const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why a packed body cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum PackingError {
    /// It is not gzip, or ends early.
    #[error("the body cannot be unpacked: {0}")]
    Damaged(#[from] std::io::Error),
    /// Something stands behind the packed body.
    #[error("something stands behind the packed body")]
    Surplus,
    /// It is larger than [`MAX_BODY`] once unpacked.
    #[error("the body is larger than {MAX_BODY} bytes unpacked")]
    TooLarge,
}

/// The text of a body, packed or not, without a byte order mark.
pub fn readable(body: &[u8]) -> Result<Zeroizing<String>, PackingError> {
    if !is_packed(body) {
        return Ok(text(body));
    }
    unpack(body).map(|unpacked| text(&unpacked))
}

/// Whether a body is packed by gzip.
pub fn is_packed(body: &[u8]) -> bool {
    body.starts_with(&GZIP)
}

/// The body of a packed one; holds no more than [`MAX_BODY`] bytes.
pub fn unpack(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, PackingError> {
    // Room for all of it: a buffer that grows leaves copies of personal data behind.
    let mut unpacked = Zeroizing::new(Vec::with_capacity((body.len() * 16).min(MAX_BODY + 1)));
    let mut decoder = GzDecoder::new(body);
    decoder.by_ref().take(MAX_BODY as u64 + 1).read_to_end(&mut unpacked)?;
    if unpacked.len() > MAX_BODY {
        return Err(PackingError::TooLarge);
    }
    // What stands behind would make other bytes of the same event, again and again.
    if decoder.into_inner().is_empty() { Ok(unpacked) } else { Err(PackingError::Surplus) }
}

/// The text of a body, without a byte order mark.
pub fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body)
}

/// The text of a body in UTF-16, which its byte order mark tells; none of another. Halves of pairs become replacement characters.
pub fn utf16(body: &[u8]) -> Option<Zeroizing<String>> {
    let unit: fn([u8; 2]) -> u16 = match body.get(..2)? {
        b"\xff\xfe" => u16::from_le_bytes,
        b"\xfe\xff" => u16::from_be_bytes,
        _ => return None,
    };
    let units = body[2..].chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    // Room for all of it: a unit becomes three bytes at most.
    let mut text = Zeroizing::new(String::with_capacity(body.len() / 2 * 3));
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    Some(text)
}

/// The text of a body that is not packed, without a byte order mark. What is no UTF-8 in it becomes replacement characters.
fn text(body: &[u8]) -> Zeroizing<String> {
    utf16(body).unwrap_or_else(|| {
        Zeroizing::new(match String::from_utf8_lossy(without_mark(body)) {
            Cow::Borrowed(text) => text.to_owned(),
            Cow::Owned(text) => text,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    #[test]
    fn a_text_is_read_packed_or_behind_a_mark_and_one_that_is_damaged_is_not() {
        let plain = r#"{"access_token":"a"}"#;
        let marked = format!("\u{feff}{plain}");
        let packed = packed(marked.as_bytes());
        for body in [plain.as_bytes(), marked.as_bytes(), &packed] {
            assert_eq!(readable(body).expect("a text").as_str(), plain);
        }
        assert!(readable(&packed[..packed.len() / 2]).is_err());
    }

    fn packed(body: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(vec![], Compression::default());
        encoder.write_all(body).expect("memory takes it");
        encoder.finish().expect("memory takes it")
    }

    #[test]
    fn a_packed_body_is_read_and_one_that_is_damaged_or_too_large_is_not() {
        let body = "\u{feff}{\"event\":\"order.created\"}".as_bytes();
        let small = packed(body);
        assert!(is_packed(&small) && !is_packed(body));
        let unpacked = unpack(&small).expect("it is whole");
        assert_eq!(text(&unpacked).as_str(), "{\"event\":\"order.created\"}");
        assert!(matches!(unpack(&small[..small.len() - 9]), Err(PackingError::Damaged(_))));
        assert!(matches!(unpack(&[&small[..], b"x"].concat()), Err(PackingError::Surplus)));
        assert!(matches!(unpack(&packed(&vec![b' '; MAX_BODY + 1])), Err(PackingError::TooLarge)));
        assert_eq!(unpack(&packed(&vec![b' '; MAX_BODY])).expect("it fits").len(), MAX_BODY);
    }

    #[test]
    fn half_a_character_costs_that_character_alone() {
        assert_eq!(text(b"{\"name\":\"a\xd8\"}").as_str(), "{\"name\":\"a\u{fffd}\"}");
    }

    #[test]
    fn a_text_in_utf_16_is_read_as_its_byte_order_mark_says() {
        let plain = r#"{"event":"طلب 🐪"}"#;
        for (mark, bytes) in [
            ([0xff, 0xfe], u16::to_le_bytes as fn(u16) -> [u8; 2]),
            ([0xfe, 0xff], u16::to_be_bytes as fn(u16) -> [u8; 2]),
        ] {
            let body: Vec<u8> = mark.into_iter().chain(plain.encode_utf16().flat_map(bytes)).collect();
            assert_eq!(*readable(&body).expect("a text"), plain);
            assert_eq!(*readable(&body[..body.len() - 1]).expect("a text"), plain[..plain.len() - 1]);
        }
        assert_eq!(*readable(b"\xff\xfe\x00\xd8").expect("a text"), "\u{fffd}");
        assert!(utf16(b"{}").is_none() && utf16(b"\xff").is_none());
    }
}
