//! The words of a notification, in Arabic and English: what happened, and what to do.

use qafila_aggregates::merchant::ACCESS_ENDS_SOON;

use super::bell::{Notification, NotificationFigures, kind};

/// A notification in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// What happened, in a few words.
    pub title: String,
    /// What happened, and what to do.
    pub body: String,
}

/// What is to be put into words.
#[derive(Debug, Clone, Copy)]
pub struct Told<'n> {
    /// What it is about, one of [`kind`].
    pub kind: &'n str,
    /// Why, as a stable code; empty where there is none.
    pub cause: &'n str,
    /// Figures.
    pub figures: &'n NotificationFigures,
}

/// The words of a note in the app; where the mail about it has failed, it says so.
pub fn note(notification: &Notification, locale: &str) -> Words {
    let told = Told {
        kind: &notification.kind,
        cause: notification.cause.as_deref().unwrap_or_default(),
        figures: &notification.figures,
    };
    let mut words = words(told, locale);
    if notification.mail.as_deref() == Some("failed") {
        words.body.push_str(if locale == "ar" {
            " تعذّر إرسال رسالة البريد عن ذلك."
        } else {
            " The mail about it could not be sent."
        });
    }
    words
}

/// The words in `locale`, `ar` or `en`.
pub fn words(told: Told<'_>, locale: &str) -> Words {
    let arabic = locale == "ar";
    let Told { kind, cause, figures } = told;
    let (title, body) = match (kind, arabic) {
        (kind::EXPORT_READY, true) => (
            "ملفك جاهز",
            format!(
                "ملف «{}» جاهز للتنزيل. عدد الصفوف: {}.{}",
                report_in_arabic(figures),
                figures.rows,
                lacking_in_arabic(figures)
            ),
        ),
        (kind::EXPORT_READY, false) => (
            "Your file is ready",
            format!(
                "The file of {} can be downloaded. It has {} rows.{}",
                report(figures),
                figures.rows,
                lacking(figures)
            ),
        ),
        (kind::EXPORT_FAILED, true) => {
            let advice = export_advice_in_arabic(cause);
            ("تعذّر إعداد الملف", format!("لم نتمكن من إعداد ملف «{}». {advice}", report_in_arabic(figures)))
        }
        (kind::EXPORT_FAILED, false) => {
            let advice = export_advice(cause);
            ("Your file could not be made", format!("The file of {} could not be made. {advice}", report(figures)))
        }
        (kind::PASSWORD_RESET, true) => {
            ("تعيين كلمة مرور جديدة", "طلب أحدهم تعيين كلمة مرور جديدة لحسابك في قافلة.".into())
        }
        (kind::PASSWORD_RESET, false) => {
            ("Set a new password", "Somebody asked for a new password of your Qafila account.".into())
        }
        (kind::PASSWORD_CHANGED, true) => (
            "تغيّرت كلمة مرورك",
            "تغيّرت كلمة مرور حسابك في قافلة وأُنهيت جلساتك الأخرى. إن لم تكن أنت من غيّرها فعيّن كلمة مرور جديدة الآن.".into(),
        ),
        (kind::PASSWORD_CHANGED, false) => (
            "Your password was changed",
            "The password of your Qafila account was changed, and your other sessions were ended. If it was not you, set a new one now."
                .into(),
        ),
        (kind::CLAIM, true) => (
            "أكمل ربط متجرك بقافلة",
            "ثُبّت تطبيق قافلة في متجرك على سلة. سجّل أو ادخل إلى حسابك لربط المتجر به وبدء الاستيراد.".into(),
        ),
        (kind::CLAIM, false) => (
            "Connect your store to Qafila",
            "The Qafila app was installed in your Salla store. Register or log in to connect the store and start the import.".into(),
        ),
        (kind::SYNC_COMPLETED, true) => ("اكتمل الاستيراد", imported_in_arabic(figures)),
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
        (kind::REAUTHORISATION_NEEDED, true) if cause == ACCESS_ENDS_SOON => (
            "سينتهي وصولنا إلى متجرك قريبًا",
            "ينتهي وصولنا إلى متجرك خلال أسبوع، ولم تعطنا سلة ما نجدده به. اربط متجرك من جديد قبل ذلك؛ لن يتوقف شيء.".into(),
        ),
        (kind::REAUTHORISATION_NEEDED, false) if cause == ACCESS_ENDS_SOON => (
            "Our access to your store ends soon",
            "Our access to your store ends within a week, and Salla gave us nothing to renew it with. Connect your store again before then; \
             nothing is interrupted."
                .into(),
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

/// What a file lacks because it was begun too early.
fn lacking(figures: &NotificationFigures) -> String {
    let early = if figures.is_complete == Some(false) {
        " Not everything of your store had arrived when it was begun; what came later is not in it."
    } else {
        ""
    };
    let thin = figures.without_details.map_or_else(String::new, |count| {
        format!(" Orders without their products and customers so far: {count}.")
    });
    format!("{early}{thin}")
}

fn lacking_in_arabic(figures: &NotificationFigures) -> String {
    let early = if figures.is_complete == Some(false) {
        " لم تكن كل بيانات متجرك قد وصلت عند البدء بإعداده، وما وصل بعد ذلك ليس فيه."
    } else {
        ""
    };
    let thin = figures
        .without_details
        .map_or_else(String::new, |count| format!(" طلبات لم تصل منتجاتها وبيانات عملائها بعد: {count}."));
    format!("{early}{thin}")
}

/// The name of a report.
fn report(figures: &NotificationFigures) -> &'static str {
    match figures.report.as_deref() {
        Some("orders") => "orders",
        Some("order-items") => "order items",
        Some("customers") => "customers",
        Some("products") => "products",
        Some("sales-trend") => "sales over time",
        _ => "your report",
    }
}

fn report_in_arabic(figures: &NotificationFigures) -> &'static str {
    match figures.report.as_deref() {
        Some("orders") => "الطلبات",
        Some("order-items") => "عناصر الطلبات",
        Some("customers") => "العملاء",
        Some("products") => "المنتجات",
        Some("sales-trend") => "المبيعات عبر الزمن",
        _ => "تقريرك",
    }
}

/// What to do about a file that could not be made, by its cause.
fn export_advice(cause: &str) -> &'static str {
    match cause {
        "too_many_rows" => "It would have more rows than a file may have. Choose fewer days.",
        "timed_out" => "It took too long. Choose fewer days, or a report with fewer rows.",
        _ => "Ask for it again in a while. If it fails again, contact support with the job's id.",
    }
}

