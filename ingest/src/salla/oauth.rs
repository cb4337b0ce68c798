//! Salla's OAuth (FACTS §2): the address to send a merchant to, the code for tokens, and who it was.

use std::time::Duration;

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use serde::Deserialize;
use url::Url;

use super::{SallaConfig, Secret};

/// What we ask for (FACTS §2.8).
pub const SCOPES: &str =
    "offline_access orders.read customers.read products.read carts.read webhooks.read_write";
const TIMEOUT: Duration = Duration::from_secs(20);
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
struct TokenAnswer {
    access_token: String,
    refresh_token: Option<String>,
    expires_in: Option<i64>,
    expires: Option<i64>,
    #[serde(default)]
    scope: String,
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
    if status.is_success() {
        let answer: TokenAnswer = serde_json::from_slice(&body)
            .map_err(|_| OAuthError::Unclear("an answer without tokens".into()))?;
        return Ok(tokens(answer, Utc::now()));
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        // A limiter answers before anything is redeemed.
        return Err(OAuthError::NotSent("429 too many requests".into()));
    }
    match serde_json::from_slice::<OAuthRefusal>(&body) {
        Ok(refusal) if status.is_client_error() => Err(OAuthError::Refused(refusal.error)),
        _ => Err(OAuthError::Unclear(format!("HTTP {status}"))),
    }
}

fn tokens(answer: TokenAnswer, now: DateTime<Utc>) -> Tokens {
    let life = answer.expires_in.or(answer.expires).unwrap_or_default();
    let expires_at = if life > ABSOLUTE_FROM {
        DateTime::from_timestamp(life, 0).unwrap_or(now)
    } else {
        now + chrono::Duration::seconds(life.max(0))
    };
    Tokens {
        access: Secret::new(answer.access_token),
        refresh: answer.refresh_token.map(Secret::new),
        expires_at,
        scopes: answer.scope.split([' ', ',']).filter(|s| !s.is_empty()).map(str::to_owned).collect(),
    }
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

#[derive(Deserialize)]
#[serde(untagged)]
enum UserInfo {
    Wrapped { data: UserInfoData },
    Bare(UserInfoData),
}

#[derive(Deserialize)]
struct UserInfoData {
    /// Of whoever installed the app, who need not be the owner (FACTS §2.7).
    #[serde(default)]
    email: Option<String>,
    merchant: MerchantInfo,
}

#[derive(Deserialize)]
struct MerchantInfo {
    #[serde(deserialize_with = "crate::mapping::values::id")]
    id: i64,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    domain: Option<String>,
    #[serde(default)]
    plan: Option<String>,
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
    let info =
        serde_json::from_slice(&body).map_err(|_| OAuthError::Unclear("user info without a store".into()))?;
    let (UserInfo::Wrapped { data } | UserInfo::Bare(data)) = info;
    let UserInfoData { email, merchant } = data;
    let store = StoreIdentity {
        store_id: merchant.id,
        name: merchant.name.or(merchant.username).unwrap_or_else(|| merchant.id.to_string()),
        domain: merchant.domain,
        plan: merchant.plan,
    };
    Ok((store, email.filter(|email| email.contains('@'))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(json: &str) -> Tokens {
        let now = DateTime::from_timestamp(1_700_000_000, 0).expect("a time");
        tokens(serde_json::from_str(json).expect("a token answer"), now)
    }

    #[test]
    fn the_three_spellings_of_expiry_are_understood() {
        let seconds = |json: &str| parsed(json).expires_at.timestamp();
        assert_eq!(seconds(r#"{"access_token":"a","expires_in":1209599}"#), 1_701_209_599);
        assert_eq!(seconds(r#"{"access_token":"a","expires":1209599}"#), 1_701_209_599);
        assert_eq!(seconds(r#"{"access_token":"a","expires":1734819484}"#), 1_734_819_484);
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
            let info: UserInfo = serde_json::from_str(&text).expect("user info");
            let (UserInfo::Wrapped { data } | UserInfo::Bare(data)) = info;
            assert_eq!(data.merchant.id, 847_769_313);
        }
    }
}
