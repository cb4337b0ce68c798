//! Salla's OAuth (FACTS §2): the address to send a merchant to, the code for tokens, and who it was.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::shapes::reading::{Notes, Object, Reading, Said};
use super::shapes::{amounts, values};
use super::{SallaConfig, Secret};
use crate::webhooks::packing;

/// What we ask for (FACTS §2.8).
pub const SCOPES: &str =
    "offline_access orders.read customers.read products.read carts.read webhooks.read_write";
const TIMEOUT: Duration = Duration::from_secs(20);
/// What only fills in is not waited for.
const HINT_WITHIN: Duration = Duration::from_secs(3);
/// Refusals that say something of our app, and nothing of a code or a token.
const OF_THE_APP: [&str; 3] = ["invalid_client", "unauthorized_client", "unsupported_grant_type"];
/// How long an access token without a refresh token is taken to live where Salla does not say: as long as Salla documents (FACTS §2.4). What
/// is done at its end is done once.
const UNTOLD_LAST_LIFE: chrono::Duration = chrono::Duration::days(14);
/// How long an access token is taken to live where Salla does not say: shorter than any that Salla documents, and a refusal renews it
/// anyway.
const UNTOLD_LIFE: chrono::Duration = chrono::Duration::hours(24);
/// Larger values of `expires` are instants, smaller ones durations (FACTS §2.4).
const ABSOLUTE_FROM: i64 = 1_000_000_000;

/// Why OAuth did not work. Says whether anything was sent: a code is single-use.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OAuthError {
    /// Nothing left this machine; the same code can be tried again.
    #[error("Salla could not be reached: {0}")]
    NotSent(String),
    /// It may have arrived; the code may be spent.
    #[error("Salla gave no usable answer: {0}")]
    Unclear(String),
    /// Salla refused, such as `invalid_grant`.
    #[error("Salla refused: {0}")]
    Refused(String),
}

/// Tokens as Salla gave them.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// Access token.
    pub access: Secret,
    /// Refresh token; single-use. Absent without `offline_access`.
    pub refresh: Option<Secret>,
    /// When the access token ends.
    pub expires_at: DateTime<Utc>,
    /// When they were handed out, where Salla does not say when the access token ends: the end is a guess then, and says nothing of which
    /// pair is newer.
    pub guessed_since: Option<DateTime<Utc>>,
    /// Scopes granted.
    pub scopes: Vec<String>,
}

/// The store a token belongs to.
#[derive(Debug, Clone)]
pub struct StoreIdentity {
    /// Salla's id.
    pub store_id: i64,
    /// Name.
    pub name: String,
    /// Domain.
    pub domain: Option<String>,
    /// Plan.
    pub plan: Option<String>,
    /// ISO 4217; none where Salla does not say.
    pub currency: Option<String>,
}

/// Where a merchant is sent to approve us.
pub fn authorization_url(config: &SallaConfig, state: &str) -> Result<Url, url::ParseError> {
    let mut url = config.accounts.join("/oauth2/auth")?;
    url.query_pairs_mut()
        .append_pair("client_id", &config.client_id)
        .append_pair("response_type", "code")
        .append_pair("redirect_uri", config.redirect.as_str())
        .append_pair("scope", SCOPES)
        .append_pair("state", state);
    Ok(url)
}

#[derive(Deserialize)]
struct OAuthRefusal {
    error: String,
}

