//! Events of the app itself (FACTS §8): tokens, installation, subscription.

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::super::values::{instant, optional_text};
use super::super::{Unmappable, read};
use crate::salla::Secret;
use crate::salla::oauth::Tokens;

/// Smaller ones are durations, which this event never carries (FACTS §2.4).
const ABSOLUTE_FROM: i64 = 1_000_000_000;

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

#[derive(Deserialize)]
struct Authorisation {
    #[serde(deserialize_with = "secret")]
    access_token: Secret,
    #[serde(default, deserialize_with = "optional_secret")]
    refresh_token: Option<Secret>,
    #[serde(deserialize_with = "absolute")]
    expires: DateTime<Utc>,
    #[serde(default, deserialize_with = "optional_text")]
    scope: Option<String>,
}

#[derive(Deserialize)]
struct Subscription {
    #[serde(default, deserialize_with = "optional_text")]
    plan_name: Option<String>,
    #[serde(default, deserialize_with = "optional_day")]
    start_date: Option<DateTime<Utc>>,
    #[serde(default, deserialize_with = "optional_day")]
    end_date: Option<DateTime<Utc>>,
}

/// Reads the data of the app event of this name.
pub fn app_event(event: &str, data: &RawValue) -> Result<AppEvent, Unmappable> {
    let within = |error: Unmappable| Unmappable { path: format!("/data{}", error.path), ..error };
    let subscription = |kind, status: &str| {
        let Subscription { plan_name, start_date, end_date } = read(data.get()).map_err(within)?;
        let status = status.to_owned();
        Ok(AppEvent::Subscription(AppSubscription {
            kind,
            status,
            plan_name,
            starts_at: start_date,
            ends_at: end_date,
        }))
    };
    if event == "app.store.authorize" {
        let said: Authorisation = read(data.get()).map_err(within)?;
        let scopes = said.scope.unwrap_or_default();
        return Ok(AppEvent::Authorised(Tokens {
            access: said.access_token,
            refresh: said.refresh_token,
            expires_at: said.expires,
            scopes: scopes.split([' ', ',']).filter(|s| !s.is_empty()).map(str::to_owned).collect(),
        }));
    }
    match event.split('.').collect::<Vec<_>>().as_slice() {
        ["app", "uninstalled"] => Ok(AppEvent::Uninstalled),
        ["app", "trial", status] => subscription("trial", status),
        ["app", "subscription", status] => subscription("subscription", status),
        _ => Ok(AppEvent::Noted),
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.trim().is_empty() {
        return Err(serde::de::Error::custom("an empty token"));
    }
    Ok(Secret::new(text))
}

fn optional_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    Ok(optional_text(deserializer)?.map(Secret::new))
}

fn absolute<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DateTime<Utc>, D::Error> {
    let seconds = super::super::values::id(deserializer)?;
    DateTime::from_timestamp(seconds, 0)
        .filter(|_| seconds > ABSOLUTE_FROM)
        .ok_or_else(|| serde::de::Error::custom("a number that is no instant in seconds"))
}

/// A day or an instant; what cannot be read is absent, for it decides nothing.
fn optional_day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<DateTime<Utc>>, D::Error> {
    let text = optional_text(deserializer)?;
    Ok(text.and_then(|text| {
        let day = || text.parse::<NaiveDate>().ok().map(|day| day.and_time(NaiveTime::MIN).and_utc());
        instant(&text, None).or_else(day)
    }))
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
        app_event(&envelope.event, &envelope.data)
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
    fn tokens_without_an_absolute_end_are_refused_and_never_shown() {
        let read = |data: &str| {
            app_event("app.store.authorize", &RawValue::from_string(data.to_owned()).expect("JSON"))
        };
        let fault = |data: &str| read(data).map(|_| ()).expect_err("it is refused");
        assert_eq!(fault(r#"{"access_token":"ory_at_x","expires":1209599}"#).path, "/data/expires");
        assert_eq!(fault(r#"{"access_token":"","expires":1734819484}"#).path, "/data/access_token");
        assert!(!fault(r#"{"access_token":["ory_at_x"],"expires":1}"#).reason.contains("ory_at_x"));
        let spelt =
            read(r#"{"access_token":"ory_at_x","refresh_token":null,"expires":"1734819484","scope":[]}"#);
        let Ok(AppEvent::Authorised(tokens)) = spelt else { panic!("tokens") };
        assert!(tokens.refresh.is_none() && tokens.scopes.is_empty());
    }
}
