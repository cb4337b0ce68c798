//! Accounts: registering in steps that a crash may cut, sessions that rotate.

use std::sync::LazyLock;

use anyhow::{Result, ensure};
use qafila_aggregates::Clock;
use qafila_aggregates::commands::Commands;
use qafila_aggregates::wake::Wake;
use qafila_gateway::auth::attempts::Attempts;
use qafila_gateway::auth::passwords::Passwords;
use qafila_gateway::auth::registration::{Application, Registration};
use qafila_gateway::auth::sessions::{RefreshToken, Sessions};
use qafila_gateway::problem::Code;
use qafila_proving::world::World;
use sqlx::PgPool;
use tokio::runtime::Runtime;
use tokio::sync::OnceCell;

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().expect("a runtime"));
static WORLD: OnceCell<World> = OnceCell::const_new();

fn run(test: impl Future<Output = Result<()>> + Send + 'static) {
    RUNTIME.block_on(RUNTIME.spawn(test)).expect("the test did not panic").expect("the rule holds");
}

/// A world whose Qafila does not run: its sweeper must not help.
async fn command_pool() -> Result<PgPool> {
    let world = WORLD.get_or_try_init(|| World::make("accounts")).await?;
    world.pool("QAFILA_DATABASE_COMMAND_URL").await
}

async fn registration() -> Result<(Registration, PgPool)> {
    let pool = command_pool().await?;
    let merchants = Commands::new(pool.clone(), Clock::system(), Wake::nobody());
    Ok((Registration::new(pool.clone(), Passwords::new()?, merchants), pool))
}

fn application(name: &str, password: &str) -> Application {
    Application {
        email: format!("{name}@example.com"),
        password: password.into(),
        store_name: "متجر".into(),
        locale: "ar".into(),
    }
}

#[test]
fn a_registration_cut_between_any_two_steps_is_completed_by_the_same_request() {
    run(async {
        let (registration, _) = registration().await?;
        for steps in 1..=2 {
            let name = format!("cut{steps}");
            let user =
                registration.write_pending(application(&name, "Correct-Horse-7")).await.expect("step 1");
            if steps == 2 {
                registration.register_merchant(&user).await.expect("step 2");
            }
            let other = registration.register(application(&name, "Another-Horse-7")).await;
            ensure!(other.is_err_and(|p| p.code == Code::EmailTaken), "another password takes nothing over");
            let (again, position) =
                registration.register(application(&name, "Correct-Horse-7")).await.expect("completed");
            ensure!(
                again.user_id == user.user_id && again.merchant_id == user.merchant_id,
                "the same user and merchant"
            );
            ensure!(position.sequence == 1, "the merchant was registered once");
            let taken = registration.register(application(&name, "Correct-Horse-7")).await;
            ensure!(taken.is_err_and(|p| p.code == Code::EmailTaken), "a finished registration is taken");
        }
        Ok(())
    });
}

#[test]
fn a_log_in_completes_a_registration_that_was_cut() {
    run(async {
        let (registration, _) = registration().await?;
        let user = registration.write_pending(application("late", "Correct-Horse-7")).await.expect("step 1");
        let wrong = registration.log_in("late@example.com", "Wrong-Horse-77".into()).await.expect("answered");
        ensure!(wrong.is_none(), "a wrong password is no log-in");
        let known =
            registration.log_in("late@example.com", "Correct-Horse-7".into()).await.expect("answered");
        ensure!(known.is_some_and(|u| u.user_id == user.user_id && !u.pending), "completed");
        Ok(())
    });
}