/// Exchanges a code for tokens. Sent once, never again.
pub async fn redeem_code(
    http: &reqwest::Client,
    config: &SallaConfig,
    code: &str,
) -> Result<Tokens, OAuthError> {
    let grant =
        [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", config.redirect.as_str())];
    exchange(http.clone(), config, &grant, Some(TIMEOUT)).await
}

/// Redeems a refresh token, which is single-use: sent once, by a client that does not retry.
pub async fn redeem_refresh(
    http: &reqwest::Client,
    config: &SallaConfig,
    refresh: &Secret,
) -> Result<Tokens, OAuthError> {
    let grant = [("grant_type", "refresh_token"), ("refresh_token", refresh.expose())];
    exchange(http.clone(), config, &grant, None).await
}

/// Secrets go in the body (FACTS §2.3).
async fn exchange(
    http: reqwest::Client,
    config: &SallaConfig,
    grant: &[(&str, &str)],
    timeout: Option<Duration>,
) -> Result<Tokens, OAuthError> {
    let client = [("client_id", config.client_id.as_str()), ("client_secret", config.client_secret.expose())];
    let form: Vec<_> = grant.iter().copied().chain(client).collect();
    let url = config.accounts.join("/oauth2/token").map_err(|e| OAuthError::NotSent(e.to_string()))?;
    let request = http.post(url).form(&form);
    let request = match timeout {
        Some(timeout) => request.timeout(timeout),
        None => request,
    };
    let answer = request.send().await.map_err(|e| {
        let connecting = e.is_connect();
        let reason = e.without_url().to_string();
        if connecting { OAuthError::NotSent(reason) } else { OAuthError::Unclear(reason) }
    })?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(|e| OAuthError::Unclear(e.without_url().to_string()))?;
    let body = packing::readable(&body).map_err(|error| OAuthError::Unclear(error.to_string()))?;
    if status.is_success() {
        let tokens = tokens(&body, Utc::now());
        return tokens.ok_or_else(|| OAuthError::Unclear("an answer without tokens".into()));
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        // A limiter answers before anything is redeemed.
        return Err(OAuthError::NotSent("429 too many requests".into()));
    }
    match serde_json::from_str::<OAuthRefusal>(&body) {
        // Our app is refused before any grant is looked at (RFC 6749 §5.2): the token is as good as it was.
        Ok(refusal) if OF_THE_APP.contains(&refusal.error.as_str()) => {
            tracing::error!(event = "Salla refuses our app", cause = refusal.error);
            Err(OAuthError::NotSent(format!("Salla refuses our app: {}", refusal.error)))
        }
        Ok(refusal) if matches!(status, StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED) => {
            Err(OAuthError::Refused(refusal.error))
        }
        _ => Err(OAuthError::Unclear(format!("HTTP {status}"))),
    }
}

/// Reads what holds tokens, said at `at`: an answer of the token endpoint, or the data of `app.store.authorize`. Nothing but the access
/// token is needed: whatever else is odd must not lose a pair whose refresh token is spent. None without one.
pub fn tokens(json: &str, at: DateTime<Utc>) -> Option<Tokens> {
    let notes = Notes::default();
    let answer = Object::parse(json.trim(), String::new(), &notes)?;
    let access = answer.text("access_token").value()?;
    let life = answer.whole("expires_in").or(|| answer.whole("expires")).value();
    let ends = match life {
        Some(seconds) if seconds > ABSOLUTE_FROM => DateTime::from_timestamp(seconds, 0),
        Some(seconds) if seconds > 0 => {
            chrono::Duration::try_seconds(seconds).and_then(|life| at.checked_add_signed(life))
        }
        _ => None,
    };
    let refresh = answer.text("refresh_token").value().map(Secret::new);
    let untold = if refresh.is_some() { UNTOLD_LIFE } else { UNTOLD_LAST_LIFE };
    Some(Tokens {
        access: Secret::new(access),
        refresh,
        expires_at: ends.unwrap_or(at + untold),
        guessed_since: ends.is_none().then_some(at),
        scopes: scopes(&answer),
    })
}

/// Scopes in one text or in a list; none where nothing is said of them.
fn scopes(answer: &Object<'_, '_>) -> Vec<String> {
    let said = match answer.raw("scope") {
        Some(raw) if raw.starts_with('[') => answer.list("scope").value().map(|rows| {
            let texts = rows.into_iter().filter_map(|row| match values::text(row) {
                Reading::Value(text) => Some(text),
                Reading::Empty | Reading::Odd => None,
            });
            texts.collect::<Vec<_>>().join(" ")
        }),
        _ => answer.text("scope").value(),
    };
    said.unwrap_or_default().split([' ', ',']).filter(|s| !s.is_empty()).map(str::to_owned).collect()
}

/// What Salla makes of an access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It works.
    Accepted,
    /// 401.
    Refused,
    /// No answer that tells.
    Unclear(String),
}

