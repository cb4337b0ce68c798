//! The words of a notification, in Arabic and English: what happened, and what to do.

use super::bell::{Notification, kind};

/// A notification in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What happened, in a few words.
    pub title: String,
    /// What happened, and what to do.
    pub body: String,
}

/// The words in `locale`, `ar` or `en`.
pub fn words(notification: &Notification, locale: &str) -> Words {
    let arabic = locale == "ar";
    let figures = &notification.figures;
    let cause = notification.cause.as_deref().unwrap_or_default();
    let (title, body) = match (notification.kind.as_str(), arabic) {
        (kind::SYNC_COMPLETED, true) => ("اكتمل الاستيراد", imported_in_arabic(notification)),
        (kind::SYNC_COMPLETED, false) => (
            "Import completed",
            format!(
                "{} orders, {} customers and {} products were imported.{}",
                figures.orders,
                figures.customers,
                figures.products,
                if figures.skipped > 0 {
                    format!(" {} rows could not be read; they are kept for support.", figures.skipped)
                } else {
                    String::new()
                }
            ),
        ),
        (kind::SYNC_FAILED, true) => ("تعذّر إكمال الاستيراد", advice_in_arabic(cause).into()),
        (kind::SYNC_FAILED, false) => ("Import failed", advice(cause).into()),
        (kind::CONNECTION_LOST, true) => (
            "انقطع الاتصال بالمتجر",
            "لم تعد سلة تقبل وصولنا إلى متجرك. اربط متجرك من جديد؛ ما تم استيراده محفوظ.".into(),
        ),
        (kind::CONNECTION_LOST, false) => (
            "Store disconnected",
            "Salla no longer accepts our access to your store. Connect it again; what was imported stays.".into(),
        ),
        (kind::REAUTHORISATION_NEEDED, true) => (
            "نحتاج إلى موافقتك من جديد",
            "ضاع رد سلة على تجديد وصولنا. اربط متجرك من جديد وسيُستأنف الاستيراد من حيث توقف.".into(),
        ),
        (kind::REAUTHORISATION_NEEDED, false) => (
            "Please authorise us again",
            "Salla's answer to a renewal of our access was lost. Connect your store again, and the import goes on where it stopped."
                .into(),
        ),
        (other, _) => (other, String::new()),
    };
    Words { title: title.to_owned(), body }
}

fn imported_in_arabic(notification: &Notification) -> String {
    let figures = &notification.figures;
    let skipped = if figures.skipped > 0 {
        format!(" تعذّرت قراءة {} من السجلات وهي محفوظة لفريق الدعم.", figures.skipped)
    } else {
        String::new()
    };
    format!(
        "الطلبات: {}، العملاء: {}، المنتجات: {}.{skipped}",
        figures.orders, figures.customers, figures.products
    )
}

/// What to do about a failed import, by its cause.
fn advice(cause: &str) -> &'static str {
    match cause {
        "not_connected" => "No store is connected. Connect your store, then start the import again.",
        "salla_unavailable" => {
            "Salla did not answer for a long time. Resume the import in a while; nothing is lost."
        }
        "scope_missing" => {
            "Salla did not grant us everything an import needs. Connect your store again and approve all that is asked for, \
             then resume the import."
        }
        "too_many_invalid_rows" => {
            "Too many of the store's rows could not be read. They are kept: contact support with the job's id."
        }
        _ => "Resume the import in a while. If it fails again, contact support with the job's id.",
    }
}

fn advice_in_arabic(cause: &str) -> &'static str {
    match cause {
        "not_connected" => "لا يوجد متجر مرتبط. اربط متجرك ثم ابدأ الاستيراد من جديد.",
        "salla_unavailable" => "لم تستجب سلة لفترة طويلة. استأنف الاستيراد بعد قليل؛ لم يُفقد شيء.",
        "scope_missing" => {
            "لم تمنحنا سلة كل الصلاحيات اللازمة للاستيراد. اربط متجرك من جديد ووافق على كل ما يُطلب، ثم استأنف الاستيراد."
        }
        "too_many_invalid_rows" => {
            "تعذّرت قراءة عدد كبير من سجلات المتجر وهي محفوظة. تواصل مع الدعم مع ذكر رقم المهمة."
        }
        _ => "استأنف الاستيراد بعد قليل. إن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.",
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use uuid::Uuid;

    use super::super::bell::NotificationFigures;
    use super::*;

    fn notification(kind: &str, cause: Option<&str>) -> Notification {
        Notification {
            id: Uuid::nil(),
            kind: kind.into(),
            cause: cause.map(str::to_owned),
            job_id: None,
            figures: NotificationFigures { orders: 3, customers: 2, products: 1, skipped: 4 },
            created_at: DateTime::UNIX_EPOCH,
            read_at: None,
        }
    }

    #[test]
    fn every_kind_says_in_both_languages_what_happened_and_what_to_do() {
        let kinds =
            [kind::SYNC_COMPLETED, kind::SYNC_FAILED, kind::CONNECTION_LOST, kind::REAUTHORISATION_NEEDED];
        for kind in kinds {
            let (arabic, english) =
                (words(&notification(kind, None), "ar"), words(&notification(kind, None), "en"));
            assert!(!arabic.body.is_empty() && !english.body.is_empty(), "{kind}");
            assert!(english.title.is_ascii() && !arabic.title.is_ascii(), "{kind}");
        }
        assert!(words(&notification(kind::SYNC_COMPLETED, None), "en").body.contains("4 rows"));
        let failed = |cause| words(&notification(kind::SYNC_FAILED, Some(cause)), "en").body;
        assert_ne!(failed("not_connected"), failed("salla_unavailable"));
    }
}