#[test]
fn the_sweeper_activates_where_the_merchant_exists_and_deletes_where_not() {
    run(async {
        let (registration, pool) = registration().await?;
        let with = registration.write_pending(application("with", "Correct-Horse-7")).await.expect("step 1");
        registration.register_merchant(&with).await.expect("step 2");
        let without =
            registration.write_pending(application("without", "Correct-Horse-7")).await.expect("step 1");
        registration.sweep().await.expect("swept");
        ensure!(
            registration.by_id(without.user_id).await.expect("found").is_some(),
            "not before five minutes"
        );
        // These two alone: other tests have users of their own under way.
        sqlx::query("UPDATE users SET created_at = now() - interval '6 minutes' WHERE user_id = ANY ($1)")
            .bind(vec![with.user_id.0, without.user_id.0])
            .execute(&pool)
            .await?;
        registration.sweep().await.expect("swept");
        ensure!(
            registration.by_id(with.user_id).await.expect("found").is_some_and(|u| !u.pending),
            "activated"
        );
        ensure!(registration.by_id(without.user_id).await.expect("looked").is_none(), "deleted");
        Ok(())
    });
}

#[test]
fn attempts_made_at_once_pass_no_more_often_than_attempts_in_a_row() {
    run(async {
        let attempts = Attempts::new(command_pool().await?, b"a key of the test");
        let tries = (0..40).map(|_| {
            let attempts = attempts.clone();
            async move { attempts.count("login:somebody", 10).await.is_ok() }
        });
        let passed = futures::future::join_all(tries).await.into_iter().filter(|passed| *passed).count();
        ensure!(passed == 10, "{passed} of 40 passed");
        Ok(())
    });
}

fn value(token: &RefreshToken) -> String {
    let cookie = token.cookie(false);
    let rest = cookie.split_once('=').map(|(_, rest)| rest).unwrap_or_default();
    rest.split(';').next().unwrap_or_default().to_owned()
}

#[test]
fn a_used_refresh_token_gets_the_current_one_for_half_a_minute_and_ends_the_family_after_that() {
    run(async {
        let (registration, pool) = registration().await?;
        let sessions = Sessions::new(pool.clone());
        let (user, _) =
            registration.register(application("session", "Correct-Horse-7")).await.expect("registered");
        let start = || async { sessions.start(user.user_id, user.password_hash()).await.expect("a session") };
        let first = value(&start().await.expect("the password is the user's"));
        let (identity, second) = sessions.rotate(&first).await.expect("answered").expect("good");
        ensure!(identity.user_id == user.user_id && value(&second) != first, "it is rotated");
        for _ in 0..3 {
            let (_, again) =
                sessions.rotate(&first).await.expect("answered").expect("a tab, or a lost answer");
            ensure!(value(&again) == value(&second), "each gets the current one");
        }
        let (_, third) = sessions.rotate(&value(&second)).await.expect("answered").expect("good");
        for earlier in [&first, &value(&second)] {
            let (_, current) = sessions.rotate(earlier).await.expect("answered").expect("good");
            ensure!(value(&current) == value(&third), "the current one, whatever came between");
        }
        let clear: i64 =
            sqlx::query_scalar("SELECT count(*) FROM refresh_tokens WHERE successor = $1 OR token_hash = $1")
                .bind(value(&third).as_bytes())
                .fetch_one(&pool)
                .await?;
        ensure!(clear == 0, "no token is stored in clear");
        sessions.end(&value(&third)).await.expect("logged out");
        ensure!(
            sessions.rotate(&first).await.expect("answered").is_none(),
            "a session that was logged out ends at once"
        );

        let first = value(&start().await.expect("a session"));
        let (_, second) = sessions.rotate(&first).await.expect("answered").expect("good");
        sessions.rotate(&value(&second)).await.expect("answered").expect("good");
        let of_user = "family_id IN (SELECT family_id FROM session_families WHERE user_id = $1)";
        let long_ago = format!(
            "UPDATE refresh_tokens SET rotated_at = now() - interval '91 seconds' WHERE rotated_at IS NOT NULL AND {of_user}"
        );
        sqlx::query(&long_ago).bind(user.user_id.0).execute(&pool).await?;
        sessions.sweep().await?;
        let kept = format!("SELECT count(*) FROM refresh_tokens WHERE successor IS NOT NULL AND {of_user}");
        let kept: i64 = sqlx::query_scalar(&kept).bind(user.user_id.0).fetch_one(&pool).await?;
        ensure!(kept == 0, "what is handed on no more is forgotten");
        ensure!(sessions.rotate(&first).await.expect("answered").is_none(), "too late");
        ensure!(sessions.rotate(&value(&second)).await.expect("answered").is_none(), "the family has ended");
        ensure!(sessions.rotate("never issued").await.expect("answered").is_none(), "unknown");
        ensure!(
            second.cookie(false).contains("HttpOnly; Secure; SameSite=Strict"),
            "{}",
            second.cookie(false)
        );
        Ok(())
    });
}

