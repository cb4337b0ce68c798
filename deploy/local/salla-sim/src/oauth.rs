//! OAuth as FACTS §2: authorize page, single-use codes, single-use refresh tokens whose reuse revokes all.

use std::collections::HashMap;

use chrono::Utc;
use http::StatusCode;
use serde_json::{Value, json};

use crate::faults::TokenMishap;
use crate::server::{Answer, Parameters, cut, html, json_answer, plain, redirect};
use crate::shapes;
use crate::state::{Sim, World};
use crate::switches::ExpiryField;

const CODE_LIFE_SECONDS: i64 = 600;
/// Ory Hydra, which Salla runs, refuses shorter ones (FACTS §2.2).
const SHORTEST_STATE: usize = 8;

/// One merchant's consent: its codes and tokens live and die together.
#[derive(Debug, Clone)]
struct Grant {
    store: u64,
    scope: String,
    access: Option<String>,
    access_expires: i64,
    refresh: Option<String>,
    spent_refresh: Vec<String>,
    dead: bool,
}

#[derive(Debug)]
struct Code {
    grant: usize,
    redirect_uri: String,
    expires: i64,
    used: bool,
}

/// Codes and tokens.
#[derive(Debug, Default)]
pub struct Grants {
    grants: Vec<Grant>,
    codes: HashMap<String, Code>,
    access: HashMap<String, usize>,
    refresh: HashMap<String, usize>,
    /// Tokens handed out by the refresh grant.
    pub refreshes: u64,
    /// Refresh tokens presented a second time: each cost a merchant the connection.
    pub reuses: u64,
    /// Refresh answers lost on purpose.
    pub lost_answers: u64,
    /// Refreshes answered with 503, unredeemed.
    pub unavailable: u64,
}

impl Grants {
    /// The store and scopes of a live access token.
    pub fn store_of(&self, token: &str) -> Option<(u64, &str)> {
        let grant = &self.grants[*self.access.get(token)?];
        let live = !grant.dead
            && grant.access.as_deref() == Some(token)
            && grant.access_expires > Utc::now().timestamp();
        live.then_some((grant.store, grant.scope.as_str()))
    }

    /// Makes every token of a store dead, as an uninstall does.
    pub fn revoke_store(&mut self, store: u64) {
        for grant in self.grants.iter_mut().filter(|g| g.store == store) {
            grant.dead = true;
        }
    }

    /// Makes every access token of a store look expired.
    pub fn expire_store(&mut self, store: u64) {
        for grant in self.grants.iter_mut().filter(|g| g.store == store) {
            grant.access_expires = 0;
        }
    }
}

impl World {
    /// A new pair of tokens for `store`, as easy mode's webhook carries them.
    pub fn grant(&mut self, store: u64, scope: &str) -> Value {
        let grant = self.new_grant(store, scope);
        self.issue(grant, true)
    }

    fn new_grant(&mut self, store: u64, scope: &str) -> usize {
        self.grants.grants.push(Grant {
            store,
            scope: scope.to_owned(),
            access: None,
            access_expires: 0,
            refresh: None,
            spent_refresh: vec![],
            dead: false,
        });
        self.grants.grants.len() - 1
    }

    fn issue(&mut self, index: usize, absolute_expiry: bool) -> Value {
        let access = format!("ory_at_{}", self.letters(43));
        let refresh = format!("ory_rt_{}", self.letters(43));
        let life = self.switches.token_life_seconds;
        let expires = Utc::now().timestamp() + life;
        let grant = &mut self.grants.grants[index];
        grant.spent_refresh.extend(grant.refresh.replace(refresh.clone()));
        grant.access = Some(access.clone());
        grant.access_expires = expires;
        self.grants.access.insert(access.clone(), index);
        self.grants.refresh.insert(refresh.clone(), index);
        let mut tokens = json!({
            "access_token": access,
            "refresh_token": refresh,
            "scope": grant.scope,
            "token_type": "bearer",
        });
        match self.switches.expiry {
            _ if absolute_expiry => tokens["expires"] = json!(expires),
            ExpiryField::ExpiresIn => tokens["expires_in"] = json!(life),
            ExpiryField::ExpiresDuration => tokens["expires"] = json!(life),
            ExpiryField::ExpiresAbsolute => tokens["expires"] = json!(expires),
        }
        tokens
    }
}

/// `GET /oauth2/auth`: a page with every store, to approve or deny; `sim_store` and `sim_decision` press a
/// button at once.
pub fn authorize(sim: &Sim, query: &Parameters) -> Answer {
    let state = query.get("state").unwrap_or_default();
    if query.get("client_id") != Some(sim.client.id.as_str()) || query.get("response_type") != Some("code") {
        return html(StatusCode::BAD_REQUEST, "unknown client_id, or response_type is not code");
    }
    if state.len() < SHORTEST_STATE {
        return html(StatusCode::BAD_REQUEST, "state is missing or shorter than 8 characters");
    }
    if let (Some(store), Some(decision)) = (query.get("sim_store"), query.get("sim_decision")) {
        return decide(sim, query, store.parse().unwrap_or_default(), decision == "approve");
    }
    let world = sim.world();
    let address = |store: u64, decision: &str| {
        let mut all: Vec<(&str, &str)> = query.pairs().collect();
        let store = store.to_string();
        all.extend([("sim_store", store.as_str()), ("sim_decision", decision)]);
        let encoded = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(all).finish();
        format!("/oauth2/auth?{}", encoded.replace('&', "&amp;"))
    };
    let rows: String = world
        .stores
        .values()
        .map(|store| {
            format!(
                "<li>{} ({} طلب) <a href=\"{}\">موافقة / approve</a> <a href=\"{}\">رفض / deny</a></li>",
                store.name,
                store.orders.len(),
                address(store.id, "approve"),
                address(store.id, "deny")
            )
        })
        .collect();
    html(StatusCode::OK, &format!("<h1>سلة (محاكاة) / Salla (simulated)</h1><ul dir=\"rtl\">{rows}</ul>"))
}

