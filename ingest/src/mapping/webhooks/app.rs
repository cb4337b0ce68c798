//! Events of the app itself (FACTS §8): tokens, installation, subscription.

use chrono::{DateTime, Utc};
use qafila_schemas::millis::Millis;
use serde_json::value::RawValue;

use super::super::Unmappable;
use crate::salla::oauth::{Tokens, tokens};
use crate::salla::shapes::reading::{Notes, Object};

/// What an app event says.
#[derive(Debug)]
pub enum AppEvent {
    /// The store has authorised us: new tokens.
    Authorised(Tokens),
    /// The store has removed the app.
    Uninstalled,
    /// The store's subscription to the app.
    Subscription(AppSubscription),
    /// Nothing to be done.
    Noted,
}

/// A store's subscription to the app, or its trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppSubscription {
    /// `trial` or `subscription`.
    pub kind: &'static str,
    /// `started`, `renewed`, `expired`, `canceled`, …
    pub status: String,
    /// Name of the plan.
    pub plan_name: Option<String>,
    /// First day.
    pub starts_at: Option<DateTime<Utc>>,
    /// Last day.
    pub ends_at: Option<DateTime<Utc>>,
}

/// Reads the data of the app event of this name, which happened at `at`.
pub fn app_event(event: &str, data: &RawValue, at: DateTime<Utc>) -> Result<AppEvent, Unmappable> {
    if event == "app.store.authorize" {
        let missing = || Unmappable { path: "/data/access_token".into(), reason: "no access token".into() };
        return tokens(data.get(), at).map(AppEvent::Authorised).ok_or_else(missing);
    }
    let subscription = |kind, status: &str| {
        let notes = Notes::default();
        let said = Object::parse(data.get(), "/data".into(), &notes);
        let text = |name: &str| said.as_ref().and_then(|said| said.text(name).value());
        let day = |name: &str| said.as_ref().and_then(|said| said.instant(name).value()).map(Millis::to_utc);
        Ok(AppEvent::Subscription(AppSubscription {
            kind,
            status: status.to_owned(),
            plan_name: text("plan_name"),
            starts_at: day("start_date"),
            ends_at: day("end_date"),
        }))
    };
    match event.split('.').collect::<Vec<_>>().as_slice() {
        ["app", "uninstalled"] => Ok(AppEvent::Uninstalled),
        ["app", "trial", status] => subscription("trial", status),
        ["app", "subscription", status] => subscription("subscription", status),
        _ => Ok(AppEvent::Noted),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Envelope;
    use super::*;

    fn sample(event: &str) -> Result<AppEvent, Unmappable> {
        let folder =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/local/salla-sim/samples");
        let body = std::fs::read_to_string(folder.join(format!("webhook.{event}.json"))).expect("a sample");
        let envelope = Envelope::read(&body).expect("an envelope");
        app_event(&envelope.event, &envelope.data, Utc::now())
    }

    #[test]
    fn every_sample_of_an_app_event_is_read() {
        let Ok(AppEvent::Authorised(tokens)) = sample("app.store.authorize") else { panic!("tokens") };
        assert_eq!(tokens.expires_at.timestamp(), 1_634_819_484);
        assert_eq!(tokens.scopes, ["settings.read", "branches.read", "offline_access"]);
        assert!(tokens.refresh.is_some());
        assert!(matches!(sample("app.uninstalled"), Ok(AppEvent::Uninstalled)));
        for (event, kind, status, plan) in [
            ("app.subscription.started", "subscription", "started", None),
            ("app.subscription.canceled", "subscription", "canceled", None),
            ("app.trial.started", "trial", "started", Some("Diamond Plan")),
            ("app.trial.expired", "trial", "expired", Some("Diamond Plan")),
        ] {
            let Ok(AppEvent::Subscription(said)) = sample(event) else { panic!("{event}") };
            assert_eq!(
                (said.kind, said.status.as_str(), said.plan_name.as_deref()),
                (kind, status, plan),
                "{event}"
            );
            assert!(said.starts_at < said.ends_at, "{event}");
        }
        for event in ["app.installed", "app.feedback.created"] {
            assert!(matches!(sample(event), Ok(AppEvent::Noted)), "{event}");
        }
    }

    #[test]
    fn tokens_are_read_whatever_is_said_beside_them_and_never_shown() {
        let at = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        let read = |data: &str| {
            app_event("app.store.authorize", &RawValue::from_string(data.to_owned()).expect("JSON"), at)
        };
        let fault = |data: &str| read(data).map(|_| ()).expect_err("it is refused");
        assert_eq!(fault(r#"{"access_token":"","expires":1734819484}"#).path, "/data/access_token");
        assert!(!fault(r#"{"access_token":["ory_at_x"],"expires":1}"#).reason.contains("ory_at_x"));
        for (expires, ends) in
            [("\"1734819484\"", 1_734_819_484), ("1209599", 1_701_209_599), ("null", 1_701_209_600)]
        {
            let data = format!(
                r#"{{"access_token":"ory_at_x","refresh_token":null,"expires":{expires},"scope":[]}}"#
            );
            let Ok(AppEvent::Authorised(tokens)) = read(&data) else { panic!("tokens") };
            assert!(tokens.refresh.is_none() && tokens.scopes.is_empty());
            assert_eq!(tokens.expires_at.timestamp(), ends, "{expires}");
        }
    }
}
