//! What an answer of Salla's token endpoint that is not as documented does to a connection: the refresh token is never lost, never sent
//! more often than it may be, and the merchant is told in time what only they can mend.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use chrono::{Duration, Utc};
use qafila::config::Config;
use qafila_ingest::access::{AccessError, AccessTokens, RefreshTimes};
use qafila_ingest::salla::oauth::Tokens;
use qafila_ingest::salla::{SallaConfig, Secret};
use qafila_ingest::vault::{Vault, token_hash};
use qafila_proving::merchant::{Merchant, expect, make_store};
use qafila_proving::shared_world::SharedWorld;
use qafila_proving::waiting::until;
use qafila_proving::world::World;
use qafila_schemas::envelope::OperatorKeys;
use qafila_schemas::ids::ConnectionId;
use reqwest::StatusCode;
use salla_sim::store::Plan;
use serde_json::Value;
use sqlx::PgPool;

static SHARED: SharedWorld = SharedWorld::new("token_answers");

/// A connected store, and access to it as Qafila's own processes have it.
struct Store {
    merchant: Merchant,
    id: ConnectionId,
    pool: PgPool,
    salla: SallaConfig,
    keys: OperatorKeys,
    vault: Vault,
    access: AccessTokens,
}

impl Store {
    async fn connected(world: &World, seed: u64) -> Result<Self> {
        let plan = Plan { seed, orders: 1, customers: 1, products: 1, ..Plan::default() };
        let store = make_store(&world.sim_url, &plan).await?;
        let merchant = Merchant::register(&world.gateway).await?;
        merchant.connect(store).await?;
        let pool = world.pool("QAFILA_DATABASE_OWNER_URL").await?;
        let query = "SELECT connection_id FROM salla_connections WHERE store_id = $1";
        let id = sqlx::query_scalar(query).bind(store.cast_signed()).fetch_one(&pool).await?;
        let config = Config::read(|name| world.environment.get(name).cloned())?;
        let access = access_with(&pool, &config.operator_keys, &config.salla)?;
        let Config { salla, operator_keys: keys, .. } = config;
        let vault = Vault::new(keys.clone());
        Ok(Self { merchant, id: ConnectionId(id), pool, salla, keys, vault, access })
    }

    /// Generation of the tokens, and what can be done with the refresh token.
    async fn state(&self) -> Result<(i64, String)> {
        let query = "SELECT generation, refresh_state FROM salla_connections WHERE connection_id = $1";
        Ok(sqlx::query_as(query).bind(self.id.0).fetch_one(&self.pool).await?)
    }

    /// Changes the connection's row, as time or another process would.
    async fn set(&self, assignments: &str) -> Result<()> {
        let query = format!("UPDATE salla_connections SET {assignments} WHERE connection_id = $1");
        let changed = sqlx::query(&query).bind(self.id.0).execute(&self.pool).await?;
        ensure!(changed.rows_affected() == 1);
        Ok(())
    }

    async fn connection(&self) -> Result<Value> {
        let me = expect(self.merchant.get("/api/v1/me").await?, StatusCode::OK).await?;
        Ok(me["connection"].clone())
    }

    /// Waits until the merchant is told so.
    async fn is_told(&self, access: &str, cause: Option<&str>) -> Result<()> {
        let told = |c: &Value| c["access"] == access && c["cause"].as_str() == cause;
        until(|| self.connection(), told).await.map(drop)
    }
}

fn access_with(pool: &PgPool, keys: &OperatorKeys, salla: &SallaConfig) -> Result<AccessTokens> {
    let salla = Arc::new(salla.clone());
    Ok(AccessTokens::new(pool.clone(), keys.clone(), salla, RefreshTimes::default())?)
}

const ENDED: &str = "expires_at = now() - interval '1 second', tokens_at = now() - interval '1 minute'";