/// Asks whether an access token works; it costs nothing of the store's budget.
pub async fn standing(http: &reqwest::Client, config: &SallaConfig, access: &Secret) -> Standing {
    let Ok(url) = config.accounts.join("/oauth2/user/info") else {
        return Standing::Unclear("no address to ask at".into());
    };
    match http.get(url).bearer_auth(access.expose()).timeout(TIMEOUT).send().await {
        Ok(answer) if answer.status().is_success() => Standing::Accepted,
        Ok(answer) if answer.status() == StatusCode::UNAUTHORIZED => Standing::Refused,
        Ok(answer) => Standing::Unclear(format!("HTTP {}", answer.status())),
        Err(error) => Standing::Unclear(error.without_url().to_string()),
    }
}

/// Which store a token belongs to, with or without the `data` envelope (FACTS §2.7).
pub async fn identify_store(
    http: &reqwest::Client,
    config: &SallaConfig,
    access: &Secret,
) -> Result<StoreIdentity, OAuthError> {
    identify_installer(http, config, access).await.map(|(store, _)| store)
}

/// Which store a token belongs to, and the address of whoever installed the app there, where Salla tells one.
pub async fn identify_installer(
    http: &reqwest::Client,
    config: &SallaConfig,
    access: &Secret,
) -> Result<(StoreIdentity, Option<String>), OAuthError> {
    let url = config.accounts.join("/oauth2/user/info").map_err(|e| OAuthError::NotSent(e.to_string()))?;
    let unclear = |e: reqwest::Error| OAuthError::Unclear(e.without_url().to_string());
    let answer = http.get(url).bearer_auth(access.expose()).timeout(TIMEOUT).send().await.map_err(unclear)?;
    let status = answer.status();
    let body = answer.bytes().await.map_err(unclear)?;
    if !status.is_success() {
        return Err(OAuthError::Unclear(format!("user info: HTTP {status}")));
    }
    let text = packing::readable(&body).map_err(|error| OAuthError::Unclear(error.to_string()))?;
    let (mut store, email) =
        user_info(&text).ok_or_else(|| OAuthError::Unclear("user info without a store".into()))?;
    store.currency = store_currency(http, config, access, HINT_WITHIN).await;
    Ok((store, email))
}

/// The store, and the address of whoever installed the app, who need not be the owner (FACTS §2.7).
fn user_info(json: &str) -> Option<(StoreIdentity, Option<String>)> {
    let notes = Notes::default();
    let answer = Object::parse(json.trim(), String::new(), &notes)?;
    let user = match answer.object("data") {
        Said::Value(data) => data,
        _ => answer,
    };
    let merchant = user.object("merchant").value()?;
    let store_id = merchant.id("id").value()?;
    let name = merchant.text("name").or(|| merchant.text("username")).value();
    let store = StoreIdentity {
        store_id,
        name: name.unwrap_or_else(|| store_id.to_string()),
        domain: merchant.text("domain").value(),
        plan: merchant.text("plan").value(),
        currency: None,
    };
    Some((store, user.text("email").value().filter(|email| email.contains('@'))))
}