fn decide(sim: &Sim, query: &Parameters, store: u64, approved: bool) -> Answer {
    let mut world = sim.world();
    let scope = query.get("scope").unwrap_or_default().replace(',', " ");
    let mut state = query.get("state").unwrap_or_default().to_owned();
    if world.switches.strip_hyphens {
        state = state.replace('-', "");
    }
    let redirect_uri = query.get("redirect_uri").unwrap_or_default().to_owned();
    let Ok(mut back) = url::Url::parse(&redirect_uri) else {
        return html(StatusCode::BAD_REQUEST, "redirect_uri is not an address");
    };
    if !approved {
        back.query_pairs_mut().append_pair("error", "access_denied").append_pair("state", &state);
        return redirect(back.as_str());
    }
    if !world.stores.contains_key(&store) {
        return html(StatusCode::NOT_FOUND, "no such store");
    }
    let grant = world.new_grant(store, &scope);
    let code = format!("ory_ac_{}", world.letters(43));
    let expires = Utc::now().timestamp() + CODE_LIFE_SECONDS;
    world.grants.codes.insert(code.clone(), Code { grant, redirect_uri, expires, used: false });
    back.query_pairs_mut()
        .append_pair("code", &code)
        .append_pair("scope", &scope)
        .append_pair("state", &state);
    redirect(back.as_str())
}

/// `POST /oauth2/token`, with the mishaps that were asked for.
pub async fn token(sim: &Sim, form: &Parameters) -> Answer {
    let refreshing = form.get("grant_type") == Some("refresh_token");
    let mishap = refreshing
        .then(|| {
            let world = &mut *sim.world();
            world.faults.draw_token(&mut world.dice)
        })
        .flatten();
    match mishap {
        None => exchange(sim, form),
        Some(TokenMishap::Unavailable) => {
            sim.world().grants.unavailable += 1;
            plain(StatusCode::SERVICE_UNAVAILABLE, "upstream connect error")
        }
        Some(TokenMishap::Late(seconds)) => {
            let answer = exchange(sim, form);
            tokio::time::sleep(std::time::Duration::from_secs_f64(seconds)).await;
            answer
        }
        Some(TokenMishap::Lost) => {
            sim.world().grants.lost_answers += 1;
            cut(exchange(sim, form)).await
        }
    }
}

fn exchange(sim: &Sim, form: &Parameters) -> Answer {
    if form.get("client_id") != Some(sim.client.id.as_str())
        || form.get("client_secret") != Some(sim.client.secret.as_str())
    {
        return json_answer(
            StatusCode::UNAUTHORIZED,
            &json!({"error": "invalid_client", "error_description": "Client authentication failed"}),
        );
    }
    let mut world = sim.world();
    let issued = match form.get("grant_type") {
        Some("authorization_code") => redeem_code(&mut world, form),
        Some("refresh_token") => redeem_refresh(&mut world, form),
        _ => return json_answer(StatusCode::BAD_REQUEST, &json!({"error": "unsupported_grant_type"})),
    };
    if let Some(tokens) = issued {
        json_answer(StatusCode::OK, &tokens)
    } else {
        let status =
            StatusCode::from_u16(world.switches.refresh_error_status).unwrap_or(StatusCode::UNAUTHORIZED);
        json_answer(
            status,
            &json!({
                "error": "invalid_grant",
                "error_description": "The provided authorization grant or refresh token is invalid, expired or revoked."
            }),
        )
    }
}

fn redeem_code(world: &mut World, form: &Parameters) -> Option<Value> {
    let code = world.grants.codes.get_mut(form.get("code")?)?;
    let fresh = !code.used && code.expires > Utc::now().timestamp();
    let same_address = form.get("redirect_uri") == Some(code.redirect_uri.as_str());
    let grant = code.grant;
    if !fresh {
        world.grants.grants[grant].dead = true;
    }
    if !fresh || !same_address {
        return None;
    }
    world.grants.codes.get_mut(form.get("code")?)?.used = true;
    let mut tokens = world.issue(grant, false);
    if !world.grants.grants[grant].scope.split(' ').any(|s| s == "offline_access") {
        tokens.as_object_mut()?.remove("refresh_token");
    }
    Some(tokens)
}

fn redeem_refresh(world: &mut World, form: &Parameters) -> Option<Value> {
    let presented = form.get("refresh_token")?;
    let index = *world.grants.refresh.get(presented)?;
    let grant = &mut world.grants.grants[index];
    if grant.spent_refresh.iter().any(|spent| spent == presented) {
        grant.dead = true;
        world.grants.reuses += 1;
        return None;
    }
    if grant.dead {
        return None;
    }
    let presented = presented.to_owned();
    world.grants.refreshes += 1;
    let mut tokens = world.issue(index, false);
    if world.switches.silent_refreshes {
        tokens.as_object_mut()?.remove("refresh_token");
        let grant = &mut world.grants.grants[index];
        grant.spent_refresh.retain(|spent| *spent != presented);
        grant.refresh = Some(presented);
    }
    Some(tokens)
}

/// `GET /oauth2/user/info`.
pub fn user_info(sim: &Sim, token: Option<&str>) -> Answer {
    let world = sim.world();
    let store = token.and_then(|t| world.grants.store_of(t)).and_then(|(id, _)| world.stores.get(&id));
    match store {
        Some(store) => json_answer(StatusCode::OK, &shapes::user_info(store, &world.switches)),
        None => crate::api::unauthorized("The access token is invalid"),
    }
}
