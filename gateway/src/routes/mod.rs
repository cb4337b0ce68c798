//! All routes, one file per area; each handler takes the application and the call, and answers or names the problem.

pub mod api_keys;
pub mod auth;
pub mod carts;
pub mod customers;
pub mod downloads;
pub mod exports;
pub mod histories;
pub mod jobs;
pub mod me;
pub mod notifications;
pub mod openapi;
pub mod operations;
pub mod orders;
pub mod passwords;
pub mod products;
pub mod reconciliations;
pub mod reports;
pub mod salla;
pub mod sync;
pub mod webhooks;

use std::convert::Infallible;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;
use qafila_projections::oltp::merchants;
use qafila_schemas::ids::MerchantId;
use warp::filters::BoxedFilter;
use warp::reject::{MethodNotAllowed, Rejection};
use warp::reply::{Reply, Response};
use warp::{Filter, path};

use self::reports::sharing::{shared, shared_of};
use crate::app::App;
use crate::call::{Call, call};
use crate::problem::{Code, Problem};

/// What a handler answers.
pub type Answer = Result<Response, Problem>;

/// Every route, with problems for what none of them takes.
pub fn all(app: Arc<App>) -> BoxedFilter<(Response,)> {
    let v1 = path!("api" / "v1" / ..);
    let public = any(vec![
        post(path!("auth" / "register"), &app, auth::register),
        post(path!("auth" / "login"), &app, auth::login),
        post(path!("auth" / "refresh"), &app, auth::refresh),
        post(path!("auth" / "logout"), &app, auth::logout),
        post(path!("auth" / "password" / "forgot"), &app, passwords::forgot),
        post(path!("auth" / "password" / "reset"), &app, passwords::reset),
        post(path!("auth" / "password" / "change"), &app, passwords::change),
    ]);
    let merchant = any(vec![
        get(path!("me"), &app, me::show),
        patch(path!("me"), &app, me::change),
        get(path!("salla" / "auth" / "url"), &app, salla::authorization_url),
        post(path!("salla" / "auth" / "callback"), &app, salla::callback),
        post(path!("salla" / "auth" / "confirm"), &app, salla::confirm),
        post(path!("salla" / "claim"), &app, salla::claim),
        delete(path!("salla" / "connection"), &app, salla::disconnect),
        post(path!("sync" / "initial"), &app, sync::initial),
        post(path!("sync" / "restart"), &app, sync::restart),
        post(path!("sync" / "cancel"), &app, sync::cancel),
        get(path!("sync" / "status"), &app, sync::status::status),
        get(path!("sync" / "runs"), &app, sync::runs::list),
        get(path!("sync" / "estimate"), &app, sync::estimate::estimate),
        get(path!("notifications"), &app, notifications::list),
        post(path!("notifications" / "read-all"), &app, notifications::read_all),
        post_of(path!("notifications" / String / "read"), &app, notifications::read),
    ]);
    let reading = any(vec![
        get(path!("carts"), &app, carts::list),
        get(path!("carts" / "facets"), &app, carts::facets),
        get_of(path!("carts" / String), &app, carts::show),
        get(path!("orders"), &app, orders::list),
        get(path!("orders" / "facets"), &app, orders::facets),
        get_of(path!("orders" / String), &app, orders::show),
        get_of(path!("orders" / String / "histories"), &app, histories::show),
        get(path!("customers"), &app, customers::list),
        get(path!("customers" / "facets"), &app, customers::facets),
        get_of(path!("customers" / String), &app, customers::show),
        get(path!("products"), &app, products::list),
        get(path!("products" / "facets"), &app, products::facets),
        get_of(path!("products" / String), &app, products::show),
        get(path!("reconciliations"), &app, reconciliations::list),
    ]);
    let reporting = any(vec![
        get(path!("summary"), &app, shared("summary", reports::summary::summary)),
        get(path!("sales-trend"), &app, shared("sales-trend", reports::trend::sales_trend)),
        get(path!("top-products"), &app, shared("top-products", reports::rankings::top_products)),
        get(path!("customers"), &app, shared("customers", reports::rankings::customers)),
        get(path!("order-status"), &app, shared("order-status", reports::groups::order_status)),
        get(path!("by-city"), &app, shared("by-city", reports::groups::by_city)),
        get(path!("by-payment"), &app, shared("by-payment", reports::groups::by_payment)),
        get(path!("by-channel"), &app, shared("by-channel", reports::groups::by_channel)),
        get(path!("by-hour"), &app, shared("by-hour", reports::hours::by_hour)),
        get_of(path!("product" / String), &app, shared_of("product", reports::product::product)),
    ]);
    let files = any(vec![
        post(path!("reports" / "export"), &app, exports::request),
        get(path!("reports" / "exports"), &app, exports::list),
        get_of(path!("reports" / "exports" / String), &app, exports::show),
        delete_of(path!("reports" / "exports" / String), &app, exports::revoke),
    ]);
    let downloads = any(vec![
        get_of(path!("download" / String), &app, downloads::download),
        get_of(path!("download" / String / "manifest"), &app, downloads::manifest),
        head_of(path!("download" / String), &app, downloads::look),
    ]);
    let keys = any(vec![
        get(path!("api-keys"), &app, api_keys::list),
        post(path!("api-keys"), &app, api_keys::make),
        delete_of(path!("api-keys" / String), &app, api_keys::revoke),
    ]);
    let services = any(vec![
        post(path!("sync" / "initiate"), &app, jobs::initiate),
        get(path!("sync" / "status"), &app, jobs::status),
    ]);
    let operations = any(vec![
        get(path!("health" / "live"), &app, operations::live),
        get(path!("health" / "ready"), &app, operations::ready),
        get(path!("metrics"), &app, operations::metrics),
        get(path!("api" / "openapi.json"), &app, openapi::document),
        get(path!("api" / "docs"), &app, openapi::docs::page),
        get_of(path!("api" / "docs" / String), &app, openapi::docs::asset),
    ]);
    let webhooks = post(path!("api" / "webhooks" / "salla"), &app, webhooks::salla);
    let reports = path!("api" / "v1" / "reports" / ..).and(reporting).boxed();
    let services = path!("api" / "jobs" / ..).and(services).boxed();
    let of_v1 = v1.and(any(vec![public, merchant, reading, files, keys])).boxed();
    webhooks
        .or(any(vec![reports, of_v1, downloads, services, operations]))
        .unify()
        .recover(refused)
        .unify()
        .boxed()
}