/// The currency that a store sells in (ISO 4217); none where Salla does not say so within `timeout`. It fills in for amounts that name none, no
/// more.
pub(crate) async fn store_currency(
    http: &reqwest::Client,
    config: &SallaConfig,
    access: &Secret,
    timeout: Duration,
) -> Option<String> {
    let url = format!("{}/store/info", config.api.as_str().trim_end_matches('/'));
    let answer = http.get(url).bearer_auth(access.expose()).timeout(timeout).send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let body = answer.bytes().await.ok()?;
    let (text, notes) = (packing::readable(&body).ok()?, Notes::default());
    let info = Object::parse(text.trim(), String::new(), &notes)?.object("data").value()?;
    info.text("currency").value().and_then(|code| amounts::currency_code(&code))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Tokens {
        tokens(json, DateTime::from_timestamp(1_700_000_000, 0).expect("a time")).expect("a token answer")
    }

    #[test]
    fn the_three_spellings_of_expiry_are_understood() {
        let seconds = |json: &str| parsed(json).expires_at.timestamp();
        assert_eq!(seconds(r#"{"access_token":"a","expires_in":1209599}"#), 1_701_209_599);
        assert_eq!(seconds(r#"{"access_token":"a","expires":1209599}"#), 1_701_209_599);
        assert_eq!(seconds(r#"{"access_token":"a","expires":1734819484}"#), 1_734_819_484);
    }

    #[test]
    fn hints_of_any_shape_lose_no_pair_of_tokens() {
        let read = |rest: &str| {
            let answer = parsed(&format!(r#"{{"access_token":"a","refresh_token":"r",{rest}}}"#));
            assert_eq!(
                answer.refresh.map(|refresh| refresh.expose().to_owned()).as_deref(),
                Some("r"),
                "{rest}"
            );
            (answer.expires_at.timestamp() - 1_700_000_000, answer.scopes.join(" "))
        };
        for (rest, life, scopes) in [
            (r#""expires_in":"1209599","scope":null"#, 1_209_599, ""),
            (r#""expires_in":1209599.0,"scope":[]"#, 1_209_599, ""),
            (
                r#""expires_in":"1209599.0","scope":["orders.read","customers.read"]"#,
                1_209_599,
                "orders.read customers.read",
            ),
            (
                r#""expires_in":null,"expires":1209599,"scope":"orders.read,offline_access""#,
                1_209_599,
                "orders.read offline_access",
            ),
            (r#""expires_in":null,"scope":{"a":1}"#, 86_400, ""),
            (r#""expires_in":"soon","scope":5"#, 86_400, "5"),
            (r#""expires_in":-1"#, 86_400, ""),
            (r#""expires_in":9999999999999999,"token_type":7"#, 86_400, ""),
        ] {
            assert_eq!(read(rest), (life, scopes.to_owned()), "{rest}");
        }
        for none in [
            r#"{"access_token":null}"#,
            r#"{"access_token":""}"#,
            "{}",
            "[]",
            "",
            r#"{"access_token":["a"]}"#,
        ] {
            assert!(tokens(none, Utc::now()).is_none(), "{none}");
        }
        for none in ["null", "\"\"", "\"null\"", "[]"] {
            assert!(
                parsed(&format!(r#"{{"access_token":"a","refresh_token":{none}}}"#)).refresh.is_none(),
                "{none}"
            );
        }
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let text =
            format!("{:?}", parsed(r#"{"access_token":"ory_at_x","refresh_token":"ory_rt_x","expires":1}"#));
        assert!(!text.contains("ory_"), "{text}");
    }

    #[test]
    fn user_info_is_read_with_and_without_its_envelope() {
        let wrapped = include_str!("../../../deploy/local/salla-sim/samples/oauth.userinfo.response.json");
        let value: serde_json::Value = serde_json::from_str(wrapped).expect("JSON");
        for text in [wrapped.to_owned(), value["data"].to_string()] {
            assert_eq!(user_info(&text).expect("user info").0.store_id, 847_769_313);
        }
        assert!(user_info(r#"{"data":{"merchant":{"id":null}}}"#).is_none());
    }
}
