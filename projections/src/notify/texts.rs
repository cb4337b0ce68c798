//! What a notification says, from the catalogue of [`words`](qafila_schemas::words): what happened, and what to do.

use qafila_aggregates::merchant::ACCESS_ENDS_SOON;
use qafila_schemas::words::cause::{OF_CONNECTION, OF_EXPORT, OF_FAILED_SYNC, OF_PAUSED_SYNC};
use qafila_schemas::words::{Language, Param, Params, say};

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
pub fn note(notification: &Notification, language: Language) -> Words {
    let told = Told {
        kind: &notification.kind,
        cause: notification.cause.as_deref().unwrap_or_default(),
        figures: &notification.figures,
    };
    let mut words = words(told, language);
    if notification.mail.as_deref() == Some("failed") {
        words.body = sentences([words.body, say(language, "note-mail-failed", &Params::new())]);
    }
    words
}

/// The words in a language.
pub fn words(told: Told<'_>, language: Language) -> Words {
    let Told { kind, cause, figures } = told;
    let plain = |id: &str| say(language, id, &Params::new());
    let name = kind.replace('_', "-");
    let title = match kind {
        kind::REAUTHORISATION_NEEDED if cause == ACCESS_ENDS_SOON => plain("note-access-ends-soon-title"),
        _ => plain(&format!("note-{name}-title")),
    };
    let advised = |advice: Option<String>| advice.unwrap_or_else(|| plain(&format!("note-{name}-body")));
    let body = match kind {
        kind::SYNC_COMPLETED => imported(figures, language),
        kind::SYNC_WAITING => advised(OF_PAUSED_SYNC.advice(language, cause)),
        kind::SYNC_FAILED => advised(OF_FAILED_SYNC.advice(language, cause)),
        kind::CONNECTION_LOST | kind::REAUTHORISATION_NEEDED => {
            advised(OF_CONNECTION.advice(language, cause))
        }
        kind::EXPORT_READY => ready(figures, language),
        kind::EXPORT_FAILED => {
            let advice =
                OF_EXPORT.advice(language, cause).unwrap_or_else(|| plain("cause-export-interrupted"));
            let params = [("report", report(figures, language).into()), ("advice", advice.into())].into();
            say(language, "note-export-failed-body", &params)
        }
        _ => plain(&format!("note-{name}-body")),
    };
    Words { title, body }
}

/// What the store has after an import.
fn imported(figures: &NotificationFigures, language: Language) -> String {
    let part = |id: &str, name: &'static str, count: i64| {
        say(language, &format!("note-sync-completed-{id}"), &[(name, count.into())].into())
    };
    let parts = vec![
        part("orders", "orders", figures.orders),
        part("customers", "customers", figures.customers),
        part("products", "products", figures.products),
    ];
    let told = match (figures.is_of_store, figures.is_unchanged) {
        (false, _) => "note-sync-completed-imported",
        (true, false) => "note-sync-completed-body",
        (true, true) => "note-sync-completed-unchanged",
    };
    let body = || say(language, told, &[("parts", Param::Texts(parts))].into());
    let skipped = || part("skipped", "skipped", figures.skipped);
    let is_nothing = figures.orders + figures.customers + figures.products == 0;
    match (is_nothing, figures.skipped) {
        (true, 0) => say(language, "note-sync-completed-nothing", &Params::new()),
        (true, _) => skipped(),
        (false, 0) => body(),
        (false, _) => sentences([body(), skipped()]),
    }
}

/// What is in a file, and what it lacks because it was begun too early.
fn ready(figures: &NotificationFigures, language: Language) -> String {
    let params = [("report", report(figures, language).into()), ("rows", figures.rows.into())].into();
    let mut body = say(language, "note-export-ready-body", &params);
    if figures.is_complete == Some(false) {
        body = sentences([body, say(language, "note-export-early", &Params::new())]);
    }
    if let Some(orders) = figures.without_details {
        let thin = say(language, "note-export-without-details", &[("orders", orders.into())].into());
        body = sentences([body, thin]);
    }
    body
}

/// The name of a report.
fn report(figures: &NotificationFigures, language: Language) -> String {
    let name = figures.report.as_deref().unwrap_or_default();
    say(language, "report-name", &[("report", name.into())].into())
}

fn sentences(all: [String; 2]) -> String {
    all.join(" ")
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
            let (arabic, english) = (
                note(&notification(kind, None), Language::Arabic),
                note(&notification(kind, None), Language::English),
            );
            assert!(!arabic.body.is_empty() && !english.body.is_empty(), "{kind}");
            assert!(english.title.is_ascii() && !arabic.title.is_ascii(), "{kind}");
            assert!(!english.title.starts_with("note-") && !english.body.starts_with("note-"), "{kind}");
        }
        assert!(note(&notification(kind::SYNC_COMPLETED, None), Language::English).body.contains("4 rows"));
        let mut again = notification(kind::SYNC_COMPLETED, None);
        again.figures = NotificationFigures::default();
        assert!(note(&again, Language::English).body.starts_with("Salla has no orders"));
        let mut unchanged = notification(kind::SYNC_COMPLETED, None);
        assert!(note(&unchanged, Language::English).body.starts_with("Imported"), "of an earlier version");
        unchanged.figures.is_of_store = true;
        assert!(note(&unchanged, Language::English).body.starts_with("Your store has"));
        unchanged.figures.is_unchanged = true;
        assert!(note(&unchanged, Language::English).body.starts_with("Your store has as many"));
        again.figures.skipped = 4;
        assert!(note(&again, Language::English).body.starts_with("4 rows"), "nothing is said to be absent");
        let failed = |cause| note(&notification(kind::SYNC_FAILED, Some(cause)), Language::English).body;
        assert_ne!(failed("not_connected"), failed("salla_unavailable"));
        for language in [Language::Arabic, Language::English] {
            let told = |cause| note(&notification(kind::REAUTHORISATION_NEEDED, Some(cause)), language).body;
            assert_ne!(told("access_ends_soon"), told("refresh_answer_lost"), "{language:?}");
        }
        let mut early = notification(kind::EXPORT_READY, None);
        assert!(note(&early, Language::English).body.ends_with("It has 0 rows."));
        early.figures = NotificationFigures {
            is_complete: Some(false),
            without_details: Some(3),
            ..NotificationFigures::default()
        };
        let body = note(&early, Language::English).body;
        assert!(
            body.contains("Not everything of your store had arrived")
                && body.ends_with("3 orders lack their products and customers so far."),
            "{body}"
        );
        let mut unmailed = notification(kind::EXPORT_READY, None);
        unmailed.mail = Some("failed".into());
        assert!(note(&unmailed, Language::English).body.ends_with("may not have reached you."));
    }
}
