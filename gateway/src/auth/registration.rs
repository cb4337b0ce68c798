//! Registering: user and merchant, both or neither (ARCHITECTURE §4).
//!
//! Three steps, each of which can be repeated: the user is written as pending with its merchant's id, then the aggregate,
//! then the user is activated. The same request again, or a log-in, completes what a crash left; a sweeper ends what is
//! pending for over 5 minutes.

use chrono::{DateTime, Utc};
use qafila_aggregates::commands::{CommandError, Commands};
use qafila_aggregates::merchant::{Merchant, MerchantCommand};
use qafila_aggregates::position::Position;
use qafila_schemas::ids::{MerchantId, UserId};
use sqlx::{PgPool, Row};

use super::passwords::Passwords;
use super::tokens::Identity;
use crate::problem::{Code, Problem};

const PENDING: &str = "pending";

/// A user as stored.
#[derive(Debug, Clone)]
pub struct User {
    /// User.
    pub user_id: UserId,
    /// Merchant.
    pub merchant_id: MerchantId,
    /// Address, lower case.
    pub email: String,
    /// Name of the store as typed at registration.
    pub store_name: String,
    /// `ar` or `en`.
    pub locale: String,
    /// Kinds of notifications that they do not want by mail.
    pub unwanted_mails: Vec<String>,
    /// Whether registration has not finished.
    pub pending: bool,
    password_hash: String,
    /// When it was changed last; none where it is the one that they registered with.
    password_set_at: Option<DateTime<Utc>>,
}

impl User {
    /// The hash that the password was verified against.
    pub fn password_hash(&self) -> &str {
        &self.password_hash
    }
}

/// A registration as asked for, its fields valid.
#[derive(Clone)]
pub struct Application {
    /// Address.
    pub email: String,
    /// Password.
    pub password: String,
    /// Name of the store.
    pub store_name: String,
    /// `ar` or `en`.
    pub locale: String,
}

/// Users and their registration.
#[derive(Clone)]
pub struct Registration {
    pool: PgPool,
    passwords: Passwords,
    merchants: Commands<Merchant>,
}

impl Registration {
    /// `pool` is the command role's.
    pub fn new(pool: PgPool, passwords: Passwords, merchants: Commands<Merchant>) -> Self {
        Self { pool, passwords, merchants }
    }

    /// Registers, or completes an earlier try of the same request. 409 where the address is taken.
    pub async fn register(&self, application: Application) -> Result<(User, Position), Problem> {
        let user = self.write_pending(application).await?;
        let position = self.register_merchant(&user).await?;
        self.activate(&user).await?;
        tracing::info!(event = "user registered", merchantId = %user.merchant_id);
        Ok((User { pending: false, ..user }, position))
    }

    /// Step 1. The user of an earlier, unfinished try is taken on if the password is the same.
    pub async fn write_pending(&self, application: Application) -> Result<User, Problem> {
        if let Some(known) = self.by_email(&application.email).await? {
            return self.take_on(known, application.password).await;
        }
        let password_hash = self
            .passwords
            .hash(application.password.clone())
            .await
            .map_err(|e| Problem::unavailable("password hashing", &e))?;
        let written = sqlx::query(
            "INSERT INTO users (user_id, merchant_id, email, password_hash, store_name, locale, status)
             VALUES ($1, $2, $3, $4, $5, $6, 'pending') ON CONFLICT (email) DO NOTHING",
        )
        .bind(UserId::generate().0)
        .bind(MerchantId::generate().0)
        .bind(&application.email)
        .bind(&password_hash)
        .bind(&application.store_name)
        .bind(&application.locale)
        .execute(&self.pool)
        .await?;
        let known = self.by_email(&application.email).await?.ok_or_else(taken)?;
        if written.rows_affected() == 1 { Ok(known) } else { self.take_on(known, application.password).await }
    }

    async fn take_on(&self, known: User, password: String) -> Result<User, Problem> {
        let fits = self
            .passwords
            .verify(password, Some(known.password_hash.clone()))
            .await
            .map_err(|e| Problem::unavailable("password hashing", &e))?;
        if !known.pending || !fits {
            return Err(taken());
        }
        // Five new minutes, so that the sweeper does not come between.
        let kept =
            sqlx::query("UPDATE users SET created_at = now() WHERE user_id = $1 AND status = 'pending'")
                .bind(known.user_id.0)
                .execute(&self.pool)
                .await?;
        if kept.rows_affected() == 1 { Ok(known) } else { Err(taken()) }
    }

    /// Step 2.
    pub async fn register_merchant(&self, user: &User) -> Result<Position, Problem> {
        let command = MerchantCommand::Register {
            merchant_id: user.merchant_id,
            user_id: user.user_id,
            store_name: user.store_name.clone(),
            locale: user.locale.clone(),
        };
        let committed = self
            .merchants
            .execute(&user.merchant_id.to_string(), command)
            .await
            .map_err(|e: CommandError<_>| Problem::unavailable("event store", &e))?;
        Ok(committed.position)
    }