/// The first of these routes that takes a request. They are halved, and each half has the same type: that of a chain of all is too deep for the
/// compiler.
fn any(mut routes: Vec<BoxedFilter<(Response,)>>) -> BoxedFilter<(Response,)> {
    let second = routes.split_off(routes.len().div_ceil(2));
    match (routes.len(), second.len()) {
        (1, 0) => routes.remove(0),
        _ => any(routes).or(any(second)).unify().boxed(),
    }
}

/// The merchant's present store: whoever connects another never sees two mixed.
pub(crate) async fn present_store(app: &App, merchant: MerchantId) -> Result<Option<i64>, Problem> {
    Ok(merchants::find(&app.query_pool, merchant).await?.and_then(|known| known.store_id))
}

/// An id of Salla's in a path; none for what is no such id, so that nothing has it.
fn numbered(id: &str) -> Option<i64> {
    id.parse().ok()
}

macro_rules! method {
    ($name:ident) => {
        fn $name<P, H, F>(path: P, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
        where
            P: Filter<Extract = (), Error = Rejection> + Clone + Send + Sync + 'static,
            H: Fn(Arc<App>, Call) -> F + Clone + Send + Sync + 'static,
            F: Future<Output = Answer> + Send + 'static,
        {
            handled(path.boxed().and(warp::$name()).boxed(), app, handler)
        }
    };
}
method!(get);
method!(post);
method!(patch);
method!(delete);

macro_rules! method_of {
    ($name:ident, $method:ident) => {
        /// A call about one thing, whose id is in the path.
        fn $name<P, H, F>(path: P, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
        where
            P: Filter<Extract = (String,), Error = Rejection> + Clone + Send + Sync + 'static,
            H: Fn(Arc<App>, Call, String) -> F + Clone + Send + Sync + 'static,
            F: Future<Output = Answer> + Send + 'static,
        {
            handled_of(path.boxed().and(warp::$method()).boxed(), app, handler)
        }
    };
}
method_of!(get_of, get);
method_of!(head_of, head);
method_of!(post_of, post);
method_of!(delete_of, delete);

fn handled_of<H, F>(matched: BoxedFilter<(String,)>, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
where
    H: Fn(Arc<App>, Call, String) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let app = Arc::clone(app);
    answered_of(matched, Arc::new(move |id, call| Box::pin(handler(Arc::clone(&app), call, id))))
}

fn handled<H, F>(matched: BoxedFilter<()>, app: &Arc<App>, handler: H) -> BoxedFilter<(Response,)>
where
    H: Fn(Arc<App>, Call) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Answer> + Send + 'static,
{
    let app = Arc::clone(app);
    answered(matched, Arc::new(move |call| Box::pin(handler(Arc::clone(&app), call))))
}

// Handlers are boxed before warp sees them: its filters are made once, and not anew for each of seventy routes, which took the compiler 40 s.
type Answering = BoxFuture<'static, Answer>;

fn answered(
    matched: BoxedFilter<()>,
    handler: Arc<dyn Fn(Call) -> Answering + Send + Sync>,
) -> BoxedFilter<(Response,)> {
    let answer = move |call| handler(call).map(|answer| answer.unwrap_or_else(Reply::into_response));
    matched.and(call()).then(answer).boxed()
}

fn answered_of(
    matched: BoxedFilter<(String,)>,
    handler: Arc<dyn Fn(String, Call) -> Answering + Send + Sync>,
) -> BoxedFilter<(Response,)> {
    let answer = move |id, call| handler(id, call).map(|answer| answer.unwrap_or_else(Reply::into_response));
    matched.and(call()).then(answer).boxed()
}

/// What no route took.
async fn refused(rejection: Rejection) -> Result<Response, Infallible> {
    let problem = if rejection.is_not_found() {
        Problem::new(Code::NotFound)
    } else if rejection.find::<MethodNotAllowed>().is_some() {
        Problem::new(Code::MethodNotAllowed)
    } else {
        Problem::new(Code::BadRequest)
    };
    Ok(problem.into_response())
}