#[test]
fn a_refresh_token_whose_answer_was_lost_for_long_is_good_and_ends_the_family_where_the_answer_turns_up() {
    run(async {
        let (registration, pool) = registration().await?;
        let sessions = Sessions::new(pool.clone());
        let (user, _) =
            registration.register(application("lost-answer", "Correct-Horse-7")).await.expect("registered");
        let started = sessions.start(user.user_id, user.password_hash()).await.expect("a session");
        let first = value(&started.expect("the password is the user's"));
        let an_hour_passes = || async {
            sqlx::query(
                "UPDATE refresh_tokens SET rotated_at = rotated_at - interval '1 hour'
                 WHERE family_id IN (SELECT family_id FROM session_families WHERE user_id = $1)",
            )
            .bind(user.user_id.0)
            .execute(&pool)
            .await?;
            anyhow::Ok(sessions.sweep().await?)
        };
        let (_, lost) = sessions.rotate(&first).await.expect("answered").expect("good");
        an_hour_passes().await?;
        let (_, lost_again) =
            sessions.rotate(&first).await.expect("answered").expect("the laptop was closed");
        an_hour_passes().await?;
        let (_, second) = sessions.rotate(&first).await.expect("answered").expect("and once more");
        ensure!(value(&second) != value(&lost) && value(&second) != value(&lost_again), "each is another");
        let (_, third) =
            sessions.rotate(&value(&second)).await.expect("answered").expect("the session goes on");
        ensure!(
            sessions.owner(&value(&third)).await.expect("answered") == Some(user.user_id),
            "it is the user's"
        );

        an_hour_passes().await?;
        ensure!(sessions.rotate(&value(&lost)).await.expect("answered").is_none(), "it was replaced");
        ensure!(
            sessions.owner(&value(&third)).await.expect("answered").is_none(),
            "somebody else has one of the two"
        );
        ensure!(sessions.rotate(&value(&third)).await.expect("answered").is_none(), "the family has ended");

        let started = sessions.start(user.user_id, user.password_hash()).await.expect("a session");
        let stolen = value(&started.expect("the password is the user's"));
        let mut answered = 0;
        while sessions.rotate(&stolen).await.expect("answered").is_some() {
            answered += 1;
            ensure!(answered <= 4, "whoever asks with the same token again and again is no owner");
            an_hour_passes().await?;
        }
        ensure!(answered == 4, "{answered} answers: the first, and three that were lost");
        Ok(())
    });
}

#[test]
fn tabs_that_refresh_at_once_all_get_the_same_token() {
    run(async {
        let (registration, pool) = registration().await?;
        let sessions = Sessions::new(pool);
        let (user, _) =
            registration.register(application("many-tabs", "Correct-Horse-7")).await.expect("registered");
        let started = sessions.start(user.user_id, user.password_hash()).await.expect("a session");
        let mut cookie = value(&started.expect("the password is the user's"));
        for _ in 0..5 {
            let tabs = (0..8).map(|_| sessions.rotate(&cookie));
            let answers = futures::future::join_all(tabs).await;
            let tokens: std::collections::BTreeSet<String> = answers
                .into_iter()
                .map(|answer| value(&answer.expect("answered").expect("good").1))
                .collect();
            ensure!(tokens.len() == 1 && !tokens.contains(&cookie), "{} tokens", tokens.len());
            cookie = tokens.into_iter().next().expect("one");
        }
        Ok(())
    });
}
