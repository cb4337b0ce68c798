//! Reports that several ask for at once are made once: people of one merchant look at the same page, and a page asks again while it waits.
//! Nothing is kept beyond that.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::FutureExt;
use futures::future::{BoxFuture, Shared, WeakShared};
use http::StatusCode;
use http_body_util::BodyExt;
use qafila_schemas::ids::MerchantId;

use crate::app::App;
use crate::auth::reading::Scope;
use crate::call::{Call, json_bytes};
use crate::problem::Problem;
use crate::routes::{Answer, present_store};

/// Whoever comes later than this does not join: a report is no older than what [`Freshness`](super::freshness::Freshness) says of it.
const JOINED_FOR: Duration = Duration::from_millis(500);

type Body = Result<Bytes, Problem>;
type Making = BoxFuture<'static, Body>;

/// All that an answer depends on, but the time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Question {
    merchant: MerchantId,
    store: Option<i64>,
    sees_people: bool,
    language: &'static str,
    report: String,
    query: String,
}

/// Reports that are being made in this process.
#[derive(Default)]
pub struct Sharing(Mutex<HashMap<Question, (Instant, WeakShared<Making>)>>);

impl Sharing {
    /// What somebody is making of `question` already, or else what `make` makes.
    fn join(&self, question: Question, make: impl FnOnce() -> Making) -> Shared<Making> {
        let mut under_way = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = under_way.get(&question).filter(|(began, _)| began.elapsed() < JOINED_FOR);
        if let Some(making) = known.and_then(|(_, making)| making.upgrade()) {
            return making;
        }
        under_way.retain(|_, (_, making)| making.upgrade().is_some());
        let making = make().shared();
        if let Some(weak) = making.downgrade() {
            under_way.insert(question, (Instant::now(), weak));
        }
        making
    }
}

/// `handler`, whose answers are shared.
pub fn shared<H, F>(
    report: &'static str,
    handler: H,
) -> impl Fn(Arc<App>, Call) -> BoxFuture<'static, Answer> + Clone + Send + Sync + 'static
where
    H: Fn(Arc<App>, Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    move |app, call| answer(app, call, report.to_owned(), handler.clone()).boxed()
}

/// As [`shared`], of a report that has an id in its path.
pub fn shared_of<H, F>(
    report: &'static str,
    handler: H,
) -> impl Fn(Arc<App>, Call, String) -> BoxFuture<'static, Answer> + Clone + Send + Sync + 'static
where
    H: Fn(Arc<App>, Call, String) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    move |app, call, id| {
        let handler = handler.clone();
        answer(app, call, format!("{report}/{id}"), move |app, call| handler(app, call, id)).boxed()
    }
}

async fn answer<M, F>(app: Arc<App>, call: Call, report: String, make: M) -> Answer
where
    M: FnOnce(Arc<App>, Call) -> F + Send + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let reader = app.reader(&call, Scope::Reports).await?;
    let question = Question {
        merchant: reader.merchant_id,
        store: present_store(&app, reader.merchant_id).await?,
        sees_people: reader.sees_people,
        language: call.language().code(),
        report,
        query: call.query.clone(),
    };
    let sharer = Arc::clone(&app);
    let made = sharer.sharing.join(question, || async move { body(make(app, call).await).await }.boxed());
    Ok(json_bytes(StatusCode::OK, made.await?))
}

async fn body(answer: Answer) -> Body {
    let collected = answer?.into_body().collect().await;
    Ok(collected.map_err(|error| Problem::unavailable("report", &error))?.to_bytes())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures::future::join;

    use super::*;

    fn question(merchant: u128, sees_people: bool) -> Question {
        Question {
            merchant: MerchantId(uuid::Uuid::from_u128(merchant)),
            store: Some(1),
            sees_people,
            language: "ar",
            report: "summary".into(),
            query: "from=2024-01-01".into(),
        }
    }

    #[tokio::test]
    async fn what_is_asked_at_once_is_made_once_and_later_anew() {
        let (sharing, made) = (Sharing::default(), Arc::new(AtomicUsize::new(0)));
        let ask = |of: Question| {
            let made = Arc::clone(&made);
            sharing.join(of, || {
                async move {
                    let number = made.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    Ok(Bytes::from(number.to_string()))
                }
                .boxed()
            })
        };
        let (one, other) = join(ask(question(1, true)), ask(question(1, true))).await;
        assert_eq!((one, other), (Ok("0".into()), Ok("0".into())));
        assert_eq!(ask(question(1, true)).await, Ok("1".into()), "nothing is kept");
        let (own, of_another) = join(ask(question(1, true)), ask(question(2, true))).await;
        assert_ne!(own, of_another, "another merchant's is another");
        let (seen, unseen) = join(ask(question(1, true)), ask(question(1, false))).await;
        assert_ne!(seen, unseen, "without people it is another");
        assert!(sharing.0.lock().expect("no panic").len() <= 2, "what is over is forgotten");
    }
}