#[test]
fn an_answer_without_a_refresh_token_keeps_the_redeemed_one_for_one_more_use_after_the_end() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _alone = SHARED.faults.write().await;
        let refreshes = || world.sim.world().grants.refreshes;
        let store = Store::connected(world, 911).await?;
        world.sim.world().switches.silent_refreshes = true;
        let before = refreshes();
        store.access.renewed(store.id, 1).await?;
        ensure!(store.state().await? == (2, "kept".into()), "{:?}", store.state().await?);
        // It lives: nothing is sent ahead of its end.
        store.set("expires_at = now() + interval '20 seconds', tokens_at = now() - interval '1 day'").await?;
        ensure!(store.access.latest(store.id).await?.generation == 2);
        ensure!(refreshes() == before + 1);
        store.set(ENDED).await?;
        ensure!(store.access.latest(store.id).await?.generation == 3);
        ensure!(refreshes() == before + 2);
        // Kept twice would be a third use. What is there is handed out until Salla refuses it.
        ensure!(store.state().await? == (3, "absent".into()));
        store.set(ENDED).await?;
        ensure!(store.access.latest(store.id).await?.generation == 3);
        let refused = store.access.renewed(store.id, 3).await;
        ensure!(matches!(refused, Err(AccessError::Refused { generation: 3 })), "{refused:?}");
        ensure!(refreshes() == before + 2 && world.sim.world().grants.reuses == 0);
        world.sim.world().switches.silent_refreshes = false;
        Ok(())
    });
}

#[test]
fn a_kept_refresh_token_is_not_sent_because_salla_answers_401() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _alone = SHARED.faults.write().await;
        let store = Store::connected(world, 912).await?;
        world.sim.world().switches.silent_refreshes = true;
        store.access.renewed(store.id, 1).await?;
        world.sim.world().switches.silent_refreshes = false;
        let before = world.sim.world().grants.refreshes;
        let refused = store.access.renewed(store.id, 2).await;
        ensure!(matches!(refused, Err(AccessError::Refused { generation: 2 })), "{refused:?}");
        ensure!(world.sim.world().grants.refreshes == before);
        store.is_told("reauthorisation_needed", Some("access_refused")).await
    });
}

#[test]
fn a_refusal_of_our_client_spends_no_refresh_token() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _alone = SHARED.faults.write().await;
        let store = Store::connected(world, 913).await?;
        let wrong = SallaConfig { client_secret: Secret::new("of another app"), ..store.salla.clone() };
        let refused = access_with(&store.pool, &store.keys, &wrong)?.renewed(store.id, 1).await;
        ensure!(matches!(refused, Err(AccessError::Unavailable(_))), "{refused:?}");
        ensure!(store.state().await? == (1, "usable".into()));
        ensure!(store.access.renewed(store.id, 1).await?.generation == 2);
        Ok(())
    });
}

#[test]
fn a_refresh_under_way_is_not_lost_to_an_authorisation_that_brings_no_refresh_token() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let store = Store::connected(world, 914).await?;
        let mut transaction = store.pool.begin().await?;
        let stored = store.vault.load(&mut transaction, store.id, true).await?.context("tokens")?;
        let redeemed = token_hash(&stored.refresh.context("a refresh token")?);
        sqlx::query(
            "INSERT INTO token_refreshes (connection_id, refresh_hash, worker, answer_until)
             VALUES ($1, $2, 'test', clock_timestamp() + interval '1 minute')",
        )
        .bind(store.id.0)
        .bind(&redeemed)
        .execute(&mut *transaction)
        .await?;
        let tokens = |access: &str, refresh: Option<&str>, days: i64| Tokens {
            access: Secret::new(access),
            refresh: refresh.map(Secret::new),
            expires_at: Utc::now() + Duration::days(days),
            guessed_since: None,
            scopes: vec![],
        };
        let bare = tokens("from the store", None, 20);
        ensure!(store.vault.authorised(&mut transaction, store.id, &bare).await?);
        let answer = tokens("from the refresh", Some("the next one"), 14);
        ensure!(store.vault.refreshed(&mut transaction, store.id, &redeemed, &answer, true).await?);
        let stored = store.vault.load(&mut transaction, store.id, true).await?.context("tokens")?;
        ensure!(stored.access.expose() == "from the refresh");
        ensure!(stored.refresh.context("a refresh token")?.expose() == "the next one");
        // One that brings none itself replaces nothing.
        ensure!(
            !store
                .vault
                .refreshed(&mut transaction, store.id, b"another", &tokens("x", None, 1), true)
                .await?
        );
        Ok(transaction.rollback().await?)
    });
}

#[test]
fn a_pair_whose_end_salla_does_not_tell_replaces_what_came_before_it_whenever_that_ends() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let store = Store::connected(world, 916).await?;
        let mut transaction = store.pool.begin().await?;
        let guessed = |refresh: &str, sent: chrono::DateTime<Utc>| Tokens {
            access: Secret::new("from the store"),
            refresh: Some(Secret::new(refresh)),
            expires_at: sent + Duration::hours(24),
            guessed_since: Some(sent),
            scopes: vec![],
        };
        let late = guessed("an old one", Utc::now() - Duration::hours(1));
        ensure!(!store.vault.authorised(&mut transaction, store.id, &late).await?, "sent before ours");
        let newer = guessed("a new one", Utc::now() + Duration::seconds(5));
        ensure!(store.vault.authorised(&mut transaction, store.id, &newer).await?, "ours ends later");
        let stored = store.vault.load(&mut transaction, store.id, true).await?.context("tokens")?;
        ensure!(stored.refresh.context("a refresh token")?.expose() == "a new one");
        Ok(transaction.rollback().await?)
    });
}