fn export_advice_in_arabic(cause: &str) -> &'static str {
    match cause {
        "too_many_rows" => "عدد الصفوف أكبر من المسموح في ملف واحد. اختر أيامًا أقل.",
        "timed_out" => "استغرق إعداده وقتًا طويلًا. اختر أيامًا أقل أو تقريرًا أصغر.",
        _ => "اطلبه من جديد بعد قليل. إن فشل مرة أخرى فتواصل مع الدعم مع ذكر رقم المهمة.",
    }
}

fn imported_in_arabic(figures: &NotificationFigures) -> String {
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
        "salla_unreadable" => {
            "Salla's lists have a shape that we cannot read. Nothing is lost: contact support with the job's id, or resume the import \
             later."
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
        "salla_unreadable" => {
            "ترسل سلة قوائم متجرك بشكل لا نستطيع قراءته. لم يُفقد شيء: تواصل مع الدعم مع ذكر رقم المهمة، أو استأنف الاستيراد لاحقًا."
        }
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
            figures: NotificationFigures {
                orders: 3,
                customers: 2,
                products: 1,
                skipped: 4,
                ..NotificationFigures::default()
            },
            created_at: DateTime::UNIX_EPOCH,
            read_at: None,
            mail: None,
        }
    }

    #[test]
    fn every_kind_says_in_both_languages_what_happened_and_what_to_do() {
        for kind in kind::MAY_BE_UNWANTED.into_iter().chain([
            kind::PASSWORD_RESET,
            kind::PASSWORD_CHANGED,
            kind::CLAIM,
        ]) {
            let (arabic, english) =
                (note(&notification(kind, None), "ar"), note(&notification(kind, None), "en"));
            assert!(!arabic.body.is_empty() && !english.body.is_empty(), "{kind}");
            assert!(english.title.is_ascii() && !arabic.title.is_ascii(), "{kind}");
        }
        assert!(note(&notification(kind::SYNC_COMPLETED, None), "en").body.contains("4 rows"));
        let failed = |cause| note(&notification(kind::SYNC_FAILED, Some(cause)), "en").body;
        assert_ne!(failed("not_connected"), failed("salla_unavailable"));
        for locale in ["ar", "en"] {
            let told = |cause| note(&notification(kind::REAUTHORISATION_NEEDED, Some(cause)), locale).body;
            assert_ne!(told("access_ends_soon"), told("refresh_answer_lost"), "{locale}");
        }
        let mut early = notification(kind::EXPORT_READY, None);
        assert!(note(&early, "en").body.ends_with("It has 0 rows."));
        early.figures = NotificationFigures {
            is_complete: Some(false),
            without_details: Some(3),
            ..NotificationFigures::default()
        };
        let body = note(&early, "en").body;
        assert!(
            body.contains("Not everything of your store had arrived") && body.ends_with("so far: 3."),
            "{body}"
        );
        let mut unmailed = notification(kind::EXPORT_READY, None);
        unmailed.mail = Some("failed".into());
        assert!(note(&unmailed, "en").body.ends_with("could not be sent."));
    }
}