    /// Step 3.
    pub async fn activate(&self, user: &User) -> Result<(), Problem> {
        let activated = sqlx::query("UPDATE users SET status = 'active' WHERE user_id = $1")
            .bind(user.user_id.0)
            .execute(&self.pool)
            .await?;
        if activated.rows_affected() == 1 {
            Ok(())
        } else {
            Err(Problem::unavailable("registration", &"the pending user was swept away"))
        }
    }

    /// Who logs in with this address and password; an unfinished registration is completed on the way.
    pub async fn log_in(&self, email: &str, password: String) -> Result<Option<User>, Problem> {
        let known = self.by_email(email).await?;
        let fits = self
            .passwords
            .verify(password, known.as_ref().map(|u| u.password_hash.clone()))
            .await
            .map_err(|e| Problem::unavailable("password hashing", &e))?;
        let Some(user) = known.filter(|_| fits) else { return Ok(None) };
        if user.pending {
            self.register_merchant(&user).await?;
            self.activate(&user).await?;
        }
        Ok(Some(User { pending: false, ..user }))
    }

    /// Changes a user's language: `ar` or `en`.
    pub async fn set_locale(&self, user: UserId, locale: &str) -> Result<(), Problem> {
        sqlx::query("UPDATE users SET locale = $2 WHERE user_id = $1")
            .bind(user.0)
            .bind(locale)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The user of an access token; 401 where their password has been changed since it was issued, which ends the sessions of the
    /// old one.
    pub async fn signed_in(&self, identity: Identity) -> Result<User, Problem> {
        let user = self.by_id(identity.user_id).await?.ok_or_else(Problem::unauthorized)?;
        let is_current = user.password_set_at.is_none_or(|at| at.timestamp() <= identity.issued_at);
        if is_current { Ok(user) } else { Err(Problem::unauthorized()) }
    }

    /// A user by id.
    pub async fn by_id(&self, user: UserId) -> Result<Option<User>, Problem> {
        self.find("user_id = $1::uuid", &user.to_string()).await
    }

    /// Adds to, and takes from, what a user does not want by mail.
    pub async fn set_mails(&self, user: UserId, unwanted: &[&str], wanted: &[&str]) -> Result<(), Problem> {
        sqlx::query(
            "UPDATE users SET unwanted_mails = ARRAY(
                 SELECT DISTINCT kind FROM unnest(unwanted_mails || $2) AS kind WHERE NOT kind = ANY ($3) ORDER BY kind)
             WHERE user_id = $1",
        )
        .bind(user.0)
        .bind(unwanted)
        .bind(wanted)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    async fn by_email(&self, email: &str) -> Result<Option<User>, Problem> {
        self.find("email = $1", email).await
    }

    async fn find(&self, condition: &'static str, value: &str) -> Result<Option<User>, Problem> {
        let row = sqlx::query(&format!(
            "SELECT user_id, merchant_id, email, store_name, locale, status, password_hash, unwanted_mails, password_set_at FROM users WHERE {condition}"
        ))
        .bind(value)
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(User {
            user_id: UserId(row.try_get(0)?),
            merchant_id: MerchantId(row.try_get(1)?),
            email: row.try_get(2)?,
            store_name: row.try_get(3)?,
            locale: row.try_get(4)?,
            pending: row.try_get::<String, _>(5)? == PENDING,
            password_hash: row.try_get(6)?,
            unwanted_mails: row.try_get(7)?,
            password_set_at: row.try_get(8)?,
        }))
    }

    /// Ends registrations that are pending for over 5 minutes: activates where the merchant exists, else deletes.
    pub async fn sweep(&self) -> Result<(), Problem> {
        let stuck = sqlx::query(
            "SELECT user_id, merchant_id FROM users WHERE status = 'pending' AND created_at < now() - interval '5 minutes' LIMIT 100",
        )
        .fetch_all(&self.pool)
        .await?;
        for row in stuck {
            let (user, merchant): (uuid::Uuid, uuid::Uuid) = (row.try_get(0)?, row.try_get(1)?);
            let (aggregate, _) = self
                .merchants
                .load(&MerchantId(merchant).to_string())
                .await
                .map_err(|e| Problem::unavailable("event store", &e))?;
            let sql = if aggregate.is_registered() {
                "UPDATE users SET status = 'active' WHERE user_id = $1 AND status = 'pending'"
            } else {
                "DELETE FROM users WHERE user_id = $1 AND status = 'pending' AND created_at < now() - interval '5 minutes'"
            };
            sqlx::query(sql).bind(user).execute(&self.pool).await?;
        }
        Ok(())
    }
}

fn taken() -> Problem {
    Problem::new(Code::EmailTaken)
}