#[test]
fn a_pair_that_an_ended_connection_of_the_store_has_redeemed_is_never_taken_again() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let store = Store::connected(world, 918).await?;
        let mut transaction = store.pool.begin().await?;
        let ended: sqlx::types::Uuid = sqlx::query_scalar(
            "INSERT INTO salla_connections (connection_id, merchant_id, store_id, store_name, scopes, key_id, expires_at, wiped_at)
             SELECT gen_random_uuid(), merchant_id, store_id, store_name, scopes, key_id, expires_at, now()
             FROM salla_connections WHERE connection_id = $1 RETURNING connection_id",
        )
        .bind(store.id.0)
        .fetch_one(&mut *transaction)
        .await?;
        let sent = |refresh: &str| Tokens {
            access: Secret::new("from the store"),
            refresh: Some(Secret::new(refresh)),
            expires_at: Utc::now() + Duration::days(30),
            guessed_since: None,
            scopes: vec![],
        };
        sqlx::query(
            "INSERT INTO token_refreshes (connection_id, refresh_hash, worker, answer_until, outcome)
             VALUES ($1, $2, 'another', now(), 'stored')",
        )
        .bind(ended)
        .bind(token_hash(&Secret::new("redeemed before")))
        .execute(&mut *transaction)
        .await?;
        let again = sent("redeemed before");
        ensure!(!store.vault.authorised(&mut transaction, store.id, &again).await?);
        ensure!(store.vault.authorised(&mut transaction, store.id, &sent("a new one")).await?);
        Ok(transaction.rollback().await?)
    });
}

#[test]
fn an_end_that_nothing_can_renew_is_told_a_week_before_then_that_it_came_and_then_that_access_works_again() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let store = Store::connected(world, 915).await?;
        store.set("refresh_state = 'kept', expires_at = now() + interval '8 days'").await?;
        store.is_told("working", None).await?;
        store.set("expires_at = now() + interval '6 days'").await?;
        store.is_told("working", Some("access_ends_soon")).await?;
        let warned = || async {
            let query = "SELECT warned_at IS NOT NULL FROM salla_connections WHERE connection_id = $1";
            Ok(sqlx::query_scalar::<_, bool>(query).bind(store.id.0).fetch_one(&store.pool).await?)
        };
        until(warned, |warned| *warned).await?;
        // Other tokens came, and Salla refused them before anybody could tell that access works.
        store
            .set("generation = generation + 1, told_at = coalesce(told_at, warned_at), warned_at = NULL, refresh_state = 'refused'")
            .await?;
        store.is_told("reauthorisation_needed", Some("access_refused")).await?;
        store
            .set("generation = generation + 1, told_at = coalesce(told_at, warned_at), refresh_state = 'usable', expires_at = now() + interval '14 days', tokens_at = now()")
            .await?;
        store.is_told("working", None).await
    });
}

#[test]
fn a_store_whose_currency_salla_did_not_tell_while_it_was_connected_is_asked_again_until_it_does() {
    SHARED.run(async {
        let world = SHARED.world().await?;
        let _alone = SHARED.faults.write().await;
        world.sim.world().switches.store_info_fails = true;
        let store = Store::connected(world, 917).await?;
        let asked = || async {
            let query =
                "SELECT store_currency, currency_tries FROM salla_connections WHERE connection_id = $1";
            let row: (Option<String>, i32) =
                sqlx::query_as(query).bind(store.id.0).fetch_one(&store.pool).await?;
            Ok(row)
        };
        until(asked, |(currency, tries)| currency.is_none() && *tries >= 1).await?;
        world.sim.world().switches.store_info_fails = false;
        until(asked, |(currency, tries)| currency.as_deref() == Some("SAR") && *tries == 0).await?;
        // It may change; tokens that the store sends by itself are an occasion to ask.
        store.set("store_currency = 'KWD', currency_due_at = now()").await?;
        until(asked, |(currency, _)| currency.as_deref() == Some("SAR")).await.map(drop)
    });
}
