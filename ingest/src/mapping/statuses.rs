//! The status of an order, whatever of it a source tells: Salla's base statuses are known by id, slug and name (FACTS §5).

use qafila_schemas::records::observation::OrderObservation;

use crate::salla::shapes::reading::{Object, Said};

/// Salla's base statuses: id, slug, Arabic name.
const BASE: [(i64, &str, &str); 10] = [
    (1_473_353_380, "payment_pending", "بإنتظار الدفع"),
    (566_146_469, "under_review", "بإنتظار المراجعة"),
    (1_939_592_358, "in_progress", "قيد التنفيذ"),
    (1_298_199_463, "completed", "تم التنفيذ"),
    (349_994_915, "delivering", "جاري التوصيل"),
    (1_723_506_348, "delivered", "تم التوصيل"),
    (814_202_285, "shipped", "تم الشحن"),
    (525_144_736, "canceled", "ملغي"),
    (989_286_562, "restored", "مسترجع"),
    (1_548_352_431, "restoring", "قيد الإسترجاع"),
];

/// Reads `status` of an order into what was seen: an object, or its slug, id or name alone. The names of fields of which it says that
/// there is none are added to `empty`.
pub(super) fn read(order: &Object<'_, '_>, seen: &mut OrderObservation, empty: &mut Vec<String>) {
    let Some(raw) = order.raw("status") else { return };
    if !raw.starts_with('{') {
        match alone(order) {
            Some((id, slug)) => {
                seen.status_id = Some(id);
                seen.status_slug = Some(slug.to_owned());
                // The name of the status before is not this one's.
                empty.push("status_name".into());
            }
            None => order.note("status"),
        }
        return;
    }
    let Said::Value(status) = order.object("status") else { return };
    let (id, slug) = (status.id("id").value(), status.text("slug").value());
    // A slug that is no base status's may be odd, or the store's own: then a base id says what it is.
    let known = slug.as_deref().and_then(spelt).or_else(|| id.and_then(by_id));
    let own = slug.filter(|slug| slug.chars().any(char::is_alphabetic));
    let Some(slug) = known.map(|(_, slug, _)| slug.to_owned()).or(own) else {
        // A status of the store's own that names no base: no report counts it, and what was known stays.
        status.note("slug");
        return;
    };
    seen.status_slug = Some(slug);
    match id.or_else(|| known.map(|(id, _, _)| id)) {
        Some(id) => seen.status_id = Some(id),
        None => empty.push("status_id".into()),
    }
    match status.text("name") {
        Said::Value(name) => seen.status_name = Some(name),
        Said::Empty | Said::Nothing => empty.push("status_name".into()),
    }
    match status.object("customized") {
        Said::Value(custom) => match custom.text("name") {
            Said::Value(name) => seen.custom_status_name = Some(name),
            Said::Empty => empty.push("custom_status_name".into()),
            Said::Nothing => {}
        },
        Said::Empty => empty.push("custom_status_name".into()),
        Said::Nothing => {}
    }
}

fn alone(order: &Object<'_, '_>) -> Option<(i64, &'static str)> {
    let by_text = order.text("status").value().and_then(|text| spelt(&text));
    let known = by_text.or_else(|| order.id("status").value().and_then(by_id));
    known.map(|(id, slug, _)| (id, slug))
}

type Base = (i64, &'static str, &'static str);

fn by_id(id: i64) -> Option<Base> {
    BASE.iter().find(|base| base.0 == id).copied()
}

/// By slug, however it is spelt, or by name.
fn spelt(text: &str) -> Option<Base> {
    let slug = match text.to_ascii_lowercase().replace([' ', '-'], "_") {
        slug if slug == "cancelled" => "canceled".to_owned(),
        slug => slug,
    };
    BASE.iter().find(|base| base.1 == slug || base.2 == text).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::salla::shapes::reading::Notes;

    /// Slug, id and paths that could not be read.
    fn status(json: &str) -> (Option<String>, Option<i64>, usize) {
        let (notes, mut seen, mut empty) = (Notes::default(), OrderObservation::default(), Vec::new());
        let text = format!(r#"{{"status":{json}}}"#);
        let order = Object::parse(&text, String::new(), &notes).expect("an object");
        read(&order, &mut seen, &mut empty);
        (seen.status_slug, seen.status_id, notes.finish().0.len())
    }

    #[test]
    fn a_status_is_known_by_slug_id_or_name_and_else_is_no_status() {
        let review = (Some("under_review".to_owned()), Some(566_146_469));
        for json in [
            r#"{"id":566146469,"name":"x","slug":"under_review"}"#,
            r#"{"id":566146469,"name":"قيد التنفيذ"}"#,
            r#"{"slug":"under_review"}"#,
            r#"{"id":566146469,"slug":null,"customized":false}"#,
            r#"{"id":566146469,"slug":0}"#,
            r#"{"id":566146469,"slug":"0000-00-00 00:00:00"}"#,
            r#"{"id":566146469,"slug":"odd"}"#,
            r#"{"slug":"Under Review"}"#,
            r#"{"slug":"بإنتظار المراجعة"}"#,
            "\"under_review\"",
            "566146469",
            "\"566146469\"",
            "\"بإنتظار المراجعة\"",
        ] {
            let (slug, id, _) = status(json);
            assert_eq!((slug, id), review, "{json}");
        }
        for json in [
            "null",
            "[]",
            "\"\"",
            "true",
            "17",
            r#"{"id":1000017,"slug":null}"#,
            r#"{"id":1000017,"slug":1}"#,
            "[{\"slug\":\"completed\"}]",
        ] {
            let (slug, id, _) = status(json);
            assert_eq!((slug, id), (None, None), "{json}");
        }
        assert_eq!(status("\"Cancelled\"").0.as_deref(), Some("canceled"));
        assert_eq!(status(r#"{"slug":"packed","id":5}"#), (Some("packed".into()), Some(5), 0), "an open set");
    }
}
